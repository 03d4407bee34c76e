/* Points far and wide, for expressions that may be another one elsewhere: |x - 500| is 500 - x up to 500.
 *
 *     MathWidePoints wide;
 *     math_wide_points(&wide, seed, names->count, a, b);
 *     for (int i = 0; i < wide.count; i++) {
 *         math_wide_point(&wide, i, point);
 *     }
 *
 * None where both are rational expressions, which agree everywhere if they agree at a few random points. Otherwise 0;
 * every magnitude from 2^-12 to 2^38 in steps, with every sign; and around every number that is written in the
 * expressions, and its negative: just below, just above and at it.
 */
#ifndef RLSP_MATH_WIDE_POINTS_H
#define RLSP_MATH_WIDE_POINTS_H

#include "rlsp/math/tree.h"

enum { MATH_WIDE_NUMBERS = 8, MATH_WIDE_VARIABLES = 3 };

typedef struct MathWidePoints {
    uint64_t seed;
    size_t   names;
    int      count, steps;               /* points; of them by magnitude */
    int      number_count;               /* at most MATH_WIDE_NUMBERS of those that are written */
    long     numbers[MATH_WIDE_NUMBERS]; /* over 2^MATH_POINT_SHIFT, positive, different */
} MathWidePoints;

void math_wide_points(MathWidePoints *wide, uint64_t seed, size_t names, MathTerm a, MathTerm b);

/* Values of the variables at point `index` < count, over 2^MATH_POINT_SHIFT: point[names]. */
void math_wide_point(const MathWidePoints *wide, int index, long *point);

#endif
