#include "tui/draw/chart_parts.h"

#include <stdio.h>
#include <string.h>

enum {
    HEIGHT_WITH_Y    = 3, /* of the area: lower ones have no axis of y                 */
    HEIGHT_WITH_X    = 4, /* labels of x; a line above them takes a row more           */
    HEIGHT_WITH_LINE = 8,
    PLOT_MIN_WIDTH   = 8, /* what the labels of y must leave                           */
    TICKS_Y          = 8, /* at most                                                   */
    LABEL_GAP        = 2  /* columns between labels of x                               */
};

typedef struct AxisGlyphs {
    uint32_t line, tick, corner, bottom, bottom_tick;
} AxisGlyphs;

static const AxisGlyphs axis_glyphs[] = {
    [GLYPHS_BRAILLE] = {0x2502, 0x2524, 0x2514, 0x2500, 0x252C},
    [GLYPHS_BLOCKS]  = {0x2502, 0x2524, 0x2514, 0x2500, 0x252C},
    [GLYPHS_ASCII]   = {'|', '+', '+', '-', '+'},
};

/* --- the axis of y */

static int row_of(const Axes *axes, double value, int rows)
{
    return dot_at(1 - scale_share(&axes->y, value), rows * axes->down) / axes->down;
}

/* The most ticks that leave a row between each two of them, two where the plot is tall. */
static void ticks_of_y(const Axes *axes, int rows, AxisTicks *ticks)
{
    const int least = rows >= 12 ? 3 : rows >= 4 ? 2 : 1;
    for (int most = rows / 2 + 1 < TICKS_Y ? rows / 2 + 1 : TICKS_Y;; most--) {
        bool apart = true;
        axis_ticks(&axes->y, most, false, axes->suffix, ticks);
        for (int i = 1; i < ticks->count; i++) {
            apart = apart && row_of(axes, ticks->values[i - 1], rows) - row_of(axes, ticks->values[i], rows) >= least;
        }
        if (apart || most <= 2) {
            return;
        }
    }
}

static void draw_y(Area area, const Axes *axes, const AxisTicks *ticks, int rows, const AxisGlyphs *shapes)
{
    int taken = rows; /* the row of the tick below */
    for (int row = 0; row < rows; row++) {
        area_put(area, ticks->width, row, shapes->line, INK_FAINT, 0);
    }
    for (int i = 0; i < ticks->count; i++) {
        const int row = row_of(axes, ticks->values[i], rows);
        if (row >= 0 && row < taken) {
            area_put(area, ticks->width, row, shapes->tick, INK_FAINT, 0);
            area_text_right(area, ticks->width, row, INK_FAINT, 0, ticks->labels[i]);
            taken = row;
        }
    }
}

/* --- the axis of x */

/* Columns of the area; a label may begin before the plot, where nothing else is on its row. */
typedef struct Place {
    int column, start, end;
} Place;

static Place place_of(const Axes *axes, double value, int length, int left, int columns)
{
    const int column = left + dot_at(scale_share(&axes->x, value), columns * axes->across) / axes->across;
    int       start  = column - length / 2;
    start            = start + length > left + columns ? left + columns - length : start;
    start            = start < 0 ? 0 : start;
    return (Place){column, start, start + length};
}

static bool places_collide(const Place *a, const Place *b)
{
    return a->start < b->end + LABEL_GAP && b->start < a->end + LABEL_GAP;
}

/* The most ticks whose labels do not meet. */
static void ticks_of_x(const Axes *axes, int left, int columns, AxisTicks *ticks, Place *places)
{
    for (int most = columns / 6 + 1 < TICKS_MAX ? columns / 6 + 1 : TICKS_MAX;; most--) {
        bool apart = true;
        axis_ticks(&axes->x, most, axes->whole_x, NULL, ticks);
        for (int i = 0; i < ticks->count; i++) {
            places[i] = place_of(axes, ticks->values[i], (int)strlen(ticks->labels[i]), left, columns);
            apart     = apart && (i == 0 || !places_collide(&places[i - 1], &places[i]));
        }
        if (apart || most <= 2) {
            return;
        }
    }
}

static void draw_x(Area area, const Axes *axes, int left, int columns, int row, bool line, bool corner,
                   const AxisGlyphs *shapes)
{
    AxisTicks ticks;
    Place     places[TICKS_MAX], cursor = {-1, -LABEL_GAP - 1, -LABEL_GAP - 1};
    ticks_of_x(axes, left, columns, &ticks, places);
    for (int i = corner ? -1 : 0; line && i < columns; i++) {
        area_put(area, left + i, row, i < 0 ? shapes->corner : shapes->bottom, INK_FAINT, 0);
    }
    if (axes->cursor && scale_share(&axes->x, axes->cursor_x) >= 0 && scale_share(&axes->x, axes->cursor_x) <= 1) {
        char text[32];
        snprintf(text, sizeof text, "%.7g", axes->cursor_x);
        cursor = place_of(axes, axes->cursor_x, (int)strlen(text), left, columns);
        area_text(area, cursor.start, row + line, INK_ACCENT, ATTR_BOLD, text, SIZE_MAX);
    }
    for (int i = 0, end = -LABEL_GAP; i < ticks.count; i++) {
        if (line) {
            area_put(area, places[i].column, row, shapes->bottom_tick, INK_FAINT, 0);
        }
        if (places[i].start >= end + LABEL_GAP && places[i].end <= area.width && !places_collide(&places[i], &cursor)) {
            area_text(area, places[i].start, row + line, INK_FAINT, 0, ticks.labels[i], SIZE_MAX);
            end = places[i].end;
        }
    }
}

/* --- both */

Area axes_draw(Area area, const Axes *axes, Glyphs glyphs)
{
    const bool labels = area.height >= HEIGHT_WITH_X, line = area.height >= HEIGHT_WITH_LINE;
    int        rows = area.height - labels - line, left = 0;
    AxisTicks  ticks = {.count = 0};
    if (area.height >= HEIGHT_WITH_Y) {
        ticks_of_y(axes, rows, &ticks);
        left = ticks.width + 1;
    }
    if (area.width - left < PLOT_MIN_WIDTH) {
        left = 0;
    }
    const bool has_x = labels && area.width - left >= PLOT_MIN_WIDTH;
    if (!has_x) {
        rows = area.height;
    }
    if (left > 0) {
        draw_y(area, axes, &ticks, rows, &axis_glyphs[glyphs]);
    }
    if (has_x) {
        draw_x(area, axes, left, area.width - left, rows, line, left > 0, &axis_glyphs[glyphs]);
    }
    return area_part(area, left, 0, area.width - left, rows);
}
