/* Lists and sets: the same elements, in any order; plus-minus stands for both. */
#include <math.h>
#include <stdlib.h>

#include "rlsp/math/comparer.h"

enum { ELEMENTS_MAX = 256 };

typedef struct Elements {
    int    count;
    Side   side[ELEMENTS_MAX];
    double value[ELEMENTS_MAX]; /* NAN: not a real constant */
} Elements;

static int signs_in(Side side, bool *linked)
{
    int count = 0;
    if (side_kind(side) == NODE_PLUS_MINUS) {
        count   = 1;
        *linked = *linked || math_node(side.tree, side.node)->op == '-';
    }
    for (int node = math_first(side.tree, side.node); node >= 0; node = math_next(side.tree, node)) {
        count += signs_in(side_at(side, node), linked);
    }
    return count;
}

/* Adds an element with its signs chosen in every way; with a minus-plus in it all signs go together. */
static bool add(MathCompare *compare, Elements *elements, Side side)
{
    bool     linked  = false;
    int      signs   = signs_in(side, &linked);
    uint32_t choices = 1u << (linked ? 1 : signs);
    if (signs > MATH_SIGNS_MAX || elements->count + (int)choices > ELEMENTS_MAX) {
        return false;
    }
    for (uint32_t choice = 0; choice < choices; choice++) {
        side.signs                      = linked && choice == 1 ? UINT32_MAX : choice;
        elements->side[elements->count] = side;
        double *value                   = &elements->value[elements->count++];
        if (math_has_variable(side.tree, side.node) || !math_approximate(&compare->equal, side_term(side), value)) {
            *value = NAN;
        }
    }
    return true;
}

static bool collect(MathCompare *compare, Elements *elements, Side side)
{
    elements->count = 0;
    if (side_kind(side) != NODE_LIST && side_kind(side) != NODE_SET) {
        return add(compare, elements, side);
    }
    bool fits = true;
    for (int node = math_first(side.tree, side.node); node >= 0 && fits; node = math_next(side.tree, node)) {
        if (side_kind(side) == NODE_LIST && math_is(side.tree, node, NODE_SET) &&
            math_children(side.tree, side.node) == 1) {
            return collect(compare, elements, side_at(side, node));
        }
        fits = add(compare, elements, side_at(side, node));
    }
    return fits;
}

static MathSameness match(MathCompare *compare, const Elements *gold, const Elements *answer)
{
    bool used[ELEMENTS_MAX] = {false};
    bool undecided          = false;
    for (int i = 0; i < gold->count; i++) {
        int found = -1;
        for (int k = 0; k < answer->count && found < 0; k++) {
            double gap = fabs(gold->value[i] - answer->value[k]); /* NAN: no hint */
            if (used[k] || (compare->ordered && k != i) || gap > 1e-6 * fabs(gold->value[i]) + 1e-300) {
                continue;
            }
            MathSameness same = compare_element(compare, gold->side[i], answer->side[k]);
            undecided         = undecided || same == MATH_UNDECIDED;
            found             = same == MATH_SAME ? k : -1;
        }
        if (found < 0) {
            return comparer_say(compare, undecided ? MATH_UNDECIDED : MATH_DIFFERENT, "an element is missing");
        }
        used[found] = true;
    }
    return comparer_say(compare, MATH_SAME,
                        compare->ordered ? "lists: the same elements in order"
                                         : "lists: the same elements, in any order");
}

MathSameness compare_lists(MathCompare *compare, Side gold, Side answer)
{
    Elements *elements = malloc(2 * sizeof *elements);
    if (elements == NULL) {
        compare->equal.status = MATH_LIMIT;
        return comparer_say(compare, MATH_UNDECIDED, "out of memory");
    }
    MathSameness same;
    if (!collect(compare, &elements[0], gold) || !collect(compare, &elements[1], answer)) {
        compare->equal.status = MATH_LIMIT;
        same                  = comparer_say(compare, MATH_UNDECIDED, "too many elements");
    } else if (elements[0].count != elements[1].count) {
        same = comparer_say(compare, MATH_DIFFERENT, "another number of elements");
    } else if (elements[0].count == 1) {
        same = compare_element(compare, elements[0].side[0], elements[1].side[0]);
    } else {
        same = match(compare, &elements[0], &elements[1]);
    }
    free(elements);
    return same;
}
