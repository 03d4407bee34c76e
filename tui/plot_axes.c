#include <math.h>

#include "tui/plot_parts.h"

enum { WHOLE_SPAN = 20 }; /* shorter spans of x look whether x is a whole number */

static bool is_range(double low, double high)
{
    return low < high && fabs(low) < 1e300 && fabs(high) < 1e300;
}

/* The x of all series; false: there is no point. */
static bool whole_range(const Chart *chart, double *low, double *high)
{
    *low  = INFINITY;
    *high = -INFINITY;
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
            *low  = fmin(*low, series->x[first]);
            *high = fmax(*high, series->x[last - 1]);
        }
    }
    return *low <= *high;
}

static bool counts_x(const Chart *chart, const PlotAxes *axes)
{
    if (axes->x.high - axes->x.low > WHOLE_SPAN) {
        return false; /* the ticks are whole anyway */
    }
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        for (size_t i = 0; i < series->count && series->x[i] <= axes->x.high; i++) {
            if (series->x[i] >= axes->x.low && series->x[i] != round(series->x[i])) {
                return false;
            }
        }
    }
    return true;
}

/* Widens low and high to all that is drawn of a series: one bucket holds its extent. */
static void widen(const ChartSeries *series, const CurveWindow *window, double *low, double *high)
{
    Bucket       drawn, raw, band;
    CurveBuckets one = {.drawn = &drawn, .raw = &raw, .band = &band};
    curve_reduce(series, window, &one);
    if (drawn.filled) {
        *low  = fmin(*low, drawn.low);
        *high = fmax(*high, drawn.high);
    }
    if (raw.filled) {
        *low  = fmin(*low, raw.low);
        *high = fmax(*high, raw.high);
    }
    if (band.filled) { /* below zero there is no logarithm to make room for */
        *low  = fmin(*low, window->log ? band.high : band.low);
        *high = fmax(*high, band.high);
    }
}

void plot_axes_range(const Chart *chart, PlotAxes *axes)
{
    double     low, high;
    const bool found = whole_range(chart, &low, &high), part = is_range(chart->x_min, chart->x_max);
    *axes = (PlotAxes){.message = found ? NULL : "no data"};
    if (part) {
        low  = chart->x_min;
        high = chart->x_max;
    }
    if (!part && !found) {
        return;
    }
    const double least = fmax(fmax(fabs(low), fabs(high)) * 1e-9, 1e-200);
    if (high - low < least) { /* one point lies in the middle */
        const double half = fmax(0.5, least);
        low -= half;
        high += half;
    }
    axes->x = (Scale){low, high, false};
    axes->window =
        (CurveWindow){.x_min = low, .x_max = high, .columns = 1, .smoothing = chart->smoothing, .log = chart->log_y};
    axes->whole_x = counts_x(chart, axes);
    double y_low = INFINITY, y_high = -INFINITY;
    for (int s = 0; s < chart->series_count; s++) {
        widen(&chart->series[s], &axes->window, &y_low, &y_high);
    }
    if (!(y_low <= y_high)) {
        axes->message = found && chart->log_y ? "nothing above zero" : found && part ? "no data here" : "no data";
        return;
    }
    axes->shown = true;
    axes->y     = is_range(chart->y_min, chart->y_max) && (!chart->log_y || chart->y_min > 0)
                      ? (Scale){chart->y_min, chart->y_max, chart->log_y}
                      : scale_around(y_low, y_high, chart->log_y);
}

double plot_axes_x(const PlotAxes *axes, double value)
{
    return axes->box.x + scale_share(&axes->x, value) * axes->box.width;
}

double plot_axes_y(const PlotAxes *axes, double value)
{
    return axes->box.y + (1 - scale_share(&axes->y, value)) * axes->box.height;
}
