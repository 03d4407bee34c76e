/* The list of all metrics that the runs log: typing narrows it down. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tui/pane/pane_curves_parts.h"

enum {
    KIND_COLUMN  = 4,  /* "[x] "                            */
    NAME_COLUMN  = 9,  /* + "eval "                         */
    NAME_WIDTH   = 30, /* of a name that has its words beside it */
    VALUE_WIDTH  = 9,
    LABEL_LEAST  = 14,
    ENTRIES_MAX  = HISTORY_KIND_COUNT * HISTORY_METRICS,
    PAGE_ENTRIES = 8
};

typedef struct Entry {
    HistoryKind kind;
    const char *name;
} Entry;

static const char *const kind_names[HISTORY_KIND_COUNT] = {
    [HISTORY_SFT] = "sft", [HISTORY_RL] = "rl", [HISTORY_EVAL] = "eval"};

/* ASCII letters in either case. */
static bool contains(const char *text, const char *query)
{
    const size_t length = strlen(query);
    for (const char *at = text; length > 0 && *at != '\0'; at++) {
        size_t same = 0;
        while (same < length && tolower((unsigned char)at[same]) == tolower((unsigned char)query[same])) {
            same++;
        }
        if (same == length) {
            return true;
        }
    }
    return length == 0;
}

/* Each word of the query, in the kind, the name or what it means. */
static bool passes(const PaneCurves *pane, HistoryKind kind, const char *name)
{
    char              query[CURVE_QUERY_BYTES];
    const char *const label = metric_info(kind, name).label;
    snprintf(query, sizeof query, "%s", pane->list.query);
    char *rest = NULL;
    for (char *word = strtok_r(query, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (!contains(kind_names[kind], word) && !contains(name, word) && (label == NULL || !contains(label, word))) {
            return false;
        }
    }
    return strcmp(name, "time_unix") != 0; /* that is when, not what */
}

/* 0: the name begins with the query; 1: the name has it; 2: it is found elsewhere. */
static int rank_of(const PaneCurves *pane, const char *name)
{
    const char *query = pane->list.query;
    return strncasecmp(name, query, strlen(query)) == 0 ? 0 : contains(name, query) ? 1 : 2;
}

/* Those of a run that the runs before it lack. */
static int entries_add(const PaneCurves *pane, HistoryKind kind, int run, int rank, Entry entries[ENTRIES_MAX],
                       int count)
{
    const int metrics = history_metric_count(pane->runs[run], kind);
    for (int m = 0; m < metrics && count < ENTRIES_MAX; m++) {
        const char *name = history_metric_name(pane->runs[run], kind, m);
        bool        seen = rank_of(pane, name) != rank || !passes(pane, kind, name);
        for (int before = 0; before < run && !seen; before++) {
            seen = history_metric(pane->runs[before], kind, name) >= 0;
        }
        if (!seen) {
            entries[count++] = (Entry){kind, name};
        }
    }
    return count;
}

/* What passes the query, each once, however many runs log it; the likeliest first. Returns the number. */
static int entries_of(const PaneCurves *pane, Entry entries[ENTRIES_MAX])
{
    static const HistoryKind order[] = {HISTORY_RL, HISTORY_EVAL, HISTORY_SFT};
    int                      count   = 0;
    for (int rank = 0; rank <= 2; rank++) {
        for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
            for (int r = 0; r < pane->run_count; r++) {
                count = entries_add(pane, order[k], r, rank, entries, count);
            }
        }
    }
    return count;
}

static bool is_chosen(const PaneCurves *pane, const Entry *entry)
{
    for (int i = 0; i < pane->chosen_count; i++) {
        if (pane->chosen[i].kind == entry->kind && strcmp(pane->chosen[i].name, entry->name) == 0) {
            return true;
        }
    }
    return false;
}

static void entry_draw(const PaneCurves *pane, const Entry *entry, bool selected, Area row)
{
    const bool       on    = is_chosen(pane, entry);
    const MetricInfo info  = metric_info(entry->kind, entry->name);
    const int        attrs = selected ? ATTR_REVERSE : on ? ATTR_BOLD : 0;
    const Ink        ink   = on ? INK_GOOD : INK_TEXT;
    int              right = row.width;
    char             value[16];
    if (selected) {
        area_fill(row, ' ', ink, ATTR_REVERSE);
    }
    chart_number(pane->run_count > 0 ? history_last(pane->runs[0], entry->kind, entry->name) : 0, value);
    if (row.width >= NAME_COLUMN + NAME_WIDTH + VALUE_WIDTH) {
        area_text_right(row, row.width, 0, ink, attrs, value);
        right -= VALUE_WIDTH;
    }
    const int from = row.width >= NAME_COLUMN + 12 ? NAME_COLUMN : KIND_COLUMN;
    area_text(row, 0, 0, ink, attrs, on ? "[x]" : "[ ]", SIZE_MAX);
    if (from == NAME_COLUMN) {
        area_text(row, KIND_COLUMN, 0, selected ? ink : INK_FAINT, attrs, kind_names[entry->kind], SIZE_MAX);
    }
    Area       rest   = area_part(row, from, 0, right - from, 1);
    const bool labels = rest.width >= NAME_WIDTH + LABEL_LEAST;
    area_text(labels ? area_part(rest, 0, 0, NAME_WIDTH - 1, 1) : rest, 0, 0, ink, attrs, entry->name, SIZE_MAX);
    if (labels && info.label != NULL) {
        area_text(rest, NAME_WIDTH, 0, selected ? ink : INK_FAINT, attrs, info.label, SIZE_MAX);
    }
}

