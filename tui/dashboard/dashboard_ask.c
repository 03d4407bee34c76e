/* What the user is asked: how to leave a run that trains, whether to kill it, which prompt to sample. */
#include <string.h>

#include "engine/utf8.h"
#include "tui/dashboard/dashboard_parts.h"
#include "tui/draw/text.h"

enum { CTRL_A = 1, CTRL_C = 3, CTRL_E = 5, CTRL_U = 21, PROMPT_WIDTH = 100, QUESTION_WIDTH = 60 };

/* --- leaving */

typedef struct Answer {
    const char *key, *name, *meaning;
} Answer;

static const Answer leave_answers[] = {
    {"s", "stop", "finish the step, save, end"},
    {"d", "detach", "it trains on without a screen"},
    {"k", "kill", "end now; steps since the last checkpoint are lost"},
    {"c", "cancel", "stay here"},
    {NULL, NULL, NULL},
};
static const Answer kill_answers[] = {
    {"k", "kill", "end now; steps since the last checkpoint are lost"},
    {"d", "detach", "it saves and ends without a screen"},
    {"c", "cancel", "wait for it"},
    {NULL, NULL, NULL},
};

void ask_leave(Dashboard *dashboard)
{
    if (!dashboard->trainer.alive) {
        dashboard_leave(dashboard, dashboard->options->child > 0 ? DASHBOARD_STOPPED : DASHBOARD_LEFT);
        return;
    }
    dashboard->overlay = dashboard->trainer.stopping ? OVERLAY_KILL : OVERLAY_LEAVE;
}

static void draw_question(Dashboard *dashboard, const char *title, const Answer *answers)
{
    int count = 0;
    while (answers[count].key != NULL) {
        count++;
    }
    const Area area = dashboard_box(dashboard, QUESTION_WIDTH + 4, count + 2, title);
    if (area.height < count) { /* in a row */
        int column = 0;
        for (int i = 0; i < count; i++) {
            column += area_text(area, column, 0, INK_ACCENT, ATTR_BOLD, answers[i].key, SIZE_MAX) + 1;
            column += area_text(area, column, 0, INK_TEXT, 0, answers[i].name, SIZE_MAX) + 1;
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        area_text(area, 1, i, INK_ACCENT, ATTR_BOLD, answers[i].key, SIZE_MAX);
        area_text(area, 4, i, INK_TEXT, ATTR_BOLD, answers[i].name, SIZE_MAX);
        area_text(area, 12, i, INK_TEXT, 0, answers[i].meaning, SIZE_MAX);
    }
}

static void question_key(Dashboard *dashboard, int code)
{
    const bool killing = dashboard->overlay == OVERLAY_KILL;
    switch (code) {
    case CTRL_C: code = killing ? 'k' : 's'; break; /* who presses it again means it */
    case 's': code = killing ? 'c' : 's'; break;    /* it is stopping already        */
    case 'q':
    case KEY_CODE_ESCAPE: code = 'c'; break;
    default: break;
    }
    if (code < 0 || code > 127 || strchr("sdkc", code) == NULL || code == 0) {
        return;
    }
    dashboard->overlay = OVERLAY_NONE;
    switch (code) {
    case 's': trainer_stop(dashboard); break;
    case 'd': dashboard_leave(dashboard, DASHBOARD_DETACHED); break;
    case 'k': trainer_kill(dashboard); break;
    default: break;
    }
}

/* --- the prompt of a sample */

/* A prompt on one line: a newline is "\n", a tab "\t", a backslash "\\". */
static void escape(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; *text != '\0'; text++) {
        const char  *escaped = *text == '\n' ? "\\n" : *text == '\t' ? "\\t" : *text == '\\' ? "\\\\" : NULL;
        const size_t length  = escaped != NULL ? 2 : 1;
        if (used + length >= size) {
            break;
        }
        memcpy(out + used, escaped != NULL ? escaped : text, length);
        used += length;
    }
    used      = utf8_check(out, used); /* not within a character */
    out[used] = '\0';
}

static void unescape(const char *text, char *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0') {
            text++;
            *out++ = *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
        } else {
            *out++ = *text;
        }
    }
    *out = '\0';
}

void ask_prompt(Dashboard *dashboard)
{
    if (!dashboard->trainer.alive) {
        trainer_command(dashboard, CONTROL_SAMPLE, NULL); /* says why not */
        return;
    }
    escape(pane_traces_prompt(dashboard->traces), dashboard->prompt.text, sizeof dashboard->prompt.text);
    dashboard->prompt.cursor = strlen(dashboard->prompt.text);
    dashboard->overlay       = OVERLAY_PROMPT;
}

