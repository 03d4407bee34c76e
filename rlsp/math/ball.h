/* Balls: complex numbers known up to a bound. A value is `re + i im`, and the true one is no further
 * from it than 2^error. What every operation rounds away is in the bound, so that "certainly not zero"
 * is a proof.
 *
 *     MathBall a, b, d;
 *     math_ball_init(&a, 256); …
 *     math_ball_set_rational(&a, value);
 *     if (math_ball_subtract(&d, &a, &b) == MATH_OK && math_ball_is_nonzero(&d)) …   // a and b differ
 *
 * Results must not be their own operands. Operations give MATH_OK, MATH_UNDEFINED where there is no
 * value or the bound is too wide to tell, MATH_LIMIT where a number is larger than 2^MATH_EXPONENT_MAX.
 */
#ifndef RLSP_MATH_BALL_H
#define RLSP_MATH_BALL_H

#include <gmp.h>
#include <mpfr.h>
#include <stdbool.h>

#include "rlsp/math/token.h"

#define MATH_EXPONENT_MAX (1L << 20)
#define MATH_NO_ERROR     (-(1L << 40)) /* exact */

typedef struct MathBall {
    mpfr_t re, im; /* of one precision */
    long   error;
    bool   real; /* im is 0, and known to be */
} MathBall;

void math_ball_init(MathBall *ball, mpfr_prec_t precision); /* 0, exact */
void math_ball_clear(MathBall *ball);

void math_ball_copy(MathBall *to, const MathBall *from);
void math_ball_set_rational(MathBall *ball, const mpq_t value);
void math_ball_set_pi(MathBall *ball);
void math_ball_set_i(MathBall *ball);
void math_ball_negate(MathBall *ball);

MathStatus math_ball_add(MathBall *sum, const MathBall *a, const MathBall *b);
MathStatus math_ball_subtract(MathBall *difference, const MathBall *a, const MathBall *b);
MathStatus math_ball_multiply(MathBall *product, const MathBall *a, const MathBall *b);
MathStatus math_ball_invert(MathBall *inverse, const MathBall *a);
MathStatus math_ball_root(MathBall *root, const MathBall *a, unsigned long degree); /* real for odd degrees of reals */
MathStatus math_ball_ln(MathBall *result, const MathBall *a);                       /* principal */
MathStatus math_ball_exp(MathBall *result, const MathBall *a);
MathStatus math_ball_power_integer(MathBall *result, const MathBall *a, long exponent);
MathStatus math_ball_power(MathBall *result, const MathBall *a, const MathBall *exponent);
/* Functions of a real argument: MathFunction; MATH_UNDEFINED for others. */
MathStatus math_ball_function(MathBall *result, MathFunction function, const MathBall *a);

/* |value| < 2^this; MATH_NO_ERROR for 0. */
long math_ball_exponent(const MathBall *ball);
bool math_ball_is_nonzero(const MathBall *ball); /* for certain */
bool math_ball_is_zero(const MathBall *ball);    /* for certain: exactly */

#endif
