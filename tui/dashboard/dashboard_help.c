/* ? and F1: all keys, and what the marks in a trace mean. */
#include <stdlib.h>
#include <string.h>

#include "tui/dashboard/dashboard_parts.h"
#include "tui/draw/text.h"
#include "tui/trace/trace_filter.h"
#include "tui/trace/trace_look.h"

enum {
    ROWS_MOST    = 320,
    COLUMNS_MOST = 3,
    COLUMN_LEAST = 56,
    KEYS_WIDE    = 16,
    KEYS_NARROW  = 10,
    TEXT_LEAST   = 30,
    MORE_LEAST   = 30
};

typedef struct HelpLine {
    const char *keys, *text; /* text NULL: `keys` is a heading; keys NULL: goes on from the line before */
} HelpLine;

static const HelpLine lines[] = {
    {"Panes", NULL},
    {"Tab, Shift-Tab", "the next pane, the one before"},
    {"1 to 9", "the pane with this number in its title"},
    {"z", "the pane fills the screen; z or Esc: back"},
    {"arrows, h j k l", "move within the pane; PgUp PgDn Home End too"},
    {"mouse", "a click chooses a pane, the wheel scrolls it or zooms"},
    {"Traces, from anywhere", NULL},
    {"[ ]", "the trace before, the next one"},
    {"g G", "the oldest, the newest (new ones are then shown as they come)"},
    {"f", ""}, /* the filter's letters are put in */
    {"L", "the longest of the traces that pass the filter"},
    {"/", "search in prompts and responses; then n N: next, previous"},
    {"v", "the same problem at other steps, side by side; h l choose a side, [ ] its step, v leaves"},
    {"j k", "scroll, when this pane has the focus: below the text are all details"},
    {"Curves", NULL},
    {"h l, left right", "a cursor that reads the values; Home End; Esc leaves it"},
    {"+ - 0", "zoom in, out, all steps"},
    {"r", "the newest steps or the whole history"},
    {"s", "smoothing: off, 0.6, 0.9, 0.97; the raw curve stays behind it"},
    {"y", "log scale"},
    {"m M", "the next, previous set of metrics of this pane"},
    {"e", "choose any logged metrics: type to filter, Enter switches one, Esc closes"},
    {"t", "behaviours per trace or per 1,000 tokens, when that pane has the focus"},
    {"Pictures", NULL},
    {"w", "saves the screen as rlsp-NAME-STEP.png in this directory; z before it: one pane alone"},
    {"W", "plots the curves that had the focus last, on white: 1 W the reward, 2 W the accuracy"},
    {"The trainer, where it was started", NULL},
    {"space, p", "pause after this step, go on"},
    {"c", "save a checkpoint after this step"},
    {"o", "sample a prompt of yours now; its trace is the newest one"},
    {"q, Ctrl-C", "leave, after a question: stop and save, detach and let it train on, kill, cancel"},
    {"The screen", NULL},
    {"? F1", "this help"},
    {"F2, O", "options: smoothing, colours, glyphs, refresh, mouse"},
    {"Ctrl-L", "draw everything again"},
    {"Ctrl-Z", "back to the shell for a while; fg returns"},
    {"Replay, rlsp watch --replay", NULL},
    {"space, < >", "pause; half as fast, twice as fast"},
    {", . { }", "a twentieth of the run back, on; its start, its end"},
    {"What is marked in a trace", NULL},
};

typedef struct HelpRow {
    const char *keys; /* NULL: none on this row */
    const char *text;
    size_t      bytes;
    bool        heading;
    TraceLook   look;         /* of the keys */
    int         column, line; /* where it is drawn */
} HelpRow;

typedef struct HelpRows {
    HelpRow rows[ROWS_MOST];
    int     count;
} HelpRows;

static void add_row(HelpRows *rows, HelpRow row)
{
    if (rows->count < ROWS_MOST) {
        rows->rows[rows->count++] = row;
    }
}

/* A line with its text in as many rows as it takes; keys that are too long for their column have a row of their own. */
static void add_line(HelpRows *rows, const char *keys, TraceLook look, int keys_width, const char *text, int width)
{
    if ((int)strlen(keys) >= keys_width) {
        add_row(rows, (HelpRow){.keys = keys, .look = look});
        keys = NULL;
    }
    size_t  count  = 0;
    size_t *starts = text_wrap(text, strlen(text), width, &count);
    for (size_t i = 0; starts != NULL && i < count; i++) {
        add_row(rows, (HelpRow){.keys  = i == 0 ? keys : NULL,
                                .text  = text + starts[i],
                                .bytes = starts[i + 1] - starts[i],
                                .look  = look});
    }
    free(starts);
}

static void filter_text(char *out, size_t size)
{
    int used = snprintf(out, size, "filter; then letters, together if you like: ");
    for (int i = 0; i < trace_filter_choice_count && used > 0 && (size_t)used < size; i++) {
        used += snprintf(out + used, size - (size_t)used, "%c %s, ", trace_filter_choices[i].key,
                         trace_filter_choices[i].name);
    }
    if (used > 0 && (size_t)used < size) {
        snprintf(out + used, size - (size_t)used, "a all; Enter closes");
    }
}

static void add_all(HelpRows *rows, int keys_width, int width, const char *filter)
{
    const TraceLook keys_look = {INK_ACCENT, ATTR_BOLD};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i].text == NULL) {
            if (rows->count > 0) {
                add_row(rows, (HelpRow){0});
            }
            add_row(rows, (HelpRow){.keys = lines[i].keys, .heading = true});
        } else {
            add_line(rows, lines[i].keys, keys_look, keys_width, lines[i].text[0] != '\0' ? lines[i].text : filter,
                     width);
        }
    }
    for (int i = 0; i < trace_legend_count; i++) {
        add_line(rows, trace_legend[i].name, trace_look(&trace_legend[i].run), keys_width, trace_legend[i].meaning,
                 width);
    }
}

