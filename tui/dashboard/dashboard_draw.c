/* The screen: head, panes, foot, and what lies over them. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "tui/dashboard/dashboard_parts.h"
#include "tui/draw/text.h"

enum { BAR_MOST = 40, BAR_LEAST = 6, GAP = 2, NAME_LEAST = 8 };
enum { HEAD_NAME, HEAD_MORE, HEAD_TASK, HEAD_STAGE, HEAD_STEP, HEAD_LEFT, HEAD_STATE, HEAD_PARTS };
enum { KEEP_BEFORE_NAME = 5, KEEP_ALWAYS = 7 };

static const double stale_seconds = 60, stale_steps = 10; /* without an event: whichever is more */

/* --- the head */

static void clock_text(double unix_time, char *out, size_t size)
{
    const time_t seconds = (time_t)unix_time;
    struct tm    parts;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(out, size, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        snprintf(out, size, "?");
    }
}

Ink dashboard_state_text(const Dashboard *dashboard, char *out, size_t size)
{
    const HistoryState *state   = history_state(dashboard->runs[0]);
    const TrainerLook  *trainer = &dashboard->trainer;
    if (dashboard->loaded < 1 && dashboard->reading) {
        snprintf(out, size, "reading %d%%", (int)(100 * dashboard->loaded));
        return INK_WARN;
    }
    if (dashboard->replay.begun) {
        char when[32];
        clock_text(dashboard->replay.first[0] + dashboard->replay.at, when, sizeof when);
        snprintf(out, size, "%s x%g %s", dashboard->replay.paused ? "replay paused" : "replay", dashboard->replay.speed,
                 when);
        return INK_ACCENT;
    }
    if (dashboard->options->child > 0 && !trainer->alive && !state->ended) {
        snprintf(out, size, "the trainer has ended");
        return INK_BAD;
    }
    if (state->ended) {
        const bool done = strcmp(state->end_reason, "done") == 0;
        snprintf(out, size, "ended: %s", state->end_reason[0] != '\0' ? state->end_reason : "no reason given");
        return done ? INK_GOOD : INK_WARN;
    }
    if (trainer->stopping) {
        snprintf(out, size, "stopping");
        return INK_WARN;
    }
    if (dashboard->paused) {
        snprintf(out, size, "paused");
        return INK_WARN;
    }
    if (trainer->wants_pause) {
        snprintf(out, size, "pausing");
        return INK_WARN;
    }
    const double silent = dashboard_unix_time() - state->last_time;
    if (state->last_time > 0 && silent > fmax(stale_seconds, stale_steps * state->step_seconds)) {
        char time[16];
        machine_duration(silent < 3600 ? floor(silent / 60) * 60 : silent, time);
        snprintf(out, size, "no event for %s", time);
        return INK_WARN;
    }
    snprintf(out, size, state->started ? "running" : "starting");
    return state->started ? INK_GOOD : INK_FAINT;
}

typedef struct HeadPart {
    char text[128];
    Ink  ink;
    int  attrs;
    int  keep;  /* the least leaves first */
    int  width; /* 0: left out            */
    bool right;
} HeadPart;

/* As many as fit, the most important ones; the name is cut for those that matter more than its end. Returns the columns
 * that are left. */
static int fit_parts(HeadPart *parts, int width)
{
    for (;;) {
        int used = 0, least = -1;
        for (int i = 0; i < HEAD_PARTS; i++) {
            if (parts[i].width > 0) {
                used += parts[i].width + GAP;
                least = least < 0 || parts[i].keep < parts[least].keep ? i : least;
            }
        }
        const int missing = used - GAP - width;
        if (missing <= 0 || parts[least].keep == KEEP_ALWAYS) {
            return -missing;
        }
        if (parts[least].keep >= KEEP_BEFORE_NAME && parts[HEAD_NAME].width - missing >= NAME_LEAST) {
            parts[HEAD_NAME].width -= missing;
        } else {
            parts[least].width = 0;
        }
    }
}

