/* What `rlsp plot` draws: metrics of runs, put together into panels.
 *
 *     PlotRequest request = {.runs = runs, .run_count = 2, .metrics = "reward,kl", .smoothing = NAN};
 *     PlotPanels *panels  = plot_panels_new(&request, &error);
 *     plot_write(&(Plot){.panels = panels->panels, .panel_count = panels->count, …}, "F.png", &error);
 *     plot_panels_free(panels);
 *
 * A metric is named as its event has it, with its kind before it: rl.reward, eval.accuracy, sft.loss. Without a kind
 * the first of rl, eval, sft that has it is meant.
 */
#ifndef RLSP_CLI_PLOT_PANELS_H
#define RLSP_CLI_PLOT_PANELS_H

#include "rlsp/run/history.h"
#include "tui/image/plot.h"

enum { PLOT_RUNS_MAX = SERIES_INKS, PLOT_PANELS_MAX = 24, PLOT_NAME_SIZE = 96 };

typedef struct PlotRun {
    const History *history;
    const char    *name; /* what tells it from the others */
} PlotRun;

typedef struct PlotRequest {
    const PlotRun *runs;
    int            run_count;
    const char *metrics; /* "a,b+c": a panel each, with several curves where there is a +; NULL: those that a run has */
    double      smoothing; /* NAN: .6; evaluations and what is set (lr) as they are */
    double      from, to;  /* steps; NAN: not said */
    bool        log_y;
} PlotRequest;

typedef struct PlotMetric {
    HistoryKind kind;
    char        name[PLOT_NAME_SIZE];
} PlotMetric;

/* A curve: what is behind a series of a panel. */
typedef struct PlotCurve {
    const PlotRun *run;
    HistoryKind    kind;
    int            metric;
} PlotCurve;

typedef struct PlotPanels {
    int         count;
    PlotPanel   panels[PLOT_PANELS_MAX];
    ChartSeries series[PLOT_PANELS_MAX][SERIES_INKS];
    PlotCurve   curves[PLOT_PANELS_MAX][SERIES_INKS];
    char        names[PLOT_PANELS_MAX][SERIES_INKS][160];
    char        titles[PLOT_PANELS_MAX][160], labels[PLOT_PANELS_MAX][80];
} PlotPanels;

/* NULL with *error set: a metric that no run has (the nearest are named), too many of something, nothing to draw. The
 * runs outlive it and are not read on meanwhile. */
PlotPanels *plot_panels_new(const PlotRequest *request, Error *error);
void        plot_panels_free(PlotPanels *panels); /* NULL is allowed */

/* plot_metrics.c. The metric that [length] bytes of `word` name; STATUS_BAD_INPUT names the nearest there are. */
Status plot_metric_find(const PlotRequest *request, const char *word, size_t length, PlotMetric *metric, Error *error);

const char *plot_kind_name(HistoryKind kind); /* "rl", … */

/* A name out of a file as it may be shown: no control bytes, whole UTF-8; cut to `size` with its NUL. */
void plot_clean(const char *text, char *out, size_t size);

typedef void PlotVisit(void *context, HistoryKind kind, const char *name);
/* Calls `visit` for each metric that a run has, once. */
void plot_each_metric(const PlotRun *runs, int run_count, PlotVisit *visit, void *context);

#endif
