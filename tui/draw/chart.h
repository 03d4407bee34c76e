/* Chart: curves, histograms and bars in an area of a canvas.
 *
 *     Chart chart = {.title = "reward", .series = series, .series_count = 2, .smoothing = 0.9};
 *     chart_draw(area, &chart, GLYPHS_BRAILLE);
 *
 * Axes have ticks at round values (1, 2, 5 times a power of ten) with units; the y axis widens
 * to what is shown, ignoring not-a-number (a gap in the curve). Series with more points than there are
 * columns keep their extremes. Drawing costs time linear in the points shown, nothing is kept.
 */
#ifndef RLSP_TUI_CHART_H
#define RLSP_TUI_CHART_H

#include "tui/draw/canvas.h"

typedef struct ChartSeries {
    const char   *name;
    const double *x;      /* [count], rising  */
    const float  *y;      /* [count]          */
    const float  *spread; /* [count] or NULL: a band of y - spread to y + spread, faint */
    size_t        count;
    Ink           ink;
} ChartSeries;

typedef struct Chart {
    const char        *title; /* NULL: none                                   */
    const char        *unit;  /* of y: "tokens", "%"; NULL: none                */
    const ChartSeries *series;
    int                series_count;
    double             x_min, x_max; /* both 0: all                             */
    double             y_min, y_max; /* both 0: what is shown, with a margin    */
    double             smoothing;    /* 0: none, to 0.99: of an exponential mean, debiased at its
                                        start; the raw curve is drawn faint behind it */
    bool   log_y;                    /* values that are not positive are left out */
    bool   log_x;                    /* of plots (tui/image), where all of x is positive */
    bool   cursor;                   /* reads the values at cursor_x              */
    double cursor_x;
    bool   legend; /* names with the last (or the cursor's) value */
} Chart;

/* Any size: axes, legend and title are left out, in that order, as room runs short; 1x1 shows something.
 * Without data: "no data yet". */
void chart_draw(Area area, const Chart *chart, Glyphs glyphs);

/* The smoothed value of each point, as drawn. `out` [count]. */
void chart_smooth(const float *y, size_t count, double smoothing, float *out);
/* Round tick values in [low, high], at most `most` (2 to 16); returns their number. */
int chart_ticks(double low, double high, int most, bool log, double *ticks);
/* "0.25", "1.2k", "3.4M", "1e-05", "" for not-a-number: at most 8 characters. */
void chart_number(double value, char out[16]);

/* A distribution: `then` (may be NULL) drawn behind `now`, each of `bins` shares that add up to 1 over [low, high]. */
typedef struct Histogram {
    const float *now, *then; /* [bins] */
    int          bins;
    double       low, high;
    const char  *unit, *now_name, *then_name;
} Histogram;
void histogram_draw(Area area, const Histogram *histogram, Glyphs glyphs);

/* A bar of `share` in [0, 1] on one row. */
void bar_draw(Area area, double share, Ink ink, Glyphs glyphs);

#endif
