#include "tui/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/chart_legend.h"
#include "tui/chart_parts.h"
#include "tui/text.h"

enum {
    HEIGHT_WITH_HEAD = 2, /* rows from which there is a line above the plot        */
    ROWS_PER_LEGEND  = 8, /* so many rows of the area give the legend another line */
    WHOLE_SPAN       = 20 /* shorter spans of x look whether x is a whole number   */
};

static const char ascii_marks[SERIES_INKS + 1] = "*o+x#@";

/* --- what is shown */

typedef struct Extent {
    double low, high; /* low > high: nothing */
} Extent;

static const Extent nothing = {INFINITY, -INFINITY};

static void widen(Extent *extent, double low, double high)
{
    extent->low  = fmin(extent->low, low);
    extent->high = fmax(extent->high, high);
}

static bool is_whole(const Chart *chart)
{
    return chart->x_min == 0 && chart->x_max == 0;
}

/* The x of all series, or those that are asked for; false: there is no point. */
static bool window_of(const Chart *chart, CurveWindow *window)
{
    Extent x = nothing;
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        size_t             first = 0, last = series->count;
        while (first < last && !(fabs(series->x[first]) < 1e300)) {
            first++;
        }
        while (last > first && !(fabs(series->x[last - 1]) < 1e300)) {
            last--;
        }
        if (first < last) {
            widen(&x, fmin(series->x[first], series->x[last - 1]), fmax(series->x[first], series->x[last - 1]));
        }
    }
    const bool found = x.low <= x.high;
    if (!is_whole(chart) && chart->x_min <= chart->x_max && fabs(chart->x_min) < 1e300 && fabs(chart->x_max) < 1e300) {
        x = (Extent){chart->x_min, chart->x_max};
    }
    const double least = fmax(fmax(fabs(x.low), fabs(x.high)) * 1e-9, 1e-200);
    if (x.high - x.low < least) { /* one point lies in the middle */
        const double half = fmax(0.5, least);
        x                 = (Extent){x.low - half, x.high + half};
    }
    *window = (CurveWindow){.x_min     = x.low,
                            .x_max     = x.high,
                            .columns   = 1,
                            .smoothing = chart->smoothing,
                            .log       = chart->log_y,
                            .cursor    = chart->cursor,
                            .cursor_x  = chart->cursor_x};
    return found;
}

/* One bucket holds the extent of all that is drawn of a series. */
static Extent extent_of(const ChartSeries *series, const CurveWindow *window, CurveReading *reading)
{
    Bucket       drawn, raw, band;
    CurveBuckets one    = {.drawn = &drawn, .raw = &raw, .band = &band};
    Extent       extent = nothing;
    curve_reduce(series, window, &one);
    *reading = one.reading;
    if (drawn.filled) {
        widen(&extent, drawn.low, drawn.high);
    }
    if (raw.filled) {
        widen(&extent, raw.low, raw.high);
    }
    if (band.filled && window->log) { /* below zero there is no logarithm to make room for */
        widen(&extent, band.high, band.high);
    } else if (band.filled) { /* nor is there anything less than none of what is never negative */
        widen(&extent, extent.low >= 0 ? fmax(band.low, 0) : band.low, band.high);
    }
    return extent;
}

static Scale scale_of_y(const Chart *chart, Extent extent)
{
    const bool fixed = chart->y_min < chart->y_max && isfinite(chart->y_min) && isfinite(chart->y_max) &&
                       (!chart->log_y || chart->y_min > 0);
    return fixed ? (Scale){chart->y_min, chart->y_max, chart->log_y}
                 : scale_around(extent.low, extent.high, chart->log_y);
}

/* Whether x counts something, so that between two whole numbers no tick makes sense. */
static bool counts_x(const Chart *chart, const CurveWindow *window)
{
    if (window->x_max - window->x_min > WHOLE_SPAN) {
        return false; /* the ticks are whole anyway */
    }
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        for (size_t i = 0; i < series->count && series->x[i] <= window->x_max; i++) {
            if (series->x[i] >= window->x_min && series->x[i] != round(series->x[i])) {
                return false;
            }
        }
    }
    return true;
}