/* A thin line. */
static void draw_progress(Area area, double share, Glyphs glyphs)
{
    const int      done = (int)lround(fmin(share, 1) * area.width);
    const uint32_t line = glyphs == GLYPHS_ASCII ? '=' : 0x2501, rest = glyphs == GLYPHS_ASCII ? '-' : 0x2500;
    for (int i = 0; i < area.width; i++) {
        area_put(area, i, 0, i < done ? line : rest, i < done ? INK_ACCENT : INK_BORDER, 0);
    }
}

static void draw_head(Dashboard *dashboard, Area area, Glyphs glyphs)
{
    const HistoryState *state             = history_state(dashboard->runs[0]);
    HeadPart            parts[HEAD_PARTS] = {
                   [HEAD_NAME]  = {.ink = INK_TITLE, .attrs = ATTR_BOLD, .keep = 6},
                   [HEAD_MORE]  = {.ink = INK_TEXT, .keep = 3},
                   [HEAD_TASK]  = {.ink = INK_FAINT, .keep = 1},
                   [HEAD_STAGE] = {.ink = INK_TEXT, .keep = 2},
                   [HEAD_STEP]  = {.ink = INK_TEXT, .keep = KEEP_BEFORE_NAME},
                   [HEAD_LEFT]  = {.ink = INK_FAINT, .keep = 4},
                   [HEAD_STATE] = {.attrs = ATTR_BOLD, .keep = KEEP_ALWAYS, .right = true},
    };
    snprintf(parts[HEAD_NAME].text, sizeof parts->text, "%.60s",
             state->name[0] != '\0' ? state->name : dashboard->options->runs[0]);
    if (dashboard->options->run_count > 1) {
        snprintf(parts[HEAD_MORE].text, sizeof parts->text, "+ %d more", dashboard->options->run_count - 1);
    }
    snprintf(parts[HEAD_TASK].text, sizeof parts->text, "%.30s", state->task);
    const bool named = state->phase[0] != '\0' && strcmp(state->phase, state->stage) != 0;
    snprintf(parts[HEAD_STAGE].text, sizeof parts->text, "%s%s%.40s", state->stage, named ? " " : "",
             named ? state->phase : "");
    if (state->stage_steps > 0) {
        snprintf(parts[HEAD_STEP].text, sizeof parts->text, "step %.0f/%.0f", state->stage_step, state->stage_steps);
    } else if (state->step > 0) {
        snprintf(parts[HEAD_STEP].text, sizeof parts->text, "step %llu", (unsigned long long)state->step);
    }
    const double left = (state->stage_steps - state->stage_step) * state->step_seconds;
    char         time[16];
    if (!state->ended && left > 0) {
        machine_duration(left, time);
        snprintf(parts[HEAD_LEFT].text, sizeof parts->text, "%s left", time);
    }
    parts[HEAD_STATE].ink = dashboard_state_text(dashboard, parts[HEAD_STATE].text, sizeof parts->text);

    for (int i = 0; i < HEAD_PARTS; i++) {
        parts[i].width = text_width(parts[i].text, strlen(parts[i].text));
    }
    const int room   = fit_parts(parts, area.width);
    int       column = 0;
    for (int i = 0; i < HEAD_PARTS; i++) {
        const HeadPart *part = &parts[i];
        if (part->width == 0) {
            continue;
        }
        if (part->right) {
            area_text_right(area, area.width, 0, part->ink, part->attrs, part->text);
            continue;
        }
        area_text(area_part(area, column, 0, part->width, 1), 0, 0, part->ink, part->attrs, part->text, SIZE_MAX);
        column += part->width + GAP;
        if (i == HEAD_STEP && state->stage_steps > 0 && room >= BAR_LEAST + GAP) {
            const int bar = room - GAP < BAR_MOST ? room - GAP : BAR_MOST;
            draw_progress(area_part(area, column, 0, bar, 1), state->stage_step / state->stage_steps, glyphs);
            column += bar + GAP;
        }
    }
}

