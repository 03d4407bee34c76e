/* Drawing a pane of curves, and its title. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/image/plot.h"
#include "tui/pane/pane_curves_parts.h"

enum {
    RECENT_PART   = 8, /* the newest eighth …                                            */
    RECENT_LEAST  = 50,
    SMOOTH_BEFORE = 512 /* points before those in sight that smoothing goes back: 0.97^512 is nothing */
};

#define USUAL_SMOOTHING 0.6 /* not worth a word in the title */

size_t curves_point_at(HistorySeries series, double step)
{
    size_t low = 0, high = series.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series.step[middle] < step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool curves_range(const CurveView *view, const Curve *curves, int count, CurveRange *range)
{
    *range = (CurveRange){INFINITY, -INFINITY, 0, 0};
    for (int i = 0; i < count; i++) {
        range->first = fmin(range->first, curves[i].series.step[0]);
        range->last  = fmax(range->last, curves[i].series.step[curves[i].series.count - 1]);
    }
    if (count == 0) {
        return false;
    }
    const double span = range->last - range->first;
    double       wide = span;
    if (view->recent) {
        wide = fmin(span, fmax(RECENT_LEAST, span / RECENT_PART));
    }
    if (view->zoom > 1) {
        wide = fmin(span, fmax(wide / view->zoom, CURVE_STEPS_LEAST));
    }
    range->high = range->last;
    if (view->has_cursor && wide < span) {
        range->high = fmin(range->last, fmax(range->first + wide, view->cursor_step + wide / 2));
    }
    range->low = range->high - wide;
    return true;
}

/* --- names */

/* Of a run, for a legend: its name, or where that is another's too, its directory's. */
static void run_name(const PaneCurves *pane, int run, char *out, size_t size)
{
    const char *name   = history_state(pane->runs[run])->name;
    bool        unique = name[0] != '\0';
    for (int r = 0; r < pane->run_count; r++) {
        unique = unique && (r == run || strcmp(history_state(pane->runs[r])->name, name) != 0);
    }
    if (unique) {
        snprintf(out, size, "%s", name);
        return;
    }
    const char *path   = history_path(pane->runs[run]);
    size_t      length = strlen(path), start;
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    for (start = length; start > 0 && path[start - 1] != '/'; start--) {
    }
    snprintf(out, size, "%.*s", (int)(length - start < 64 ? length - start : 64), path + start);
}

/* Before the names of chosen metrics: "accuracy" is another thing in an evaluation. */
static const char *const kind_prefixes[HISTORY_KIND_COUNT] = {
    [HISTORY_SFT] = "sft ", [HISTORY_RL] = "", [HISTORY_EVAL] = "eval "};

static void append(char *out, size_t size, const char *text)
{
    const size_t length = strlen(out);
    if (length < size) {
        snprintf(out + length, size - length, "%s", text);
    }
}

void pane_curves_title(PaneCurves *pane, Glyphs glyphs, char *out, size_t size)
{
    const char *const dot    = glyphs == GLYPHS_ASCII ? " - " : " \xC2\xB7 ";
    int               member = 0, listed = 0;
    const bool        several = pane->run_count > 1;
    const CurveSet   *set     = pane->chosen_count == 0 ? curves_set(pane, &member) : NULL;
    char              flags[64];
    if (size == 0) {
        return;
    }
    out[0] = '\0';
    if (pane->list.open) {
        append(out, size, "choose metrics");
        return;
    }
    for (int i = 0; i < pane->chosen_count && !(several && i > 0); i++) {
        append(out, size, i > 0 ? ", " : "");
        append(out, size, kind_prefixes[pane->chosen[i].kind]);
        append(out, size, pane->chosen[i].name);
    }
    append(out, size, set != NULL ? set->title : "");
    for (int m = 0; set != NULL && m < CURVE_SET_METRICS && set->metrics[m].name != NULL; m++) {
        if ((several && m != member) || (!several && set->metrics[m].behind)) {
            continue;
        }
        append(out, size, listed++ > 0 ? ", " : dot);
        append(out, size, set->metrics[m].label);
    }
    if (pane->view->zoom > 1) {
        snprintf(flags, sizeof flags, "%szoom %.3g", dot, pane->view->zoom);
        append(out, size, flags);
    }
    append(out, size, pane->view->recent ? dot : "");
    append(out, size, pane->view->recent ? "recent" : "");
    append(out, size, pane->log_y ? dot : "");
    append(out, size, pane->log_y ? "log" : "");
    if (fabs(pane->view->smoothing - USUAL_SMOOTHING) > 1e-6) {
        snprintf(flags, sizeof flags, pane->view->smoothing > 0 ? "%ssmooth %.3g" : "%snot smoothed", dot,
                 pane->view->smoothing);
        append(out, size, flags);
    }
}

/* --- drawing */

/* What all curves are measured in: shares as percentages only if all of them are shares. */
static const char *common_unit(const Curve *curves, int count, float *scale)
{
    const char *unit   = curves[0].info.unit;
    bool        shares = true;
    *scale             = 1.0f;
    for (int i = 0; i < count; i++) {
        shares = shares && curves[i].info.share;
        if (unit == NULL || curves[i].info.unit == NULL || strcmp(unit, curves[i].info.unit) != 0) {
            unit = NULL;
        }
    }
    *scale = shares ? 100.0f : 1.0f;
    return shares ? "%" : unit;
}

/* The points of a curve that are in sight, with those that lead there. */
typedef struct Part {
    size_t from, count;
} Part;

static Part part_of(HistorySeries series, const CurveRange *range, double smoothing)
{
    const size_t before = smoothing > 0 ? SMOOTH_BEFORE : 1;
    size_t       from = curves_point_at(series, range->low), to = curves_point_at(series, range->high) + 2;
    from = from > before ? from - before : 0;
    to   = to < series.count ? to : series.count;
    return (Part){from, to - from};
}

static bool reserve(PaneCurves *pane, size_t count)
{
    if (count > pane->capacity) {
        float *grown = realloc(pane->values, count * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        pane->values   = grown;
        pane->capacity = count;
    }
    return true;
}

static float *scaled(float *out, const float *in, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = in[i] * scale;
    }
    return out + count;
}

typedef struct CurveChart {
    Chart       chart;
    ChartSeries series[CURVES_MAX];
    char        names[CURVES_MAX][128];
} CurveChart;

/* The curves in sight as a chart, valid until the next one of this pane. False: out of memory. */
static bool make_chart(PaneCurves *pane, const Curve *curves, int count, CurveChart *made)
{
    ChartSeries *series = made->series;
    CurveRange   range;
    Part         parts[CURVES_MAX];
    size_t       points      = 0;
    bool         evaluations = false;
    float        scale;
    const char  *unit = common_unit(curves, count, &scale);
    curves_range(pane->view, curves, count, &range);
    for (int i = 0; i < count; i++) {
        evaluations = evaluations || curves[i].kind == HISTORY_EVAL;
        parts[i]    = part_of(curves[i].series, &range, pane->view->smoothing);
        points += 3 * parts[i].count;
    }
    if (!reserve(pane, points)) {
        return false;
    }
    float *values = pane->values;
    for (int i = 0; i < count; i++) {
        const Curve *curve = &curves[i];
        const Part   part  = parts[i];
        const bool   band  = curve->spread.count == curve->series.count; /* both are of the same events */
        snprintf(made->names[i], sizeof made->names[i], "%s%s",
                 pane->chosen_count > 0 ? kind_prefixes[curve->kind] : "", curve->label);
        if (pane->run_count > 1) {
            run_name(pane, curve->run, made->names[i], sizeof made->names[i]);
        }
        series[i] = (ChartSeries){.name  = made->names[i],
                                  .x     = curve->series.step + part.from,
                                  .y     = values,
                                  .count = part.count,
                                  .ink   = curve->ink};
        values    = scaled(values, curve->series.value + part.from, part.count, scale);
        if (evaluations && curve->kind != HISTORY_EVAL) { /* evaluations are few and each is drawn as it is */
            chart_smooth(series[i].y, part.count, pane->view->smoothing, values);
            series[i].y = values;
            values += part.count;
        }
        if (band) {
            series[i].spread = values;
            values           = scaled(values, curve->spread.value + part.from, part.count, scale);
        }
    }
    const bool whole = range.low <= range.first && range.high >= range.last;
    made->chart      = (Chart){.unit         = unit,
                               .series       = series,
                               .series_count = count,
                               .x_min        = whole ? 0 : range.low,
                               .x_max        = whole ? 0 : range.high,
                               .smoothing    = evaluations ? 0 : pane->view->smoothing,
                               .log_y        = pane->log_y,
                               .cursor       = pane->view->has_cursor,
                               .cursor_x     = pane->view->cursor_step,
                               .legend       = true};
    return true;
}

void pane_curves_draw(PaneCurves *pane, Area area, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1) {
        return;
    }
    pane->columns = area.width;
    if (pane->list.open) {
        curves_list_draw(pane, area, glyphs);
        return;
    }
    Curve      curves[CURVES_MAX];
    CurveChart made;
    const int  count = curves_collect(pane, curves);
    if (count == 0) {
        chart_draw(area, &(Chart){.legend = false}, glyphs);
    } else if (make_chart(pane, curves, count, &made)) {
        chart_draw(area, &made.chart, glyphs);
    } else {
        area_text(area, 0, 0, INK_BAD, 0, "out of memory", SIZE_MAX);
    }
}

Status pane_curves_plot(PaneCurves *pane, const char *title, const char *path, Error *error)
{
    Curve      curves[CURVES_MAX];
    CurveChart made;
    const int  count = curves_collect(pane, curves);
    if (count == 0) {
        return error_set(error, STATUS_FAILED, "there is nothing to plot here yet");
    }
    if (!make_chart(pane, curves, count, &made)) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory for a plot");
    }
    char panel_title[160];
    pane_curves_title(pane, GLYPHS_BRAILLE, panel_title, sizeof panel_title);
    made.chart.title      = panel_title;
    const PlotPanel panel = {.chart = made.chart, .x_label = "step", .y_label = made.chart.unit};
    return plot_write(&(Plot){.title = title, .panels = &panel, .panel_count = 1}, path, error);
}
