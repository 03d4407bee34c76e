#include "rlsp/cli/plot_panels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/metric_info.h"

#define DEFAULT_SMOOTHING .6

/* A panel that is drawn when nothing else is asked for. Of several runs only the first metric is shown. What a metric
 * is called is in metric_info. */
typedef struct Default {
    const char *title, *y_label; /* NULL: what the first metric is called; its unit */
    bool        from_zero;
    struct {
        HistoryKind kind;
        const char *name;
    } metrics[3];
} Default;

static const Default accuracy = {
    "held-out accuracy", "share of responses", true, {{HISTORY_EVAL, "accuracy"}, {HISTORY_EVAL, "greedy_accuracy"}}};

static const Default rl_panels[] = {
    {"reward",
     "mean of a step",
     false,
     {{HISTORY_RL, "reward"}, {HISTORY_RL, "correct"}, {HISTORY_RL, "explore_weighted"}}},
    {"judge", "mean of a step", false, {{HISTORY_RL, "judge"}, {HISTORY_RL, "judge_fallback"}}},
    {"reward server", "mean of a step", false, {{HISTORY_RL, "remote"}, {HISTORY_RL, "remote_fallback"}}},
    accuracy,
    {"trace length", NULL, true, {{HISTORY_RL, "length"}}},
    {"what traces show",
     "share of traces",
     true,
     {{HISTORY_RL, "backtrack"}, {HISTORY_RL, "search"}, {HISTORY_RL, "check"}}},
    {"KL to the reference policy", "nats per trace", false, {{HISTORY_RL, "kl"}}},
    {"entropy", "nats per token", true, {{HISTORY_RL, "entropy"}}},
};

static const Default sft_panels[] = {
    {NULL, "nats per token", false, {{HISTORY_SFT, "loss"}}},
    {NULL, NULL, true, {{HISTORY_SFT, "lr"}}},
    {NULL, NULL, true, {{HISTORY_SFT, "grad_norm"}}},
    accuracy,
};

/* "run", "metric" or "run: metric": what tells a curve from the others of its panel. */
static void name_curve(PlotPanels *panels, int panel, int curve, const char *run, const char *label, bool many_runs,
                       bool many_metrics)
{
    snprintf(panels->names[panel][curve], sizeof panels->names[panel][curve], "%.70s%s%.70s", many_runs ? run : "",
             many_runs && many_metrics ? ": " : "", many_metrics || !many_runs ? label : "");
}

/* How far a mean is off, or how wide what it is the mean of: its standard error; of lengths the standard deviation. */
static const float *spread_of(const History *history, const PlotMetric *metric)
{
    char name[PLOT_NAME_SIZE + 8];
    snprintf(name, sizeof name, "%s_stderr", metric->name);
    int at = history_metric(history, metric->kind, name);
    if (at < 0 && strstr(metric->name, "length") != NULL) {
        snprintf(name, sizeof name, "%s_sd", metric->name);
        at = history_metric(history, metric->kind, name);
    }
    return at >= 0 ? history_series(history, metric->kind, at).value : NULL;
}

/* Adds the curves of a metric, one per run that has it. */
static Status add_curves(PlotPanels *panels, const PlotRequest *request, const PlotMetric *metric, const char *label,
                         bool many_metrics, Error *error)
{
    const int  at    = panels->count;
    PlotPanel *panel = &panels->panels[at];
    for (int r = 0; r < request->run_count; r++) {
        const History *history = request->runs[r].history;
        const int      which   = history_metric(history, metric->kind, metric->name);
        const int      curve   = panel->chart.series_count;
        if (which < 0) {
            continue;
        }
        if (curve == SERIES_INKS) {
            return error_set(error, STATUS_BAD_INPUT, "more than %d curves in a panel; ask for fewer metrics or runs",
                             SERIES_INKS);
        }
        const HistorySeries points = history_series(history, metric->kind, which);
        name_curve(panels, at, curve, request->runs[r].name, label, request->run_count > 1, many_metrics);
        panels->curves[at][curve] = (PlotCurve){&request->runs[r], metric->kind, which};
        panels->series[at][curve] = (ChartSeries){.name   = panels->names[at][curve],
                                                  .x      = points.step,
                                                  .y      = points.value,
                                                  .spread = spread_of(history, metric),
                                                  .count  = points.count,
                                                  .ink    = (Ink)(INK_SERIES_0 + curve)};
        panel->chart.series_count++;
    }
    return STATUS_OK;
}

/* Points of a curve among the steps that are shown. */
static size_t count_points(const ChartSeries *series, double from, double to)
{
    size_t count = 0;
    for (size_t i = 0; i < series->count; i++) {
        count += series->x[i] >= from && series->x[i] <= to && isfinite(series->y[i]);
    }
    return count;
}

