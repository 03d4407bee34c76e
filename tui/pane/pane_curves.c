/* What a pane of curves shows, and its keys. */
#include "tui/pane/pane_curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/pane/metric_mean.h"
#include "tui/pane/pane_curves_parts.h"

static const double smoothings[] = {0, 0.6, 0.9, 0.97};

PaneCurves *pane_curves_new(Pane pane, const History *const *runs, int run_count, CurveView *view)
{
    PaneCurves *curves = calloc(1, sizeof *curves);
    if (curves != NULL) {
        curves->pane      = pane;
        curves->runs      = runs;
        curves->run_count = run_count < CURVES_MAX ? run_count : CURVES_MAX;
        curves->view      = view;
        curves->set       = CURVE_AUTOMATIC;
    }
    return curves;
}

void pane_curves_free(PaneCurves *pane)
{
    if (pane != NULL) {
        free(pane->values);
        free(pane);
    }
}

/* --- what is shown */

static bool run_has(const History *run, HistoryKind kind, const char *name)
{
    return isfinite(history_last(run, kind, name));
}

/* Whether any run has a finite value of it. */
static bool curves_have(const PaneCurves *pane, HistoryKind kind, const char *name)
{
    for (int r = 0; r < pane->run_count; r++) {
        if (run_has(pane->runs[r], kind, name)) {
            return true;
        }
    }
    return false;
}

static bool member_has_data(const PaneCurves *pane, const CurveSet *set, int member)
{
    const CurveRef *ref = &set->metrics[member];
    return member < CURVE_SET_METRICS && ref->name != NULL && curves_have(pane, ref->kind, ref->name);
}

static bool set_has_data(const PaneCurves *pane, const CurveSet *set)
{
    for (int m = 0; m < CURVE_SET_METRICS; m++) {
        if (member_has_data(pane, set, m)) {
            return true;
        }
    }
    return false;
}

/* With several runs: what is behind the others comes last. */
static int first_member(const PaneCurves *pane, const CurveSet *set)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int m = 0; m < CURVE_SET_METRICS; m++) {
            if (member_has_data(pane, set, m) && set->metrics[m].behind == (pass == 1)) {
                return m;
            }
        }
    }
    return set->metrics[0].behind && set->metrics[1].name != NULL;
}

const CurveSet *curves_set(const PaneCurves *pane, int *member)
{
    int             count;
    const CurveSet *sets = curve_sets(pane->pane, &count);
    if (sets == NULL) {
        return NULL;
    }
    if (pane->set != CURVE_AUTOMATIC) {
        *member = pane->member;
        return &sets[pane->set];
    }
    for (int s = 0; s < count; s++) {
        if (set_has_data(pane, &sets[s])) {
            *member = first_member(pane, &sets[s]);
            return &sets[s];
        }
    }
    *member = first_member(pane, &sets[0]);
    return &sets[0];
}

static bool add_curve(const PaneCurves *pane, int run, const CurveRef *ref, Curve *curve)
{
    const History *history = pane->runs[run];
    if (!run_has(history, ref->kind, ref->name)) {
        return false;
    }
    *curve = (Curve){.series = metric_series(history, ref->kind, ref->name),
                     .info   = metric_info(ref->kind, ref->name),
                     .kind   = ref->kind,
                     .label  = ref->label,
                     .run    = run,
                     .behind = ref->behind};
    if (ref->spread != NULL) {
        curve->spread = metric_series(history, ref->kind, ref->spread);
    }
    return true;
}

int curves_collect(const PaneCurves *pane, Curve curves[CURVES_MAX])
{
    CurveRef refs[CURVES_MAX];
    int      ref_count = 0, count = 0, member = 0, front = 0;
    for (; ref_count < pane->chosen_count; ref_count++) {
        const CurveMetric *chosen = &pane->chosen[ref_count];
        refs[ref_count]           = (CurveRef){.kind = chosen->kind, .name = chosen->name, .label = chosen->name};
    }
    const CurveSet *set = ref_count == 0 ? curves_set(pane, &member) : NULL;
    for (int m = 0; set != NULL && m < CURVE_SET_METRICS && set->metrics[m].name != NULL; m++) {
        refs[ref_count++] = set->metrics[m];
    }
    if (pane->run_count > 1 && ref_count > 0) {
        CurveRef ref = refs[set != NULL ? member : 0];
        ref.spread   = NULL; /* bands of several runs hide each other */
        ref.behind   = false;
        for (int r = 0; r < pane->run_count; r++) {
            if (add_curve(pane, r, &ref, &curves[count])) {
                curves[count++].ink = (Ink)(INK_SERIES_0 + r);
            }
        }
        return count;
    }
    for (int i = 0; i < ref_count && pane->run_count > 0; i++) {
        if (add_curve(pane, 0, &refs[i], &curves[count])) {
            front += !refs[i].behind;
            curves[count++].ink = refs[i].behind ? INK_FAINT : (Ink)(INK_SERIES_0 + i - (refs[0].behind && i > 0));
        }
    }
    for (int i = 0; i < count && front == 0; i++) { /* nothing to be behind of */
        curves[i].behind = false;
        curves[i].ink    = (Ink)(INK_SERIES_0 + i);
    }
    return count;
}

