#include "tui/pane/layout.h"

#include <string.h>

/* A column of panes from top to bottom, each with a share of its height. */
typedef struct Column {
    int  weight; /* share of the width                                   */
    Pane panes[4];
    int  weights[4]; /* shares of the height; 0: the column ends here       */
} Column;

/* From the largest to the smallest; the first that fits is taken. */
typedef struct Plan {
    int    min_width, min_height;
    Column columns[3]; /* weight 0: no more */
} Plan;

static const Plan plans[] = {
    {150,
     44,
     {{30, {PANE_REWARD, PANE_ACCURACY, PANE_LENGTH, PANE_HEALTH}, {1, 1, 1, 1}},
      {40, {PANE_TRACES, PANE_LOG}, {5, 1}},
      {30, {PANE_BEHAVIOUR, PANE_LENGTHS, PANE_MACHINE}, {4, 3, 4}}}},
    {150,
     28,
     {{30, {PANE_REWARD, PANE_ACCURACY, PANE_LENGTH}, {1, 1, 1}},
      {40, {PANE_TRACES, PANE_LOG}, {4, 1}},
      {30, {PANE_BEHAVIOUR, PANE_LENGTHS, PANE_MACHINE}, {4, 3, 4}}}},
    {96,
     28,
     {{46, {PANE_REWARD, PANE_ACCURACY, PANE_LENGTH}, {1, 1, 1}},
      {54, {PANE_TRACES, PANE_BEHAVIOUR, PANE_MACHINE}, {6, 4, 3}}}},
    {72, 20, {{1, {PANE_REWARD, PANE_LENGTH}, {1, 1}}, {1, {PANE_TRACES, PANE_BEHAVIOUR}, {5, 4}}}},
    {72, 12, {{1, {PANE_REWARD}, {1}}, {1, {PANE_TRACES}, {1}}}},
    {30, 18, {{1, {PANE_REWARD, PANE_TRACES}, {2, 3}}}},
    {1, 1, {{1, {PANE_REWARD}, {1}}}},
};

static bool plan_has(const Plan *plan, Pane pane)
{
    for (int c = 0; c < 3 && plan->columns[c].weight > 0; c++) {
        for (int r = 0; r < 4 && plan->columns[c].weights[r] > 0; r++) {
            if (plan->columns[c].panes[r] == pane) {
                return true;
            }
        }
    }
    return false;
}

/* A pane that a plan leaves out takes the place of this one when it has the focus: curves stand in for curves. */
static Pane place_of(const Plan *plan, Pane focus)
{
    if (plan_has(plan, focus)) {
        return focus;
    }
    static const Pane stand_in[PANE_COUNT][2] = {
        [PANE_REWARD] = {PANE_REWARD, PANE_REWARD},     [PANE_ACCURACY] = {PANE_LENGTH, PANE_REWARD},
        [PANE_LENGTH] = {PANE_LENGTH, PANE_REWARD},     [PANE_HEALTH] = {PANE_LENGTH, PANE_REWARD},
        [PANE_TRACES] = {PANE_TRACES, PANE_REWARD},     [PANE_BEHAVIOUR] = {PANE_BEHAVIOUR, PANE_TRACES},
        [PANE_LENGTHS] = {PANE_BEHAVIOUR, PANE_TRACES}, [PANE_MACHINE] = {PANE_BEHAVIOUR, PANE_TRACES},
        [PANE_LOG] = {PANE_BEHAVIOUR, PANE_TRACES},
    };
    for (int i = 0; i < 2; i++) {
        if (plan_has(plan, stand_in[focus][i])) {
            return stand_in[focus][i];
        }
    }
    return PANE_REWARD;
}

/* Splits `size` by weights from `start` on; the last takes what is left. */
static int cut(int size, const int *weights, int count, int index)
{
    int total = 0, before = 0;
    for (int i = 0; i < count; i++) {
        total += weights[i];
        before += i < index ? weights[i] : 0;
    }
    return size * before / total;
}

void layout_of(int width, int height, Pane focus, bool maximised, Layout *layout)
{
    memset(layout, 0, sizeof *layout);
    int top = 0, room = height;
    if (height >= 3) {
        layout->head = (LayoutBox){0, 0, width, 1};
        top          = 1;
        room--;
    }
    if (height >= 5) {
        layout->foot = (LayoutBox){0, height - 1, width, 1};
        room--;
    }
    if (maximised) {
        layout->panes[focus] = (LayoutBox){0, top, width, room};
        return;
    }
    const Plan *plan = plans;
    while (width < plan->min_width || height < plan->min_height) {
        plan++;
        if (plan == plans + sizeof plans / sizeof *plans - 1) {
            break;
        }
    }
    const Pane replaced = place_of(plan, focus);
    int        column_weights[3], columns = 0;
    while (columns < 3 && plan->columns[columns].weight > 0) {
        column_weights[columns] = plan->columns[columns].weight;
        columns++;
    }
    for (int c = 0; c < columns; c++) {
        const Column *column = &plan->columns[c];
        const int     left   = cut(width, column_weights, columns, c);
        const int     right  = c + 1 < columns ? cut(width, column_weights, columns, c + 1) : width;
        int           rows   = 0;
        while (rows < 4 && column->weights[rows] > 0) {
            rows++;
        }
        for (int r = 0; r < rows; r++) {
            const int  upper    = cut(room, column->weights, rows, r);
            const int  lower    = r + 1 < rows ? cut(room, column->weights, rows, r + 1) : room;
            const Pane pane     = column->panes[r] == replaced ? focus : column->panes[r];
            layout->panes[pane] = (LayoutBox){left, top + upper, right - left, lower - upper};
        }
    }
}

Pane layout_pane_at(const Layout *layout, int x, int y)
{
    for (int i = 0; i < PANE_COUNT; i++) {
        const LayoutBox *box = &layout->panes[i];
        if (x >= box->x && x < box->x + box->width && y >= box->y && y < box->y + box->height) {
            return (Pane)i;
        }
    }
    return PANE_COUNT;
}
