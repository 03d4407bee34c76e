#include "tests/support/curve_panes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void curve_panes_open(CurvePanes *panes, const History *const *runs, int count)
{
    *panes = (CurvePanes){.view = {.smoothing = 0.6, .zoom = 1}};
    for (int i = 0; i < CURVE_PANES; i++) {
        panes->curves[i] = pane_curves_new((Pane)(PANE_REWARD + i), runs, count, &panes->view);
        assert_non_null(panes->curves[i]);
    }
}

void curve_panes_close(CurvePanes *panes)
{
    for (int i = 0; i < CURVE_PANES; i++) {
        pane_curves_free(panes->curves[i]);
    }
}
