/* Private to the charts here and to the plots of tui/image.
 *
 * A chart is drawn in this order: the points of each series are reduced to buckets, a few per column,
 * (chart_curve.c); they give the scale of y; axes_draw takes what it needs from the area and leaves the plot
 * (chart_axes.c); the buckets become dots there (chart_dots.c).
 */
#ifndef RLSP_TUI_CHART_PARTS_H
#define RLSP_TUI_CHART_PARTS_H

#include "tui/draw/chart.h"

/* --- scales, ticks and their labels (chart_scale.c) */

/* low < high, both finite, and positive if log. */
typedef struct Scale {
    double low, high;
    bool   log;
} Scale;

/* 0 at low, 1 at high. */
double scale_share(const Scale *scale, double value);
/* Makes an axis of what is shown: a margin, zero if it is near, room around a constant. low <= high, positive if log.
 */
Scale scale_around(double low, double high, bool log);

enum { TICKS_MAX = 16, TICK_BYTES = 16 };

typedef struct AxisTicks {
    int    count;
    double values[TICKS_MAX];
    char   labels[TICKS_MAX][TICK_BYTES]; /* all with as many digits as tell them apart */
    int    width;                         /* of the longest label                       */
} AxisTicks;

/* `whole`: only whole numbers. `suffix` (at most 2 bytes) follows each label; NULL: none. */
void axis_ticks(const Scale *scale, int most, bool whole, const char *suffix, AxisTicks *ticks);

/* --- axes (chart_axes.c) */

typedef struct Axes {
    Scale       x, y;
    int         across, down; /* dots of a cell of the plot: values lie on dots */
    bool        whole_x;
    const char *suffix; /* of the labels of y, NULL: none */
    bool        cursor;
    double      cursor_x;
} Axes;

/* Draws what there is room for and returns the plot, at least one cell of a non-empty area. */
Area axes_draw(Area area, const Axes *axes, Glyphs glyphs);
/* The dot at a share of `dots` dots; may lie outside. */
int dot_at(double share, int dots);

/* A faint line in the middle (chart.c). */
void chart_message(Area area, const char *text);

/* --- dots (chart_dots.c) */

/* What lies on top hides what is below it in the same cell; curves beside curves share the cell. */
typedef enum Layer { LAYER_NONE, LAYER_ZERO, LAYER_BAND, LAYER_RAW, LAYER_CURSOR, LAYER_CURVE, LAYER_POINT } Layer;

typedef struct Pen {
    Layer    layer;
    Ink      ink;
    int      attrs;
    uint32_t code; /* drawn in each cell that it meets; 0: dots */
} Pen;

typedef struct DotCell {
    uint32_t code;
    uint8_t  mask, layer, ink, attrs;
} DotCell;

typedef struct Dots {
    Area     area;
    Glyphs   glyphs;
    int      across, down;  /* dots of a cell */
    int      width, height; /* dots           */
    DotCell *cells;         /* [area.height, area.width] */
} Dots;

void dots_of_cell(Glyphs glyphs, int *across, int *down);
bool dots_new(Dots *dots, Area area, Glyphs glyphs); /* false: out of memory, or nothing to draw in */
void dots_free(Dots *dots);
/* Dots of one column from row `top` to `bottom`, cut to the plot. */
void dots_run(Dots *dots, int column, int top, int bottom, Pen pen);
/* A point that has no neighbour, large enough to be seen. */
void dots_point(Dots *dots, int column, int row, Pen pen);
void dots_draw(const Dots *dots);

/* --- curves (chart_curve.c) */

/* Points that lie close together: in the same part of a column of dots. */
typedef struct Bucket {
    double x; /* of the first */
    double low, high, first, last;
    bool   joined; /* to the bucket before: no gap in between */
} Bucket;

typedef struct Curve {
    Bucket *buckets; /* [count], x rising, of [capacity] */
    int     count, capacity;
} Curve;

typedef struct CurveWindow {
    double x_min, x_max; /* x_min < x_max                        */
    bool   part;         /* they were asked for, not all there is */
    double smoothing;
    bool   log;
    bool   cursor;
    double cursor_x, reach; /* a series is read up to `reach` beyond its ends */
} CurveWindow;

typedef struct CurveReading {
    bool   found;
    double value, raw; /* as drawn; before smoothing */
} CurveReading;

typedef struct SeriesCurves {
    Curve        drawn, raw, band; /* raw: empty without smoothing; band: low to high */
    CurveReading reading;          /* at the cursor, or the last point in the window  */
} SeriesCurves;

/* Room for the curves of so many series, each of `parts` of x. NULL: out of memory. */
SeriesCurves *curves_new(int series_count, int parts);
void          curves_free(SeriesCurves *curves); /* NULL is allowed */
/* One pass over the points. A point beyond the window counts where its line crosses the edge. */
void curve_reduce(const ChartSeries *series, const CurveWindow *window, SeriesCurves *curves);
/* The first point at or after x. */
size_t curve_find(const ChartSeries *series, double x);
/* `tops`, `bottoms`: scratch, [dots->width] each. */
void curve_draw(Dots *dots, const Scale *x, const Scale *y, const Curve *curve, Pen pen, int *tops, int *bottoms);
void band_draw(Dots *dots, const Scale *x, const Scale *y, const Curve *band, Pen pen);

/* --- what is shown (chart_range.c) */

/* All of x, or the part that is asked for; false: there is no point at all. */
bool chart_window(const Chart *chart, CurveWindow *window);
/* Whether x counts something, so that between two whole numbers no tick makes sense. */
bool chart_counts_x(const Chart *chart, const CurveWindow *window);
/* Widens low and high to what is drawn of a series. */
void  curves_widen(const SeriesCurves *curves, bool log, double *low, double *high);
Scale chart_scale_y(const Chart *chart, double low, double high);

#endif
