#include "tui/pane/pane_log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw/text.h"

enum { LINE_BYTES = 4000, CLOCK_BYTES = 8, STAMP_BYTES = 20, CLOCK_LEAST = 40 };

/* A line of log.txt: "2026-11-24T14:38:41Z warning: text"; what was printed has no such head. */
typedef struct LogLine {
    const char *clock; /* [CLOCK_BYTES] "14:38:41"; NULL: none */
    const char *text;
    size_t      bytes;
    Ink         ink;
} LogLine;

static bool is_stamp(const char *line)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    for (int i = 0; i < STAMP_BYTES; i++) {
        if (form[i] == '0' ? !isdigit((unsigned char)line[i]) : line[i] != form[i]) {
            return false;
        }
    }
    return line[STAMP_BYTES] == ' ';
}

static LogLine parse(const char *line)
{
    static const struct {
        const char *name;
        Ink         ink;
    } levels[]     = {{"info: ", INK_TEXT}, {"warning: ", INK_WARN}, {"error: ", INK_BAD}};
    LogLine result = {.text = line, .ink = INK_TEXT};
    if (is_stamp(line)) {
        result.clock = line + sizeof "2026-11-24T" - 1;
        result.text  = line + STAMP_BYTES + 1;
    }
    for (int i = 0; i < 3; i++) {
        if (strncmp(result.text, levels[i].name, strlen(levels[i].name)) == 0) {
            result.ink = levels[i].ink;
            result.text += i == 0 ? strlen(levels[i].name) : 0;
            break;
        }
    }
    result.bytes = strnlen(result.text, LINE_BYTES);
    return result;
}

const char *pane_log_text(const char *line)
{
    return parse(line).text;
}

/* Draws a line so that its last row is `bottom`; returns the row above its first. */
static int draw_line(Area area, int bottom, const char *text)
{
    const LogLine line   = parse(text);
    const bool    clock  = line.clock != NULL && area.width >= CLOCK_LEAST;
    const int     indent = clock ? CLOCK_BYTES + 1 : 0;
    size_t        count  = 0;
    size_t       *starts = text_wrap(line.text, line.bytes, area.width - indent, &count);
    if (starts == NULL) {
        return bottom - 1;
    }
    const int rows = count > 0 ? (int)count : 1, top = bottom - rows + 1;
    for (size_t i = 0; i < count; i++) {
        const int row = top + (int)i;
        if (row >= 0) {
            area_text(area, indent, row, line.ink, 0, line.text + starts[i], starts[i + 1] - starts[i]);
        }
    }
    if (clock && top >= 0) {
        area_text(area, 0, top, INK_FAINT, 0, line.clock, CLOCK_BYTES);
    }
    free(starts);
    return top - 1;
}

void pane_log_draw(PaneLog *pane, const History *history, Area area, Glyphs glyphs)
{
    (void)glyphs;
    const int count = history_log_count(history);
    if (area.width < 1 || area.height < 1) {
        return;
    }
    if (pane->up > 0 && count > pane->seen) {
        pane->up += count - pane->seen; /* what is read stays in its place */
    }
    pane->seen = count;
    pane->up   = pane->up < count ? pane->up : count > 0 ? count - 1 : 0;
    pane->page = area.height;
    if (count == 0) {
        area_text(area, 0, 0, INK_FAINT, 0, "nothing yet", SIZE_MAX);
    }
    int row = area.height - 1;
    for (int i = count - 1 - pane->up; i >= 0 && row >= 0; i--) {
        row = draw_line(area, row, history_log_line(history, i));
    }
}

bool pane_log_key(PaneLog *pane, TerminalKey key)
{
    const int page = pane->page > 2 ? pane->page - 1 : 1;
    switch (key.code) {
    case 'k':
    case KEY_CODE_UP: pane->up++; break;
    case 'j':
    case KEY_CODE_DOWN: pane->up--; break;
    case KEY_CODE_PAGE_UP: pane->up += page; break;
    case KEY_CODE_PAGE_DOWN: pane->up -= page; break;
    case KEY_CODE_HOME: pane->up = HISTORY_LOG_LINES; break; /* put right when drawn */
    case KEY_CODE_END: pane->up = 0; break;
    default: return false;
    }
    pane->up = pane->up > 0 ? pane->up : 0;
    return true;
}