static void draw_row(Area area, const HelpRow *help, int keys_width)
{
    const int row = help->line;
    if (help->heading) {
        area_text(area, 0, row, INK_TITLE, ATTR_BOLD | ATTR_UNDERLINE, help->keys, SIZE_MAX);
        return;
    }
    if (help->keys != NULL) {
        const int room = help->text != NULL ? keys_width - 1 : area.width;
        area_text(area_part(area, 0, row, room, 1), 0, 0, help->look.ink, help->look.attrs, help->keys, SIZE_MAX);
    }
    if (help->text != NULL) {
        area_text(area, keys_width, row, INK_TEXT, 0, help->text, help->bytes);
    }
}

/* Gives every row its place, sections whole at the foot of a column where that is possible. False: they do not fit. */
static bool place_even(HelpRows *rows, int columns, int height)
{
    int column = 0, line = 0;
    for (int i = 0; i < rows->count; i++) {
        HelpRow   *row     = &rows->rows[i];
        const bool gap     = row->keys == NULL && row->text == NULL; /* before a heading */
        const bool heading = row->heading;
        if (line >= height || (line > 0 && (gap || heading) && line + 3 > height)) {
            column++;
            line = 0;
        }
        row->column = gap && line == 0 ? columns : column; /* no gap at the top */
        row->line   = line;
        line += row->column == columns ? 0 : 1;
    }
    return column < columns;
}

/* From the row that was scrolled to on, column by column. */
static void place_scrolled(HelpRows *rows, int columns, int height, int scroll)
{
    for (int i = 0; i < rows->count; i++) {
        rows->rows[i].column = i >= scroll ? (i - scroll) / height : columns;
        rows->rows[i].line   = i >= scroll ? (i - scroll) % height : 0;
    }
}

static void place(Dashboard *dashboard, HelpRows *rows, int columns, int height)
{
    const int last         = rows->count - columns * height;
    dashboard->help_page   = columns * height;
    dashboard->help_lines  = rows->count;
    dashboard->help_scroll = dashboard->help_scroll < last ? dashboard->help_scroll : last > 0 ? last : 0;
    for (int even = (rows->count + columns - 1) / columns; even <= height; even++) {
        if (place_even(rows, columns, even)) {
            dashboard->help_scroll = 0;
            return;
        }
    }
    place_scrolled(rows, columns, height, dashboard->help_scroll);
}

void help_draw(Dashboard *dashboard)
{
    const Canvas *canvas = dashboard->canvas;
    Area area       = dashboard_box(dashboard, canvas->width, canvas->height, "help, j k PgUp PgDn scroll, Esc closes");
    int  columns    = area.width / COLUMN_LEAST;
    columns         = columns < 1 ? 1 : columns > COLUMNS_MOST ? COLUMNS_MOST : columns;
    const int width = area.width / columns;
    const int keys_width = width >= KEYS_WIDE + TEXT_LEAST ? KEYS_WIDE : KEYS_NARROW;
    char      filter[480];
    HelpRows *rows = calloc(1, sizeof *rows);
    if (rows == NULL || area.height < 1) {
        free(rows);
        return;
    }
    filter_text(filter, sizeof filter);
    add_all(rows, keys_width, width - keys_width - 1 > 4 ? width - keys_width - 1 : 4, filter);
    place(dashboard, rows, columns, area.height);
    for (int i = 0; i < rows->count; i++) {
        const HelpRow *row = &rows->rows[i];
        if (row->column < columns) {
            draw_row(area_part(area, row->column * width, 0, width - 1, area.height), row, keys_width);
        }
    }
    const int below = rows->count - dashboard->help_scroll - dashboard->help_page;
    if (below > 0 && canvas->width >= MORE_LEAST) {
        char more[32];
        snprintf(more, sizeof more, " %d more below ", below);
        area_text_right(canvas_area(dashboard->canvas), canvas->width - 2, canvas->height - 1, INK_ACCENT, 0, more);
    }
    free(rows);
}

void help_key(Dashboard *dashboard, TerminalKey key)
{
    const int page = dashboard->help_page > 2 ? dashboard->help_page - 1 : 1;
    int       by   = 0;
    switch (key.code) {
    case 'k':
    case KEY_CODE_UP: by = -1; break;
    case 'j':
    case KEY_CODE_DOWN: by = 1; break;
    case KEY_CODE_WHEEL_UP: by = -3; break;
    case KEY_CODE_WHEEL_DOWN: by = 3; break;
    case KEY_CODE_PAGE_UP: by = -page; break;
    case ' ':
    case KEY_CODE_PAGE_DOWN: by = page; break;
    case 'g':
    case KEY_CODE_HOME: by = -dashboard->help_scroll; break;
    case 'G':
    case KEY_CODE_END: by = dashboard->help_lines; break;
    case '?':
    case 'q':
    case KEY_CODE_F1:
    case KEY_CODE_ENTER:
    case KEY_CODE_CLICK:
    case KEY_CODE_ESCAPE: dashboard->overlay = OVERLAY_NONE; return;
    default: return;
    }
    dashboard->help_scroll =
        dashboard->help_scroll + by > 0 ? dashboard->help_scroll + by : 0; /* put right when drawn */
}