/* What is chosen beforehand is drawn as it is. */
static bool is_set(const char *metric)
{
    size_t bytes = strlen(metric);
    return strcmp(metric, "kl_coef") == 0 || (bytes >= 2 && strcmp(metric + bytes - 2, "lr") == 0);
}

/* "tokens ± standard deviation" where there is a band; more than two bands hide each other. */
static void label_y(PlotPanels *panels, const char *label)
{
    Chart      *chart = &panels->panels[panels->count].chart;
    char       *out   = panels->labels[panels->count];
    const char *band  = "";
    for (int c = 0; c < chart->series_count; c++) {
        ChartSeries     *series = &panels->series[panels->count][c];
        const PlotCurve *curve  = &panels->curves[panels->count][c];
        series->spread          = chart->series_count <= 2 ? series->spread : NULL;
        if (series->spread != NULL) {
            const char *name = history_metric_name(curve->run->history, curve->kind, curve->metric);
            band             = strstr(name, "length") != NULL ? "standard deviation" : "standard error";
        }
    }
    const bool both = label != NULL && band[0] != '\0';
    snprintf(out, sizeof panels->labels[0], "%s%s%s%s", label != NULL ? label : "", both ? " " : "",
             band[0] != '\0' ? "\xC2\xB1 " : "", band);
    panels->panels[panels->count].y_label = out[0] != '\0' ? out : NULL;
}

/* The y axis from 0 to a little above what is shown. */
static void start_at_zero(Chart *chart, double from, double to)
{
    double top = 0;
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        for (size_t i = 0; i < series->count; i++) {
            double y = (double)series->y[i], spread = series->spread != NULL ? (double)series->spread[i] : 0;
            if (series->x[i] >= from && series->x[i] <= to && isfinite(y)) {
                top = fmax(top, y + (isfinite(spread) ? spread : 0));
            }
        }
    }
    chart->y_min = 0;
    chart->y_max = top > 0 ? 1.05 * top : 1;
}

/* The x axis: what was asked for, its other end where the points end. */
static void set_steps(Chart *chart, double from, double to)
{
    double first = INFINITY, last = -INFINITY;
    for (int s = 0; s < chart->series_count; s++) {
        const ChartSeries *series = &chart->series[s];
        first                     = series->count > 0 ? fmin(first, series->x[0]) : first;
        last                      = series->count > 0 ? fmax(last, series->x[series->count - 1]) : last;
    }
    if (isfinite(from) || isfinite(to)) {
        chart->x_min = isfinite(from) ? from : first;
        chart->x_max = isfinite(to) ? to : last;
    }
}

/* Completes the panel that add_curves began; one whose curves have fewer points than `least` is dropped. */
static void finish_panel(PlotPanels *panels, const PlotRequest *request, const char *y_label, bool from_zero,
                         size_t least, double from, double to)
{
    PlotPanel *panel  = &panels->panels[panels->count];
    Chart     *chart  = &panel->chart;
    size_t     points = 0;
    bool       smooth = true;
    for (int c = 0; c < chart->series_count; c++) {
        const PlotCurve *curve = &panels->curves[panels->count][c];
        const size_t     count = count_points(&panels->series[panels->count][c], from, to);
        points                 = count > points ? count : points;
        smooth                 = smooth && curve->kind != HISTORY_EVAL &&
                 !is_set(history_metric_name(curve->run->history, curve->kind, curve->metric));
    }
    if (points < least) {
        *panel                           = (PlotPanel){0};
        panels->titles[panels->count][0] = '\0';
        return;
    }
    chart->series = panels->series[panels->count];
    label_y(panels, y_label);
    set_steps(chart, from, to);
    chart->title     = panels->titles[panels->count];
    chart->smoothing = !isnan(request->smoothing) ? request->smoothing : smooth ? DEFAULT_SMOOTHING : 0;
    chart->log_y     = request->log_y;
    chart->legend    = request->run_count > 1 || chart->series_count > 1;
    panel->x_label   = "step";
    if (from_zero && !chart->log_y) {
        start_at_zero(chart, from, to);
    }
    panels->count++;
}

/* The steps that all runs span: of one kind, or of all kinds. */
static void span_of(const PlotRequest *request, int kind, double *first, double *last)
{
    *first = INFINITY;
    *last  = -INFINITY;
    for (int r = 0; r < request->run_count; r++) {
        for (int k = 0; k < HISTORY_KIND_COUNT; k++) {
            HistorySeries any = history_series(request->runs[r].history, (HistoryKind)k, 0);
            if ((kind < 0 || k == kind) && any.count > 0) {
                *first = fmin(*first, any.step[0]);
                *last  = fmax(*last, any.step[any.count - 1]);
            }
        }
    }
}

/* What a metric is called beside others. */
static const char *brief_of(const MetricInfo *info)
{
    return info->brief != NULL ? info->brief : info->label != NULL ? info->label : info->name;
}

