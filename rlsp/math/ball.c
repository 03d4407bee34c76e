#include "rlsp/math/ball.h"

#include <stdlib.h>

static long larger(long a, long b)
{
    return a > b ? a : b;
}

static mpfr_prec_t precision(const MathBall *ball)
{
    return mpfr_get_prec(ball->re);
}

static long exponent_of(const mpfr_t x)
{
    return mpfr_zero_p(x) ? MATH_NO_ERROR : (long)mpfr_get_exp(x);
}

/* Of the larger part: it is at least 2^(this - 1). */
static long part_exponent(const MathBall *ball)
{
    long re = exponent_of(ball->re), im = ball->real ? MATH_NO_ERROR : exponent_of(ball->im);
    return larger(re, im);
}

long math_ball_exponent(const MathBall *ball)
{
    long exponent = part_exponent(ball);
    return exponent == MATH_NO_ERROR ? exponent : exponent + !ball->real;
}

bool math_ball_is_nonzero(const MathBall *ball)
{
    long exponent = part_exponent(ball);
    return exponent != MATH_NO_ERROR && exponent - 1 > ball->error;
}

bool math_ball_is_zero(const MathBall *ball)
{
    return ball->error == MATH_NO_ERROR && part_exponent(ball) == MATH_NO_ERROR;
}

/* Adds what rounding took, 2^bits ulps, and looks whether the value is one. `inexact`: anything was rounded. */
static MathStatus finish(MathBall *ball, long error, bool inexact, long bits)
{
    if (!mpfr_number_p(ball->re) || !mpfr_number_p(ball->im)) {
        return MATH_UNDEFINED;
    }
    long exponent = part_exponent(ball);
    if (inexact) {
        long ulp = larger(exponent, -MATH_EXPONENT_MAX * 2) - (long)precision(ball) + bits;
        error    = larger(error, ulp) + 1;
    }
    ball->error = larger(error, MATH_NO_ERROR);
    return exponent <= MATH_EXPONENT_MAX && (exponent >= -MATH_EXPONENT_MAX || exponent == MATH_NO_ERROR) ? MATH_OK
                                                                                                          : MATH_LIMIT;
}

static long added(long a, long b)
{
    return a == MATH_NO_ERROR ? b : b == MATH_NO_ERROR ? a : larger(a, b) + 1;
}

/* Exponents of a product: nothing times anything is nothing. */
static long times(long a, long b)
{
    return a == MATH_NO_ERROR || b == MATH_NO_ERROR ? MATH_NO_ERROR : a + b;
}

void math_ball_init(MathBall *ball, mpfr_prec_t bits)
{
    mpfr_init2(ball->re, bits);
    mpfr_init2(ball->im, bits);
    mpfr_set_zero(ball->re, 1);
    mpfr_set_zero(ball->im, 1);
    ball->error = MATH_NO_ERROR;
    ball->real  = true;
}

void math_ball_clear(MathBall *ball)
{
    mpfr_clear(ball->re);
    mpfr_clear(ball->im);
}

void math_ball_copy(MathBall *to, const MathBall *from)
{
    bool inexact = mpfr_set(to->re, from->re, MPFR_RNDN) != 0;
    inexact      = mpfr_set(to->im, from->im, MPFR_RNDN) != 0 || inexact;
    to->real     = from->real;
    finish(to, from->error, inexact, 1);
}

void math_ball_set_rational(MathBall *ball, const mpq_t value)
{
    bool inexact = mpfr_set_q(ball->re, value, MPFR_RNDN) != 0;
    mpfr_set_zero(ball->im, 1);
    ball->real = true;
    finish(ball, MATH_NO_ERROR, inexact, 0);
}

void math_ball_set_pi(MathBall *ball)
{
    mpfr_const_pi(ball->re, MPFR_RNDN);
    mpfr_set_zero(ball->im, 1);
    ball->real = true;
    finish(ball, MATH_NO_ERROR, true, 0);
}

void math_ball_set_i(MathBall *ball)
{
    mpfr_set_zero(ball->re, 1);
    mpfr_set_ui(ball->im, 1, MPFR_RNDN);
    ball->real  = false;
    ball->error = MATH_NO_ERROR;
}

void math_ball_negate(MathBall *ball)
{
    mpfr_neg(ball->re, ball->re, MPFR_RNDN);
    mpfr_neg(ball->im, ball->im, MPFR_RNDN);
}

MathStatus math_ball_add(MathBall *sum, const MathBall *a, const MathBall *b)
{
    bool inexact = mpfr_add(sum->re, a->re, b->re, MPFR_RNDN) != 0;
    inexact      = mpfr_add(sum->im, a->im, b->im, MPFR_RNDN) != 0 || inexact;
    sum->real    = a->real && b->real;
    return finish(sum, added(a->error, b->error), inexact, 1);
}

MathStatus math_ball_subtract(MathBall *difference, const MathBall *a, const MathBall *b)
{
    bool inexact     = mpfr_sub(difference->re, a->re, b->re, MPFR_RNDN) != 0;
    inexact          = mpfr_sub(difference->im, a->im, b->im, MPFR_RNDN) != 0 || inexact;
    difference->real = a->real && b->real;
    return finish(difference, added(a->error, b->error), inexact, 1);
}

