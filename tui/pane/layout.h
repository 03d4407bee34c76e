/* Layout: where each pane lies on a screen of any size.
 *
 *     Layout layout;
 *     layout_of(width, height, PANE_REWARD, false, &layout);
 *     Area area = area_part(canvas_area(canvas), layout.panes[PANE_TRACES].x, …);
 *
 * Two fixed lines, head (first row) and foot (last row), then panes in between. From wide to
 * narrow and from tall to short, panes leave in the order of the least important; the one
 * with the focus is always there, and one cell is enough for it. No two panes overlap, none lies outside, and no shown
 * pane is empty: tests/tui/test_layout.c checks it for all sizes.
 */
#ifndef RLSP_TUI_LAYOUT_H
#define RLSP_TUI_LAYOUT_H

#include <stdbool.h>

/* In the order of Tab. */
typedef enum Pane {
    PANE_REWARD,    /* reward: total, correctness, exploration        */
    PANE_ACCURACY,  /* held-out accuracy                              */
    PANE_LENGTH,    /* trace length over the steps                    */
    PANE_HEALTH,    /* KL, entropy, clip fraction, …: a chosen metric */
    PANE_TRACES,    /* the trace viewer                               */
    PANE_BEHAVIOUR, /* behaviour rates                                */
    PANE_LENGTHS,   /* distribution of lengths                        */
    PANE_MACHINE,   /* device, memory, speed, time per phase          */
    PANE_LOG,
    PANE_COUNT
} Pane;

typedef struct LayoutBox {
    int x, y, width, height; /* width 0: not shown */
} LayoutBox;

typedef struct Layout {
    LayoutBox head, foot; /* height 0: not shown */
    LayoutBox panes[PANE_COUNT];
} Layout;

/* `maximised`: the pane with the focus takes all the room between head and foot. */
void layout_of(int width, int height, Pane focus, bool maximised, Layout *layout);

/* The pane at a cell; PANE_COUNT: none. */
Pane layout_pane_at(const Layout *layout, int x, int y);

#endif