static int chosen_index(const PaneCurves *pane, HistoryKind kind, const char *name)
{
    for (int i = 0; i < pane->chosen_count; i++) {
        if (pane->chosen[i].kind == kind && strcmp(pane->chosen[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

void curves_toggle(PaneCurves *pane, HistoryKind kind, const char *name)
{
    const int at = chosen_index(pane, kind, name);
    if (at >= 0) {
        pane->chosen_count--;
        memmove(&pane->chosen[at], &pane->chosen[at + 1], (size_t)(pane->chosen_count - at) * sizeof *pane->chosen);
    } else if (pane->chosen_count < CURVES_MAX && strlen(name) < CURVE_NAME_BYTES) {
        CurveMetric *chosen = &pane->chosen[pane->chosen_count++];
        chosen->kind        = kind;
        snprintf(chosen->name, sizeof chosen->name, "%s", name);
    }
}

/* The next thing that has data, round and round; with several runs every metric of a set is one. */
static void next_set(PaneCurves *pane, int by)
{
    int             count, member = 0;
    const CurveSet *sets = curve_sets(pane->pane, &count), *now = curves_set(pane, &member);
    if (sets == NULL) {
        return;
    }
    const int each = pane->run_count > 1 ? CURVE_SET_METRICS : 1, total = count * each;
    int       at = (int)(now - sets) * each + (each > 1 ? member : 0);
    if (pane->chosen_count > 0) { /* back to the sets first */
        pane->chosen_count = 0;
        return;
    }
    for (int tried = 0; tried < total; tried++) {
        at                  = (at + by + total) % total;
        const CurveSet *set = &sets[at / each];
        if (each > 1 ? member_has_data(pane, set, at % each) : set_has_data(pane, set)) {
            pane->set    = at / each;
            pane->member = each > 1 ? at % each : first_member(pane, set);
            return;
        }
    }
}

/* --- the cursor */

/* Its steps are those of the curve with most points. */
static const Curve *cursor_curve(const Curve *curves, int count)
{
    const Curve *best = NULL;
    for (int i = 0; i < count; i++) {
        if (best == NULL || curves[i].series.count > best->series.count) {
            best = &curves[i];
        }
    }
    return best;
}

/* By as many points as lie on a column; `by` 0: to the step nearest to where it is. */
static void move_cursor(PaneCurves *pane, int by)
{
    Curve        curves[CURVES_MAX];
    CurveRange   range;
    const int    count = curves_collect(pane, curves);
    const Curve *curve = cursor_curve(curves, count);
    if (curve == NULL || !curves_range(pane->view, curves, count, &range)) {
        return;
    }
    const HistorySeries series   = curve->series;
    const size_t        in_sight = curves_point_at(series, range.high) - curves_point_at(series, range.low),
                 last            = series.count - 1;
    const size_t columns = pane->columns > 1 ? (size_t)pane->columns : 1, stride = in_sight / columns + 1;
    size_t       at = last;
    if (pane->view->has_cursor) {
        at = curves_point_at(series, pane->view->cursor_step);
        at = at > last ? last : at;
        at = by < 0 ? (at > stride ? at - stride : 0) : by > 0 ? (last - at > stride ? at + stride : last) : at;
    }
    pane->view->has_cursor  = true;
    pane->view->cursor_step = series.step[at];
}

static void cursor_to_end(PaneCurves *pane, bool newest)
{
    Curve        curves[CURVES_MAX];
    const Curve *curve = cursor_curve(curves, curves_collect(pane, curves));
    if (curve != NULL) {
        pane->view->has_cursor  = true;
        pane->view->cursor_step = curve->series.step[newest ? curve->series.count - 1 : 0];
    }
}

/* --- keys */

static void zoom_by(CurveView *view, const Curve *curves, int count, double factor)
{
    CurveView  whole = *view;
    CurveRange range;
    double     most = 1;
    whole.zoom      = 1;
    if (curves_range(&whole, curves, count, &range)) {
        most = fmax(1, (range.high - range.low) / CURVE_STEPS_LEAST);
    }
    view->zoom = isfinite(view->zoom) ? fmin(most, fmax(1, view->zoom * factor)) : 1;
}

static void next_smoothing(CurveView *view)
{
    const int count = sizeof smoothings / sizeof *smoothings;
    int       at    = 0;
    while (at < count && smoothings[at] <= view->smoothing + 1e-6) {
        at++;
    }
    view->smoothing = smoothings[at % count];
}

bool pane_curves_captures(const PaneCurves *pane)
{
    return pane->list.open;
}

bool pane_curves_key(PaneCurves *pane, TerminalKey key)
{
    if (pane->list.open) {
        return curves_list_key(pane, key.code);
    }
    Curve     curves[CURVES_MAX];
    const int count = curves_collect(pane, curves);
    switch (key.code) {
    case 'h':
    case KEY_CODE_LEFT: move_cursor(pane, -1); return true;
    case 'l':
    case KEY_CODE_RIGHT: move_cursor(pane, 1); return true;
    case KEY_CODE_HOME: cursor_to_end(pane, false); return true;
    case KEY_CODE_END: cursor_to_end(pane, true); return true;
    case KEY_CODE_ESCAPE: {
        const bool had         = pane->view->has_cursor;
        pane->view->has_cursor = false;
        return had;
    }
    case 'y': pane->log_y = !pane->log_y; return true;
    case 's': next_smoothing(pane->view); return true;
    case '+':
    case '=':
    case KEY_CODE_WHEEL_UP: zoom_by(pane->view, curves, count, 2); return true;
    case '-':
    case KEY_CODE_WHEEL_DOWN: zoom_by(pane->view, curves, count, 0.5); return true;
    case '0':
        pane->view->zoom   = 1;
        pane->view->recent = false;
        return true;
    case 'r': pane->view->recent = !pane->view->recent; return true;
    case 'm': next_set(pane, 1); return true;
    case 'M': next_set(pane, -1); return true;
    case 'e':
        pane->list.open     = true;
        pane->list.query[0] = '\0';
        pane->list.at = pane->list.top = 0;
        return true;
    default: return false;
    }
}
