#include "tui/draw/chart_parts.h"

#include <math.h>

enum { WHOLE_SPAN = 20 }; /* shorter spans of x look whether x is a whole number */

static bool is_number(double x)
{
    return fabs(x) < 1e300;
}

bool chart_window(const Chart *chart, CurveWindow *window)
{
    double low = INFINITY, high = -INFINITY;
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        size_t             first = 0, last = series->count;
        while (first < last && !is_number(series->x[first])) {
            first++;
        }
        while (last > first && !is_number(series->x[last - 1])) {
            last--;
        }
        if (first < last) {
            low  = fmin(low, fmin(series->x[first], series->x[last - 1]));
            high = fmax(high, fmax(series->x[first], series->x[last - 1]));
        }
    }
    const bool found = low <= high;
    const bool part  = (chart->x_min != 0 || chart->x_max != 0) && chart->x_min <= chart->x_max &&
                      is_number(chart->x_min) && is_number(chart->x_max);
    if (part) {
        low  = chart->x_min;
        high = chart->x_max;
    } else if (!found) {
        low = high = 0;
    }
    const double least = fmax(fmax(fabs(low), fabs(high)) * 1e-9, 1e-200);
    if (high - low < least) { /* one point lies in the middle */
        const double half = fmax(0.5, least);
        low -= half;
        high += half;
    }
    *window = (CurveWindow){.x_min     = low,
                            .x_max     = high,
                            .part      = part,
                            .smoothing = chart->smoothing,
                            .log       = chart->log_y,
                            .cursor    = chart->cursor,
                            .cursor_x  = chart->cursor_x};
    return found;
}

bool chart_counts_x(const Chart *chart, const CurveWindow *window)
{
    if (window->x_max - window->x_min > WHOLE_SPAN) {
        return false; /* the ticks are whole anyway */
    }
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        for (size_t i = curve_find(series, window->x_min); i < series->count && series->x[i] <= window->x_max; i++) {
            if (series->x[i] != round(series->x[i])) {
                return false;
            }
        }
    }
    return true;
}

static void widen(const Curve *curve, double *low, double *high)
{
    for (int i = 0; i < curve->count; i++) {
        *low  = fmin(*low, curve->buckets[i].low);
        *high = fmax(*high, curve->buckets[i].high);
    }
}

void curves_widen(const SeriesCurves *curves, bool log, double *low, double *high)
{
    double least = INFINITY, band_low = INFINITY, band_high = -INFINITY;
    widen(&curves->drawn, &least, high);
    widen(&curves->raw, &least, high);
    *low = fmin(*low, least);
    if (curves->band.count > 0) { /* no room for less than nothing of what is never negative, or has a logarithm */
        widen(&curves->band, &band_low, &band_high);
        *low  = fmin(*low, log ? band_high : least >= 0 ? fmax(band_low, 0) : band_low);
        *high = fmax(*high, band_high);
    }
}

Scale chart_scale_y(const Chart *chart, double low, double high)
{
    const bool fixed = chart->y_min < chart->y_max && isfinite(chart->y_min) && isfinite(chart->y_max) &&
                       (!chart->log_y || chart->y_min > 0);
    return fixed ? (Scale){chart->y_min, chart->y_max, chart->log_y} : scale_around(low, high, chart->log_y);
}