/* --- the foot */

typedef struct Hint {
    const char *keys, *text;
} Hint;

static const Hint curve_hints[]     = {{"e", "metrics"},  {"h l", "read values"}, {"+ -", "zoom"},
                                       {"s", "smooth"},   {"y", "log"},           {"W", "plot"},
                                       {"m", "next set"}, {"r", "recent"},        {NULL, NULL}};
static const Hint trace_hints[]     = {{"[ ]", "trace"},      {"f", "filter"}, {"L", "longest"}, {"/", "search"},
                                       {"v", "before/after"}, {"G", "newest"}, {NULL, NULL}};
static const Hint behaviour_hints[] = {{"t", "per 1,000 tokens"}, {"j k", "scroll"}, {NULL, NULL}};
static const Hint log_hints[]       = {{"j k", "scroll"}, {"End", "newest"}, {NULL, NULL}};
static const Hint no_hints[]        = {{NULL, NULL}};
static const Hint replay_hints[]    = {
       {"space", "pause"}, {"< >", "speed"}, {", .", "back, on"}, {"{ }", "start, end"}, {NULL, NULL}};
static const Hint paused_hints[] = {{"space", "go on"}, {"c", "checkpoint"}, {"o", "sample"}, {NULL, NULL}};
static const Hint own_hints[]    = {{"space", "pause"}, {"c", "checkpoint"}, {"o", "sample"}, {NULL, NULL}};
static const Hint screen_hints[] = {{"Tab", "pane"}, {"z", "zoom pane"}, {"w", "picture"}, {NULL, NULL}};

static const Hint *pane_hints(Pane pane)
{
    return pane <= PANE_HEALTH      ? curve_hints
           : pane == PANE_TRACES    ? trace_hints
           : pane == PANE_BEHAVIOUR ? behaviour_hints
           : pane == PANE_LOG       ? log_hints
                                    : no_hints;
}

/* Those of a list that fit before `end`; returns the next column. */
static int draw_hints(Area area, int column, int end, const Hint *hints)
{
    for (; hints->keys != NULL; hints++) {
        const int width = (int)strlen(hints->keys) + 1 + (int)strlen(hints->text);
        if (column + width > end) {
            break;
        }
        column += area_text(area, column, 0, INK_ACCENT, ATTR_BOLD, hints->keys, SIZE_MAX) + 1;
        column += area_text(area, column, 0, INK_FAINT, 0, hints->text, SIZE_MAX) + GAP;
    }
    return column;
}

static void draw_foot(const Dashboard *dashboard, Area area)
{
    static const Hint always[]     = {{"?", "help"}, {"q", "quit"}, {NULL, NULL}};
    static const int  always_width = 6 + GAP + 6;
    int               column = 0, end = area.width;
    if (dashboard_now() < dashboard->message_until) {
        column = area_text(area, 0, 0, INK_ACCENT, ATTR_BOLD, dashboard->message, SIZE_MAX) + GAP;
    }
    if (column + always_width <= area.width) {
        end = area.width - always_width - GAP;
        draw_hints(area, area.width - always_width, area.width, always);
    }
    column = draw_hints(area, column, end, pane_hints(dashboard->focus));
    if (dashboard->replay.on) {
        column = draw_hints(area, column, end, replay_hints);
    } else if (dashboard->trainer.alive) {
        column = draw_hints(area, column, end, dashboard->trainer.wants_pause ? paused_hints : own_hints);
    }
    draw_hints(area, column, end, screen_hints);
}

/* --- the panes */

