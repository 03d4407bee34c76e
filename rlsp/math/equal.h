/* Whether two scalar expressions have the same value.
 *
 *     MathEqual equal = {.work = &work, .names = &names, .seed = seed};
 *     if (math_equal(&equal, gold, answer) == MATH_SAME) … equal.rule
 *
 * Rational numbers are compared exactly. Everything else is evaluated in balls: a difference that is
 * certainly not zero is a proof that they differ. They are held equal where the difference is below
 * 2^-(precision / 3) of their size at a precision of 256 bits and at least twice the bits of all numbers
 * that are written in them and the exponents of their powers, so that 10^{-500} or e^{-1000} added to one of
 * them is seen.
 *
 * With variables that is asked at 12 random points, each with at least 2^24 places for every variable: rational
 * expressions of total degree d that differ agree at one of them with a probability of at most d / 2^24 (Schwartz and
 * Zippel), at all of them below 1e-9 for every d up to a million. The points have every sign and reach
 * from 0 to 250. Those where one of both is not real are passed over, since there the branches of roots are a
 * convention; whole numbers and complex values are asked where there are no others. The points depend on both texts, so
 * that no text can know its own. Expressions that are more than rational may agree there and not elsewhere, as |x -
 * 500| and 500 - x do: they are asked far and wide, too (wide_points.h).
 */
#ifndef RLSP_MATH_EQUAL_H
#define RLSP_MATH_EQUAL_H

#include "rlsp/math/evaluate.h"

typedef enum MathSameness { MATH_DIFFERENT, MATH_SAME, MATH_UNDECIDED } MathSameness;

typedef struct MathEqual {
    MathWork        *work;
    const MathNames *names;
    uint64_t         seed;
    unsigned         rounded_digits; /* significant digits that a rounded decimal needs; 0: never accepted */
    const char      *rule;           /* out: how the last verdict came about */
    MathStatus       status;         /* out: why it is undecided             */
} MathEqual;

MathSameness math_equal(MathEqual *equal, MathTerm gold, MathTerm answer);

/* a and b are the same up to a constant factor other than 0: equations "a = 0", "b = 0". `positive`: the
 * factor has to be positive (inequalities). */
MathSameness math_proportional(MathEqual *equal, MathTerm gold, MathTerm answer, bool positive);

/* The value of a real constant, near enough to sort by; false: there is none. */
bool math_approximate(MathEqual *equal, MathTerm term, double *value);

#endif