static void query_draw(const PaneCurves *pane, int count, Area row)
{
    int column = area_text(row, 0, 0, INK_ACCENT, ATTR_BOLD, "/", SIZE_MAX);
    column += area_text(row, column, 0, INK_TEXT, 0, pane->list.query, SIZE_MAX);
    area_put(row, column++, 0, ' ', INK_TEXT, ATTR_REVERSE);
    if (column + 36 <= row.width) {
        area_text_right(row, row.width, 0, INK_FAINT, 0, "type to filter  Enter shows  Esc closes");
    } else if (column + 6 <= row.width) {
        char text[16];
        snprintf(text, sizeof text, "%d", count);
        area_text_right(row, row.width, 0, INK_FAINT, 0, text);
    }
}

void curves_list_draw(PaneCurves *pane, Area area, Glyphs glyphs)
{
    (void)glyphs;
    Entry    *entries = malloc(ENTRIES_MAX * sizeof *entries);
    const int count   = entries != NULL ? entries_of(pane, entries) : 0;
    const int header = area.height >= 2, rows = area.height - header;
    pane->list.at = pane->list.at >= count ? (count > 0 ? count - 1 : 0) : pane->list.at;
    if (pane->list.at < pane->list.top) {
        pane->list.top = pane->list.at;
    } else if (pane->list.at >= pane->list.top + rows) {
        pane->list.top = pane->list.at - rows + 1;
    }
    if (pane->list.top > count - rows) {
        pane->list.top = count > rows ? count - rows : 0;
    }
    if (header) {
        query_draw(pane, count, area_part(area, 0, 0, area.width, 1));
    }
    for (int i = 0; i < rows && pane->list.top + i < count; i++) {
        entry_draw(pane, &entries[pane->list.top + i], pane->list.top + i == pane->list.at,
                   area_part(area, 0, header + i, area.width, 1));
    }
    if (count == 0) {
        area_text(area, 0, header, INK_FAINT, 0, pane->list.query[0] != '\0' ? "no metric has that" : "no metrics yet",
                  SIZE_MAX);
    }
    free(entries);
}

static void toggle_selected(PaneCurves *pane)
{
    Entry    *entries = malloc(ENTRIES_MAX * sizeof *entries);
    const int count   = entries != NULL ? entries_of(pane, entries) : 0;
    if (pane->list.at < count) {
        if (pane->run_count > 1 && !is_chosen(pane, &entries[pane->list.at])) {
            pane->chosen_count = 0; /* of several runs one metric is shown */
        }
        curves_toggle(pane, entries[pane->list.at].kind, entries[pane->list.at].name);
    }
    free(entries);
}

static void move(PaneCurves *pane, int by)
{
    const int at  = pane->list.at + by;
    pane->list.at = at < 0 ? 0 : at > ENTRIES_MAX ? ENTRIES_MAX : at; /* put right when drawn */
}

static bool query_key(PaneCurves *pane, int code)
{
    const size_t length = strlen(pane->list.query);
    if (code >= ' ' && code < 127 && length + 1 < sizeof pane->list.query) {
        pane->list.query[length]     = (char)code;
        pane->list.query[length + 1] = '\0';
    } else if ((code == KEY_CODE_BACKSPACE || code == 8) && length > 0) {
        pane->list.query[length - 1] = '\0';
    } else {
        return code >= ' ' && code < KEY_CODE_UP; /* what cannot be typed here is no command either */
    }
    pane->list.at = pane->list.top = 0;
    return true;
}

bool curves_list_key(PaneCurves *pane, int code)
{
    switch (code) {
    case KEY_CODE_ESCAPE: pane->list.open = false; return true;
    case KEY_CODE_ENTER: toggle_selected(pane); return true;
    case KEY_CODE_UP:
    case KEY_CODE_WHEEL_UP: move(pane, -1); return true;
    case KEY_CODE_DOWN:
    case KEY_CODE_WHEEL_DOWN: move(pane, 1); return true;
    case KEY_CODE_PAGE_UP: move(pane, -PAGE_ENTRIES); return true;
    case KEY_CODE_PAGE_DOWN: move(pane, PAGE_ENTRIES); return true;
    case KEY_CODE_HOME: move(pane, -ENTRIES_MAX); return true;
    case KEY_CODE_END: move(pane, ENTRIES_MAX); return true;
    default: return query_key(pane, code);
    }
}