static void send_prompt(Dashboard *dashboard)
{
    char text[CONTROL_TEXT_MAX];
    unescape(dashboard->prompt.text, text);
    dashboard->overlay = OVERLAY_NONE;
    if (text[0] != '\0') {
        trainer_command(dashboard, CONTROL_SAMPLE, text);
    }
}

/* Takes the bytes from `from` to `to` away. */
static void cut(Dashboard *dashboard, size_t from, size_t to)
{
    char *text = dashboard->prompt.text;
    memmove(text + from, text + to, strlen(text + to) + 1);
    dashboard->prompt.cursor = from;
}

static void insert(Dashboard *dashboard, uint32_t code)
{
    char        *text = dashboard->prompt.text;
    char         bytes[4];
    const size_t count = utf8_encode(code, bytes), length = strlen(text), at = dashboard->prompt.cursor;
    if (length + count < sizeof dashboard->prompt.text) {
        memmove(text + at + count, text + at, length - at + 1);
        memcpy(text + at, bytes, count);
        dashboard->prompt.cursor += count;
    }
}

static void prompt_key(Dashboard *dashboard, int code)
{
    const char  *text   = dashboard->prompt.text;
    const size_t length = strlen(text);
    size_t       at     = dashboard->prompt.cursor;
    switch (code) {
    case KEY_CODE_ESCAPE: dashboard->overlay = OVERLAY_NONE; return;
    case KEY_CODE_ENTER: send_prompt(dashboard); return;
    case CTRL_A:
    case KEY_CODE_HOME: dashboard->prompt.cursor = 0; return;
    case CTRL_E:
    case KEY_CODE_END: dashboard->prompt.cursor = length; return;
    case CTRL_U: cut(dashboard, 0, at); return;
    case 8:
    case KEY_CODE_BACKSPACE:
    case KEY_CODE_LEFT:
        if (at > 0) {
            utf8_previous(text, &at);
            if (code == KEY_CODE_LEFT) {
                dashboard->prompt.cursor = at;
            } else {
                cut(dashboard, at, dashboard->prompt.cursor);
            }
        }
        return;
    case KEY_CODE_DELETE:
    case KEY_CODE_RIGHT:
        if (at < length) {
            utf8_next(text, length, &at);
            if (code == KEY_CODE_RIGHT) {
                dashboard->prompt.cursor = at;
            } else {
                cut(dashboard, dashboard->prompt.cursor, at);
            }
        }
        return;
    default:
        if (code >= 32 && code < KEY_CODE_UP) {
            insert(dashboard, (uint32_t)code);
        }
        return;
    }
}

/* One row; what is left of the cursor stays in view. */
static void draw_prompt(Dashboard *dashboard)
{
    const Area   area   = dashboard_box(dashboard, PROMPT_WIDTH, 3, "a prompt to sample: Enter asks, Esc leaves");
    const char  *text   = dashboard->prompt.text;
    const size_t length = strlen(text), cursor = dashboard->prompt.cursor;
    size_t       from = 0, after = cursor;
    while (from < cursor && text_width(text + from, cursor - from) > area.width - 2) {
        utf8_next(text, length, &from);
    }
    int column = area_text(area, 0, 0, INK_TEXT, 0, text + from, cursor - from);
    if (cursor < length) {
        utf8_next(text, length, &after);
        column += area_text(area, column, 0, INK_TEXT, ATTR_REVERSE, text + cursor, after - cursor);
        area_text(area, column, 0, INK_TEXT, 0, text + after, length - after);
    } else {
        area_put(area, column, 0, ' ', INK_TEXT, ATTR_REVERSE);
    }
}

/* --- both */

void ask_draw(Dashboard *dashboard)
{
    switch (dashboard->overlay) {
    case OVERLAY_LEAVE: draw_question(dashboard, "training goes on; leave how?", leave_answers); break;
    case OVERLAY_KILL: draw_question(dashboard, "it finishes the step, then saves", kill_answers); break;
    default: draw_prompt(dashboard); break;
    }
}

void ask_key(Dashboard *dashboard, TerminalKey key)
{
    if (dashboard->overlay == OVERLAY_PROMPT) {
        prompt_key(dashboard, key.code);
    } else {
        question_key(dashboard, key.code);
    }
}
