/* PaneCurves: one pane of curves over the steps of one or several runs.
 *
 *     CurveView   view = {.smoothing = 0.6, .zoom = 1};
 *     PaneCurves *pane = pane_curves_new(PANE_REWARD, runs, run_count, &view);
 *     pane_curves_title(pane, glyphs, title, sizeof title);
 *     pane_curves_draw(pane, area_frame(area, title, focused, glyphs), glyphs);
 *     if (!pane_curves_key(pane, key)) …                       // not a key of this pane
 *     pane_curves_free(pane);
 *
 * PANE_REWARD: total, correctness, exploration, each its own curve. PANE_ACCURACY: held-out accuracy, sampled and
 * greedy, over that of the rollouts. PANE_LENGTH: mean with its spread. PANE_HEALTH: one metric of PPO, the next with
 * `m`. While a run is in SFT, and has nothing else, they show loss, learning rate and gradient norm. With several runs
 * each pane shows its first metric, a colour per run. Any logged metric can be put in any pane.
 *
 *     h l left right   cursor: reads values; Home End its ends; Esc leaves it      y    log scale
 *     + -              zoom around the cursor, or on the newest steps; 0 whole     s    smoothing: off, .6, .9, .97
 *     m M              next, previous set of metrics of this pane                  r    recent steps or the whole
 * history e                choose metrics from a list (type to filter; Enter toggles; Esc closes)
 */
#ifndef RLSP_TUI_PANE_CURVES_H
#define RLSP_TUI_PANE_CURVES_H

#include "engine/error.h"
#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"
#include "tui/pane/layout.h"
#include "tui/terminal/terminal.h"

/* What all curve panes of a screen have in common: they are looked at together. */
typedef struct CurveView {
    double smoothing; /* as in chart.h                                       */
    double zoom;      /* >= 1: this part of the steps is shown                */
    bool   recent;    /* the newest eighth of the steps, at least 50          */
    bool   has_cursor;
    double cursor_step;
} CurveView;

typedef struct PaneCurves PaneCurves;

/* `runs` [run_count] and `view` outlive it; NULL when out of memory. */
PaneCurves *pane_curves_new(Pane pane, const History *const *runs, int run_count, CurveView *view);
void        pane_curves_free(PaneCurves *pane); /* NULL is allowed */

void pane_curves_title(PaneCurves *pane, Glyphs glyphs, char *out,
                       size_t size);                               /* "reward · total, correct, explore" */
void pane_curves_draw(PaneCurves *pane, Area area, Glyphs glyphs); /* any size */
/* The curves in sight as a plot on white paper (plot.h). */
Status pane_curves_plot(PaneCurves *pane, const char *title, const char *path, Error *error);
bool   pane_curves_key(PaneCurves *pane, TerminalKey key);
bool pane_curves_captures(const PaneCurves *pane); /* the list is open: keys belong to the pane before anything else */

#endif
