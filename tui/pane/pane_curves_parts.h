/* Private to tui/pane_curves*.c. */
#ifndef RLSP_TUI_PANE_CURVES_PARTS_H
#define RLSP_TUI_PANE_CURVES_PARTS_H

#include "rlsp/run/metric_info.h"
#include "tui/draw/chart.h"
#include "tui/pane/curve_sets.h"
#include "tui/pane/pane_curves.h"

enum { CURVES_MAX = SERIES_INKS, CURVE_NAME_BYTES = 64, CURVE_QUERY_BYTES = 32, CURVE_AUTOMATIC = -1 };
enum { CURVE_STEPS_LEAST = 8 /* stay in sight however far it is zoomed */ };

/* A metric that the user chose. */
typedef struct CurveMetric {
    HistoryKind kind;
    char        name[CURVE_NAME_BYTES];
} CurveMetric;

struct PaneCurves {
    Pane                  pane;
    const History *const *runs; /* [run_count] */
    int                   run_count;
    CurveView            *view;
    bool                  log_y;

    /* What is shown: the chosen ones if there are any, else a set; of several runs one metric of it. */
    int         set, member; /* CURVE_AUTOMATIC: the first that has data */
    CurveMetric chosen[CURVES_MAX];
    int         chosen_count;

    struct {
        bool open;
        char query[CURVE_QUERY_BYTES];
        int  at, top; /* of what passes the query */
    } list;

    int    columns; /* of the last drawing */
    float *values;  /* [capacity] scaled or smoothed copies, for one drawing */
    size_t capacity;
};

/* A curve that has data. */
typedef struct Curve {
    HistorySeries series, spread; /* spread.count 0: none */
    MetricInfo    info;
    HistoryKind   kind;
    const char   *label;
    int           run;
    bool          behind;
    Ink           ink;
} Curve;

int curves_collect(const PaneCurves *pane, Curve curves[CURVES_MAX]);
/* The set that is shown now, and its member with several runs. */
const CurveSet *curves_set(const PaneCurves *pane, int *member);
void            curves_toggle(PaneCurves *pane, HistoryKind kind, const char *name);

/* The steps in sight: the newest, or those around the cursor. */
typedef struct CurveRange {
    double first, last; /* of all curves */
    double low, high;   /* in sight      */
} CurveRange;

/* pane_curves_draw.c */
bool   curves_range(const CurveView *view, const Curve *curves, int count, CurveRange *range); /* false: no curves */
size_t curves_point_at(HistorySeries series, double step); /* the first point at or after a step */

/* pane_curves_list.c */
void curves_list_draw(PaneCurves *pane, Area area, Glyphs glyphs);
bool curves_list_key(PaneCurves *pane, int code);

#endif