/* --- the lines above */

static bool is_percent(const char *unit)
{
    return unit != NULL && strcmp(unit, "%") == 0;
}

static void write_value(char *out, size_t size, const char *before, double value, const char *after)
{
    char number[16];
    chart_number(value, number);
    snprintf(out, size, "%s%s%s", before, number[0] != '\0' ? number : "-", after);
}

/* Returns the rows taken. */
static int draw_head(Area area, const Chart *chart, const CurveReading *readings, Glyphs glyphs)
{
    const char *percent = is_percent(chart->unit) ? "%" : "";
    const int   count   = chart->legend && readings != NULL ? chart->series_count : 0;
    ChartLegend legend  = {.title = chart->title, .unit = percent[0] == '\0' ? chart->unit : NULL};
    if (area.height < HEIGHT_WITH_HEAD || (legend.title == NULL && legend.unit == NULL && count == 0)) {
        return 0;
    }
    LegendEntry *entries = calloc((size_t)count + 1, sizeof *entries);
    for (int s = 0; s < count && entries != NULL; s++) {
        entries[s].name = chart->series[s].name != NULL ? chart->series[s].name : "";
        entries[s].ink  = chart->series[s].ink;
        entries[s].mark = glyphs == GLYPHS_ASCII && count > 1 ? ascii_marks[s % SERIES_INKS] : '\0';
        write_value(entries[s].value, sizeof entries[s].value, "", readings[s].found ? readings[s].value : NAN,
                    readings[s].found ? percent : "");
        if (chart->cursor && readings[s].found && chart->smoothing > 0) {
            write_value(entries[s].raw, sizeof entries[s].raw, "(", readings[s].raw, ")");
        }
        legend.entries = entries;
        legend.count   = s + 1;
    }
    const int rows = chart_legend_draw(area, &legend, 1 + area.height / ROWS_PER_LEGEND);
    free(entries);
    return rows;
}

void chart_message(Area area, const char *text)
{
    const int width = text_width(text, strlen(text));
    area_text(area, width < area.width ? (area.width - width) / 2 : 0, (area.height - 1) / 2, INK_FAINT, 0, text,
              SIZE_MAX);
}

/* --- the plot */

/* Arrays of one drawing, one per column of dots each. */
typedef struct Columns {
    CurveBuckets buckets;
    int         *tops, *bottoms;
} Columns;

static bool columns_new(Columns *columns, int count)
{
    Bucket *buckets = calloc(3 * (size_t)count, sizeof *buckets);
    int    *rows    = calloc(2 * (size_t)count, sizeof *rows);
    *columns        = (Columns){{buckets, buckets + count, buckets + 2 * count, {0}}, rows, rows + count};
    if (buckets == NULL || rows == NULL) {
        free(buckets);
        free(rows);
        return false;
    }
    return true;
}

static void columns_free(Columns *columns)
{
    free(columns->buckets.drawn);
    free(columns->tops);
}

static void draw_zero(Dots *dots, const Scale *y)
{
    if (y->log || y->low >= 0 || y->high <= 0 || dots->glyphs == GLYPHS_ASCII) {
        return;
    }
    const int row = dot_at(1 - scale_share(y, 0), dots->height);
    const Pen pen = {LAYER_ZERO, INK_FAINT, 0, dots->glyphs == GLYPHS_BLOCKS ? 0xB7 : 0};
    for (int column = 0; column < dots->width; column += 2) {
        dots_run(dots, column, row, row, pen);
    }
}

