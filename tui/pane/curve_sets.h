/* CurveSet: which metrics a pane of curves shows together, before the user chooses others. Private to
 * tui/pane_curves*.c. */
#ifndef RLSP_TUI_CURVE_SETS_H
#define RLSP_TUI_CURVE_SETS_H

#include "rlsp/run/history.h"
#include "tui/pane/layout.h"

enum { CURVE_SET_METRICS = 3 };

typedef struct CurveRef {
    HistoryKind kind;
    const char *name;   /* NULL: the set ends here                           */
    const char *label;  /* short, for the title and legend                   */
    const char *spread; /* its standard deviation; NULL: none                */
    bool        behind; /* faint, behind the others                          */
} CurveRef;

typedef struct CurveSet {
    const char *title;
    CurveRef    metrics[CURVE_SET_METRICS];
} CurveSet;

/* In the order of `m`: what RL gives comes before what SFT gives. NULL for panes that have no curves. */
const CurveSet *curve_sets(Pane pane, int *count);

#endif
