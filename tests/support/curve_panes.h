/* All panes of curves, of one view, as the dashboard has them.
 *
 *     CurvePanes panes;
 *     curve_panes_open(&panes, runs, 1);
 *     …
 *     curve_panes_close(&panes);
 */
#ifndef TESTS_SUPPORT_CURVE_PANES_H
#define TESTS_SUPPORT_CURVE_PANES_H

#include "tui/pane/pane_curves.h"

enum { CURVE_PANES = 4 };

typedef struct CurvePanes {
    PaneCurves *curves[CURVE_PANES];
    CurveView   view;
} CurvePanes;

/* The test fails if they cannot be opened. `panes` must stay where it is. */
void curve_panes_open(CurvePanes *panes, const History *const *runs, int count);
void curve_panes_close(CurvePanes *panes);

#endif