static void draw_cursor(Dots *dots, const Axes *axes, const Chart *chart, const CurveReading *readings)
{
    static const uint32_t lines[] = {0x2502, 0x2502, '|'}, points[] = {0x25CF, 0x2022, 'O'};
    const double          share  = scale_share(&axes->x, chart->cursor_x);
    const int             column = dot_at(share, dots->width);
    if (!(share >= 0 && share <= 1)) {
        return;
    }
    dots_run(dots, column, 0, dots->height - 1, (Pen){LAYER_CURSOR, INK_ACCENT, 0, lines[dots->glyphs]});
    for (int s = 0; s < chart->series_count; s++) {
        if (readings[s].found && (!chart->log_y || readings[s].value > 0)) {
            const int row = dot_at(1 - scale_share(&axes->y, readings[s].value), dots->height);
            dots_run(dots, column, row, row, (Pen){LAYER_POINT, chart->series[s].ink, ATTR_BOLD, points[dots->glyphs]});
        }
    }
}

static void draw_plot(Area plot, const Chart *chart, const CurveWindow *window, const Axes *axes,
                      const CurveReading *readings, Glyphs glyphs)
{
    Dots    dots;
    Columns columns;
    if (!dots_new(&dots, plot, glyphs)) {
        return;
    }
    if (columns_new(&columns, dots.width)) {
        CurveWindow view = *window;
        view.columns     = dots.width;
        draw_zero(&dots, &axes->y);
        for (int s = 0; s < chart->series_count; s++) {
            const ChartSeries *series = &chart->series[s];
            const uint32_t     mark =
                glyphs == GLYPHS_ASCII && chart->series_count > 1 ? (uint32_t)ascii_marks[s % SERIES_INKS] : 0;
            const Pen pen = {LAYER_CURVE, series->ink, 0, mark}, raw = {LAYER_RAW, series->ink, ATTR_DIM, 0};
            curve_reduce(series, &view, &columns.buckets);
            band_draw(&dots, &axes->y, columns.buckets.band, (Pen){LAYER_BAND, series->ink, ATTR_DIM, 0});
            curve_draw(&dots, &axes->y, columns.buckets.raw, raw, columns.tops, columns.bottoms);
            curve_draw(&dots, &axes->y, columns.buckets.drawn, pen, columns.tops, columns.bottoms);
        }
        if (chart->cursor) {
            draw_cursor(&dots, axes, chart, readings);
        }
        dots_draw(&dots);
        columns_free(&columns);
    }
    dots_free(&dots);
}

void chart_draw(Area area, const Chart *chart, Glyphs glyphs)
{
    CurveWindow   window;
    Extent        y        = nothing;
    CurveReading *readings = calloc((size_t)(chart->series_count > 0 ? chart->series_count : 0) + 1, sizeof *readings);
    const bool    found    = window_of(chart, &window);
    if (area.width < 1 || area.height < 1 || readings == NULL) {
        free(readings);
        return;
    }
    window.reach = (window.x_max - window.x_min) / area.width;
    for (int s = 0; s < chart->series_count && found; s++) {
        const Extent one = extent_of(&chart->series[s], &window, &readings[s]);
        widen(&y, one.low, one.high);
    }
    const bool shown = y.low <= y.high;
    const int  head  = draw_head(area, chart, shown ? readings : NULL, glyphs);
    Area       rest  = area_part(area, 0, head, area.width, area.height - head);
    if (!shown) {
        chart_message(rest, !found            ? "no data yet"
                            : chart->log_y    ? "nothing above zero"
                            : is_whole(chart) ? "no data yet"
                                              : "no data here");
    } else {
        Axes axes = {.x        = {window.x_min, window.x_max, false},
                     .y        = scale_of_y(chart, y),
                     .whole_x  = counts_x(chart, &window),
                     .suffix   = is_percent(chart->unit) ? "%" : NULL,
                     .cursor   = chart->cursor,
                     .cursor_x = chart->cursor_x};
        dots_of_cell(glyphs, &axes.across, &axes.down);
        draw_plot(axes_draw(rest, &axes, glyphs), chart, &window, &axes, readings, glyphs);
    }
    free(readings);
}
