#include "tui/draw/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw/chart_legend.h"
#include "tui/draw/chart_parts.h"
#include "tui/draw/text.h"

enum {
    HEIGHT_WITH_HEAD = 2, /* rows from which there is a line above the plot        */
    ROWS_PER_LEGEND  = 8  /* so many rows of the area give the legend another line */
};

static const char ascii_marks[SERIES_INKS + 1] = "*o+x#@";

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
static int draw_head(Area area, const Chart *chart, const SeriesCurves *curves, Glyphs glyphs)
{
    const char *percent = is_percent(chart->unit) ? "%" : "";
    const int   count   = chart->legend && curves != NULL ? chart->series_count : 0;
    ChartLegend legend  = {.title = chart->title, .unit = percent[0] == '\0' ? chart->unit : NULL};
    if (area.height < HEIGHT_WITH_HEAD || (legend.title == NULL && legend.unit == NULL && count == 0)) {
        return 0;
    }
    LegendEntry *entries = calloc((size_t)count + 1, sizeof *entries);
    for (int s = 0; s < count && entries != NULL; s++) {
        entries[s].name             = chart->series[s].name != NULL ? chart->series[s].name : "";
        entries[s].ink              = chart->series[s].ink;
        entries[s].mark             = glyphs == GLYPHS_ASCII && count > 1 ? ascii_marks[s % SERIES_INKS] : '\0';
        const CurveReading *reading = &curves[s].reading;
        write_value(entries[s].value, sizeof entries[s].value, "", reading->found ? reading->value : NAN,
                    reading->found ? percent : "");
        if (chart->cursor && reading->found && chart->smoothing > 0) {
            write_value(entries[s].raw, sizeof entries[s].raw, "(", reading->raw, ")");
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

static void draw_cursor(Dots *dots, const Axes *axes, const Chart *chart, const SeriesCurves *curves)
{
    static const uint32_t lines[] = {0x2502, 0x2502, '|'}, points[] = {0x25CF, 0x2022, 'O'};
    const double          share  = scale_share(&axes->x, chart->cursor_x);
    const int             column = dot_at(share, dots->width);
    if (!(share >= 0 && share <= 1)) {
        return;
    }
    dots_run(dots, column, 0, dots->height - 1, (Pen){LAYER_CURSOR, INK_ACCENT, 0, lines[dots->glyphs]});
    for (int s = 0; s < chart->series_count; s++) {
        const CurveReading *reading = &curves[s].reading;
        if (reading->found && (!chart->log_y || reading->value > 0)) {
            const int row = dot_at(1 - scale_share(&axes->y, reading->value), dots->height);
            dots_run(dots, column, row, row, (Pen){LAYER_POINT, chart->series[s].ink, ATTR_BOLD, points[dots->glyphs]});
        }
    }
}

static void draw_plot(Area plot, const Chart *chart, const Axes *axes, const SeriesCurves *curves, Glyphs glyphs)
{
    Dots dots;
    if (!dots_new(&dots, plot, glyphs)) {
        return;
    }
    int *rows = calloc(2 * (size_t)dots.width, sizeof *rows);
    if (rows != NULL) {
        draw_zero(&dots, &axes->y);
        for (int s = 0; s < chart->series_count; s++) {
            const Ink      ink  = chart->series[s].ink;
            const bool     many = glyphs == GLYPHS_ASCII && chart->series_count > 1;
            const uint32_t mark = many ? (uint32_t)ascii_marks[s % SERIES_INKS] : 0;
            const Pen      band = {LAYER_BAND, ink, ATTR_DIM, 0}, raw = {LAYER_RAW, ink, ATTR_DIM, 0};
            band_draw(&dots, &axes->x, &axes->y, &curves[s].band, band);
            curve_draw(&dots, &axes->x, &axes->y, &curves[s].raw, raw, rows, rows + dots.width);
            curve_draw(&dots, &axes->x, &axes->y, &curves[s].drawn, (Pen){LAYER_CURVE, ink, 0, mark}, rows,
                       rows + dots.width);
        }
        if (chart->cursor) {
            draw_cursor(&dots, axes, chart, curves);
        }
        dots_draw(&dots);
        free(rows);
    }
    dots_free(&dots);
}

/* --- all of it */

void chart_draw(Area area, const Chart *chart, Glyphs glyphs)
{
    enum { PARTS_PER_DOT = 2 };
    CurveWindow window;
    double      low = INFINITY, high = -INFINITY;
    Axes        axes = {.cursor = chart->cursor, .cursor_x = chart->cursor_x};
    dots_of_cell(glyphs, &axes.across, &axes.down);
    if (area.width < 1 || area.height < 1) {
        return;
    }
    const bool    found  = chart_window(chart, &window);
    SeriesCurves *curves = curves_new(chart->series_count, PARTS_PER_DOT * axes.across * area.width);
    if (curves == NULL) {
        return;
    }
    window.reach = (window.x_max - window.x_min) / area.width;
    for (int s = 0; s < chart->series_count && found; s++) {
        curve_reduce(&chart->series[s], &window, &curves[s]);
        curves_widen(&curves[s], chart->log_y, &low, &high);
    }
    const bool shown = low <= high;
    const int  head  = draw_head(area, chart, shown ? curves : NULL, glyphs);
    const Area rest  = area_part(area, 0, head, area.width, area.height - head);
    if (shown) {
        axes.x       = (Scale){window.x_min, window.x_max, false};
        axes.y       = chart_scale_y(chart, low, high);
        axes.whole_x = chart_counts_x(chart, &window);
        axes.suffix  = is_percent(chart->unit) ? "%" : NULL;
        draw_plot(axes_draw(rest, &axes, glyphs), chart, &axes, curves, glyphs);
    } else {
        const bool empty = !found || (!chart->log_y && !window.part);
        chart_message(rest, empty ? "no data yet" : chart->log_y ? "nothing above zero" : "no data here");
    }
    curves_free(curves);
}
