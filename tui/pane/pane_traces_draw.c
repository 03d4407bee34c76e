/* Drawing the trace viewer. */
#include <stdlib.h>
#include <string.h>

#include "engine/utf8.h"
#include "tui/draw/text.h"
#include "tui/pane/pane_traces_parts.h"

enum {
    BESIDE_WIDTH   = 80, /* from here on two traces stand beside, not above each other */
    LABEL_HEIGHT   = 4,  /* of a half that says which one it is                        */
    STATUS_HEIGHT  = 3,
    MENU_WIDTH     = 26,
    MENU_MIN_EXTRA = 2 /* rows beside the menu's, for it to be a list                    */
};

/* --- lines at the bottom */

static void draw_query(const PaneTraces *pane, Area row)
{
    const char *text   = pane->search.typed;
    size_t      length = strlen(text), from = 0;
    while (from < length && text_width(text + from, length - from) > row.width - 2) {
        utf8_next(text, length, &from); /* its end is where the typing goes on */
    }
    area_put(row, 0, 0, '/', INK_ACCENT, ATTR_BOLD);
    int column = 1 + area_text(row, 1, 0, INK_TEXT, 0, text + from, length - from);
    area_put(row, column, 0, ' ', INK_TEXT, ATTR_REVERSE);
}

/* A mere message does not take the place of a trace where there are so few rows. */
static bool has_status(const PaneTraces *pane, int height)
{
    return pane->mode == MODE_QUERY || pane->search.active || (pane->message[0] != '\0' && height >= STATUS_HEIGHT);
}

static void draw_status(const PaneTraces *pane, Area row)
{
    area_fill(row, ' ', INK_TEXT, 0);
    if (pane->mode == MODE_QUERY) {
        draw_query(pane, row);
    } else if (pane->search.active) {
        double share = pane->search.total > 0 ? (double)pane->search.done / (double)pane->search.total : 0;
        area_printf(row, 0, 0, INK_ACCENT, 0, "searching %d%%: %s", (int)(100 * share), pane->search.text);
    } else {
        area_text(row, 0, 0, INK_ACCENT, 0, pane->message, SIZE_MAX);
    }
}

/* The choices as a list over the lower part of the area, or as letters on its last row. */
static void draw_menu(const PaneTraces *pane, Area area)
{
    int rows = trace_filter_choice_count + 1;
    if (area.height >= rows + MENU_MIN_EXTRA && area.width >= MENU_WIDTH) {
        Area list = area_part(area, 0, area.height - rows, area.width, rows);
        area_fill(list, ' ', INK_TEXT, 0);
        area_text(list, 0, 0, INK_ACCENT, ATTR_BOLD, "filter: letters, a all, Enter", SIZE_MAX);
        for (int i = 0; i < trace_filter_choice_count; i++) {
            const TraceFilterChoice *choice = &trace_filter_choices[i];
            bool                     on     = trace_filter_has(&pane->filter, choice);
            area_printf(list, 0, 1 + i, on ? INK_GOOD : INK_TEXT, on ? ATTR_BOLD : 0, "[%c] %c  %s", on ? 'x' : ' ',
                        choice->key, choice->name);
        }
        return;
    }
    Area row    = area_part(area, 0, area.height - 1, area.width, 1);
    int  column = 0;
    area_fill(row, ' ', INK_TEXT, 0);
    for (int i = 0; i < trace_filter_choice_count; i++) {
        const TraceFilterChoice *choice = &trace_filter_choices[i];
        bool                     on     = trace_filter_has(&pane->filter, choice);
        area_put(row, column, 0, (uint32_t)choice->key, on ? INK_GOOD : INK_ACCENT, on ? ATTR_BOLD | ATTR_REVERSE : 0);
        column += 1 + (row.width > 2 * trace_filter_choice_count);
    }
}

/* --- traces */

static void draw_nothing(const PaneTraces *pane, Area area)
{
    char text[256], filter[160];
    trace_filter_text(&pane->filter, filter, sizeof filter);
    bool none = history_trace_count(pane->history) == 0;
    snprintf(text, sizeof text, none ? "no traces yet" : "no trace is: %s (f changes the filter)", filter);
    size_t  count;
    size_t *starts = text_wrap(text, strlen(text), area.width, &count);
    for (size_t i = 0; starts != NULL && i < count && i < (size_t)area.height; i++) {
        area_text(area, 0, (int)i, INK_FAINT, 0, text + starts[i], starts[i + 1] - starts[i]);
    }
    free(starts);
}

static void draw_side(PaneTraces *pane, int side, Area area, Glyphs glyphs)
{
    bool active = pane->sides.active == side;
    if (area.height >= LABEL_HEIGHT) {
        Area row = area_part(area, 0, 0, area.width, 1);
        area_printf(row, 0, 0, active ? INK_FOCUS : INK_FAINT, active ? ATTR_BOLD : 0, "%s, step %u (%zu of %zu)",
                    side == 0 ? "before" : "after", pane->sides.cards[side].meta.step, pane->sides.at[side] + 1,
                    pane->sides.count);
        area = area_part(area, 0, 1, area.width, area.height - 1);
    }
    trace_card_draw(&pane->sides.cards[side], area, glyphs);
}

static void draw_sides(PaneTraces *pane, Area area, Glyphs glyphs)
{
    if (area.width >= BESIDE_WIDTH) {
        int half = (area.width - 1) / 2;
        draw_side(pane, 0, area_part(area, 0, 0, half, area.height), glyphs);
        for (int row = 0; row < area.height; row++) {
            area_put(area, half, row, glyphs == GLYPHS_ASCII ? '|' : 0x2502, INK_BORDER, 0);
        }
        draw_side(pane, 1, area_part(area, half + 1, 0, area.width - half - 1, area.height), glyphs);
    } else if (area.height >= 2) {
        int upper = area.height / 2;
        draw_side(pane, 0, area_part(area, 0, 0, area.width, upper), glyphs);
        draw_side(pane, 1, area_part(area, 0, upper, area.width, area.height - upper), glyphs);
    } else {
        draw_side(pane, pane->sides.active, area, glyphs);
    }
}

void pane_traces_draw(PaneTraces *pane, Area area, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1) {
        return;
    }
    pane_sync(pane);
    if (pane->sides.on && !sides_load(pane)) {
        sides_close(pane);
    }
    bool status = has_status(pane, area.height);
    Area body   = status && area.height >= 2 ? area_part(area, 0, 0, area.width, area.height - 1) : area;
    if (pane->index == NO_TRACE) {
        draw_nothing(pane, body);
    } else if (pane->sides.on) {
        draw_sides(pane, body, glyphs);
    } else {
        pane_load(pane);
        trace_card_draw(&pane->card, body, glyphs);
    }
    if (pane->mode == MODE_FILTER) {
        draw_menu(pane, area);
    } else if (status) {
        draw_status(pane, area_part(area, 0, area.height - 1, area.width, 1));
    }
}