MathStatus math_ball_multiply(MathBall *product, const MathBall *a, const MathBall *b)
{
    bool inexact;
    if (a->real && b->real) {
        inexact = mpfr_mul(product->re, a->re, b->re, MPFR_RNDN) != 0;
        mpfr_set_zero(product->im, 1);
    } else {
        inexact = mpfr_fmms(product->re, a->re, b->re, a->im, b->im, MPFR_RNDN) != 0;
        inexact = mpfr_fmma(product->im, a->re, b->im, a->im, b->re, MPFR_RNDN) != 0 || inexact;
    }
    product->real = a->real && b->real;
    long error    = added(times(math_ball_exponent(a), b->error), times(math_ball_exponent(b), a->error));
    return finish(product, added(error, times(a->error, b->error)), inexact, 1);
}

MathStatus math_ball_invert(MathBall *inverse, const MathBall *a)
{
    long least = part_exponent(a) - 1; /* |a| >= 2^least */
    if (!math_ball_is_nonzero(a) || least <= a->error + 1) {
        return MATH_UNDEFINED;
    }
    bool inexact = true;
    if (a->real) {
        inexact = mpfr_ui_div(inverse->re, 1, a->re, MPFR_RNDN) != 0;
        mpfr_set_zero(inverse->im, 1);
    } else {
        mpfr_t norm;
        mpfr_init2(norm, precision(inverse));
        mpfr_fmma(norm, a->re, a->re, a->im, a->im, MPFR_RNDN);
        mpfr_div(inverse->re, a->re, norm, MPFR_RNDN);
        mpfr_div(inverse->im, a->im, norm, MPFR_RNDN);
        mpfr_neg(inverse->im, inverse->im, MPFR_RNDN);
        mpfr_clear(norm);
    }
    inverse->real = a->real;
    return finish(inverse, a->error == MATH_NO_ERROR ? MATH_NO_ERROR : a->error - 2 * least + 1, inexact, 3);
}

/* The real root of a real number that is certainly not 0. */
static MathStatus real_root(MathBall *root, const MathBall *a, unsigned long degree)
{
    long least   = part_exponent(a) - 1;
    bool minus   = mpfr_sgn(a->re) < 0;
    bool inexact = true;
    mpfr_set_zero(root->im, 1);
    mpfr_abs(root->re, a->re, MPFR_RNDN);
    inexact    = mpfr_rootn_ui(root->re, root->re, degree, MPFR_RNDN) != 0 || precision(a) > precision(root);
    root->real = true;
    if (minus && degree % 2 == 0) {
        mpfr_swap(root->re, root->im);
        root->real = false;
    } else if (minus) {
        mpfr_neg(root->re, root->re, MPFR_RNDN);
    }
    /* the slope is root / (degree * a), and a is at least half of what it is taken to be */
    long error = a->error == MATH_NO_ERROR ? MATH_NO_ERROR : a->error + part_exponent(root) - least + 1;
    return finish(root, error, inexact, 1);
}

MathStatus math_ball_root(MathBall *root, const MathBall *a, unsigned long degree)
{
    if (math_ball_is_zero(a)) {
        math_ball_copy(root, a);
        return MATH_OK;
    }
    if (!math_ball_is_nonzero(a)) { /* |root| <= (2^(error + 2))^(1/degree) */
        long bound = larger(a->error, math_ball_exponent(a)) + 2;
        mpfr_set_zero(root->re, 1);
        mpfr_set_zero(root->im, 1);
        root->real  = true;
        root->error = bound >= 0 ? bound : bound / (long)degree + 1;
        return MATH_OK;
    }
    if (a->real) {
        return real_root(root, a, degree);
    }
    MathBall exponent;
    mpq_t    fraction;
    math_ball_init(&exponent, precision(root));
    mpq_init(fraction);
    mpq_set_ui(fraction, 1, degree);
    math_ball_set_rational(&exponent, fraction);
    MathStatus status = math_ball_power(root, a, &exponent);
    mpq_clear(fraction);
    math_ball_clear(&exponent);
    return status;
}

MathStatus math_ball_power_integer(MathBall *result, const MathBall *a, long exponent)
{
    MathBall square, next;
    mpq_t    one;
    if (exponent <= 0 && !math_ball_is_nonzero(a)) {
        return MATH_UNDEFINED;
    }
    math_ball_init(&square, precision(result));
    math_ball_init(&next, precision(result));
    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    math_ball_set_rational(result, one);
    math_ball_copy(&square, a);
    MathStatus status = MATH_OK;
    for (unsigned long n = (unsigned long)labs(exponent); n > 0 && status == MATH_OK; n >>= 1) {
        if (n & 1) {
            status = math_ball_multiply(&next, result, &square);
            math_ball_copy(result, &next);
        }
        if (n > 1 && status == MATH_OK) {
            status = math_ball_multiply(&next, &square, &square);
            math_ball_copy(&square, &next);
        }
    }
    if (status == MATH_OK && exponent < 0) {
        status = math_ball_invert(&next, result);
        math_ball_copy(result, &next);
    }
    mpq_clear(one);
    math_ball_clear(&square);
    math_ball_clear(&next);
    return status;
}

MathStatus math_ball_power(MathBall *result, const MathBall *a, const MathBall *exponent)
{
    if (!math_ball_is_nonzero(a)) {
        bool positive = exponent->real && math_ball_is_nonzero(exponent) && mpfr_sgn(exponent->re) > 0;
        if (!math_ball_is_zero(a) || !positive) {
            return MATH_UNDEFINED;
        }
        math_ball_copy(result, a);
        return MATH_OK;
    }
    MathBall log, product;
    math_ball_init(&log, precision(result));
    math_ball_init(&product, precision(result));
    MathStatus status = math_ball_ln(&log, a);
    if (status == MATH_OK) {
        status = math_ball_multiply(&product, exponent, &log);
    }
    if (status == MATH_OK) {
        status = math_ball_exp(result, &product);
    }
    math_ball_clear(&log);
    math_ball_clear(&product);
    return status;
}