static void pane_title(Dashboard *dashboard, Pane pane, Glyphs glyphs, char *out, size_t size)
{
    switch (pane) {
    case PANE_REWARD:
    case PANE_ACCURACY:
    case PANE_LENGTH:
    case PANE_HEALTH: pane_curves_title(dashboard->curves[pane], glyphs, out, size); break;
    case PANE_TRACES: pane_traces_title(dashboard->traces, glyphs, out, size); break;
    case PANE_BEHAVIOUR: pane_behaviour_title(&dashboard->behaviour, glyphs, out, size); break;
    case PANE_LENGTHS: snprintf(out, size, "lengths of traces"); break;
    case PANE_MACHINE: snprintf(out, size, "machine"); break;
    case PANE_LOG: snprintf(out, size, dashboard->log.up > 0 ? "log, %d lines up" : "log", dashboard->log.up); break;
    case PANE_COUNT: break;
    }
}

static void draw_pane(Dashboard *dashboard, Pane pane, Area area, Glyphs glyphs)
{
    char title[160], numbered[176];
    pane_title(dashboard, pane, glyphs, title, sizeof title);
    snprintf(numbered, sizeof numbered, "%d %s", pane + 1, title);
    area             = area_frame(area, numbered, pane == dashboard->focus, glyphs);
    const History *h = dashboard->runs[0];
    switch (pane) {
    case PANE_REWARD:
    case PANE_ACCURACY:
    case PANE_LENGTH:
    case PANE_HEALTH: pane_curves_draw(dashboard->curves[pane], area, glyphs); break;
    case PANE_TRACES: pane_traces_draw(dashboard->traces, area, glyphs); break;
    case PANE_BEHAVIOUR: pane_behaviour_draw(&dashboard->behaviour, h, area, glyphs); break;
    case PANE_LENGTHS: pane_lengths_draw(h, area, glyphs); break;
    case PANE_MACHINE: pane_machine_draw(h, area, glyphs); break;
    case PANE_LOG: pane_log_draw(&dashboard->log, h, area, glyphs); break;
    case PANE_COUNT: break;
    }
}

Area dashboard_box(Dashboard *dashboard, int width, int height, const char *title)
{
    const Area all = canvas_area(dashboard->canvas);
    width          = width < all.width ? width : all.width;
    height         = height < all.height ? height : all.height;
    const Area box = area_part(all, (all.width - width) / 2, (all.height - height) / 2, width, height);
    area_fill(box, ' ', INK_TEXT, 0);
    return area_frame(box, title, true, dashboard_glyphs(dashboard));
}

static Area box_area(Canvas *canvas, const LayoutBox *box)
{
    return area_part(canvas_area(canvas), box->x, box->y, box->width, box->height);
}

/* Meanings that were colours become attributes, as on a terminal without any. */
static void remove_colours(Canvas *canvas)
{
    for (int i = 0; i < canvas->width * canvas->height; i++) {
        Cell           *cell = &canvas->cells[i];
        const ThemeInk *ink  = theme_ink((Ink)cell->ink);
        cell->attrs          = (uint8_t)(cell->attrs | ink->attrs | ink->mono_attrs);
        cell->ink            = INK_TEXT;
    }
}

void dashboard_draw(Dashboard *dashboard)
{
    Canvas      *canvas = dashboard->canvas;
    const Glyphs glyphs = dashboard_glyphs(dashboard);
    Layout      *layout = &dashboard->layout;
    canvas_clear(canvas);
    layout_of(canvas->width, canvas->height, dashboard->focus, dashboard->maximised, layout);
    for (int i = 0; i < PANE_COUNT; i++) {
        if (layout->panes[i].width > 0) {
            draw_pane(dashboard, (Pane)i, box_area(canvas, &layout->panes[i]), glyphs);
        }
    }
    if (layout->head.height > 0) {
        draw_head(dashboard, box_area(canvas, &layout->head), glyphs);
    }
    if (layout->foot.height > 0) {
        draw_foot(dashboard, box_area(canvas, &layout->foot));
    }
    switch (dashboard->overlay) {
    case OVERLAY_NONE: break;
    case OVERLAY_HELP: help_draw(dashboard); break;
    case OVERLAY_OPTIONS: options_draw(dashboard); break;
    default: ask_draw(dashboard); break;
    }
    if (!dashboard->settings.colours) {
        remove_colours(canvas);
    }
}