static Status add_defaults(PlotPanels *panels, const PlotRequest *request, Error *error)
{
    double first, last;
    span_of(request, HISTORY_RL, &first, &last);
    const bool     rl       = first <= last;
    const Default *defaults = rl ? rl_panels : sft_panels;
    const int      count    = rl ? sizeof rl_panels / sizeof *rl_panels : sizeof sft_panels / sizeof *sft_panels;
    /* RL after a long SFT is what is looked at; the evaluation just before it belongs to it */
    const double from = !isnan(request->from) ? request->from : rl ? first - 1 : -INFINITY;
    const double to   = !isnan(request->to) ? request->to : rl ? last : INFINITY;
    const int    most = request->run_count > 1 ? 1 : 3;
    for (int d = 0; d < count; d++) {
        const MetricInfo first_metric = metric_info(defaults[d].metrics[0].kind, defaults[d].metrics[0].name);
        for (int m = 0; m < most && defaults[d].metrics[m].name != NULL; m++) {
            PlotMetric metric = {.kind = defaults[d].metrics[m].kind};
            snprintf(metric.name, sizeof metric.name, "%s", defaults[d].metrics[m].name);
            const MetricInfo info   = metric_info(metric.kind, metric.name);
            Status           status = add_curves(panels, request, &metric, brief_of(&info), false, error);
            if (status != STATUS_OK) {
                return status;
            }
        }
        const bool one_of_several = most == 1 && defaults[d].metrics[1].name != NULL;
        snprintf(panels->titles[panels->count], sizeof panels->titles[0], "%s%s%s",
                 defaults[d].title != NULL ? defaults[d].title : brief_of(&first_metric), one_of_several ? ": " : "",
                 one_of_several ? brief_of(&first_metric) : "");
        /* one evaluation is no curve */
        const size_t least = defaults[d].metrics[0].kind == HISTORY_EVAL ? 2 : 1;
        finish_panel(panels, request, defaults[d].y_label != NULL ? defaults[d].y_label : first_metric.unit,
                     defaults[d].from_zero, least, from, to);
    }
    return STATUS_OK;
}

/* "a,b+c" */
static Status add_asked(PlotPanels *panels, const PlotRequest *request, Error *error)
{
    const double from = isnan(request->from) ? -INFINITY : request->from;
    const double to   = isnan(request->to) ? INFINITY : request->to;
    for (const char *at = request->metrics;; at++) {
        const size_t length = strcspn(at, ",");
        const bool   many   = memchr(at, '+', length) != NULL;
        if (panels->count == PLOT_PANELS_MAX) {
            return error_set(error, STATUS_BAD_INPUT, "--metric: more than %d panels; make several pictures",
                             PLOT_PANELS_MAX);
        }
        for (const char *word = at, *end = at + length;; word++) {
            const size_t letters = strcspn(word, ",+");
            PlotMetric   metric;
            if (letters == 0) {
                return error_set(error, STATUS_BAD_INPUT,
                                 "--metric: a name is missing in \"%.80s\"; wanted a,b,c or a,b+c", request->metrics);
            }
            Status status = plot_metric_find(request, word, letters, &metric, error);
            char   label[PLOT_NAME_SIZE + 8];
            if (status == STATUS_OK) {
                snprintf(label, sizeof label, "%s.%s", plot_kind_name(metric.kind), metric.name);
                size_t used = strlen(panels->titles[panels->count]);
                snprintf(panels->titles[panels->count] + used, sizeof panels->titles[0] - used, "%s%s",
                         used > 0 ? ", " : "", label);
                status = add_curves(panels, request, &metric, label, many, error);
            }
            if (status != STATUS_OK) {
                return status;
            }
            word += letters;
            if (word >= end) {
                break;
            }
        }
        finish_panel(panels, request, NULL, false, 1, from, to);
        at += length;
        if (*at == '\0') {
            return STATUS_OK;
        }
    }
}

void plot_panels_free(PlotPanels *panels)
{
    free(panels);
}

PlotPanels *plot_panels_new(const PlotRequest *request, Error *error)
{
    PlotPanels *panels = calloc(1, sizeof *panels);
    if (panels == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while putting curves together");
        return NULL;
    }
    Status status = request->metrics != NULL ? add_asked(panels, request, error) : add_defaults(panels, request, error);
    if (status == STATUS_OK && panels->count == 0) {
        status = error_set(error, STATUS_FAILED, "nothing to draw: %s%s",
                           isnan(request->from) && isnan(request->to) ? "no curve yet in "
                                                                      : "no point between --from and --to in ",
                           request->runs[0].name);
    }
    if (status != STATUS_OK) {
        plot_panels_free(panels);
        return NULL;
    }
    return panels;
}
