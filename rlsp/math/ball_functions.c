/* Balls: exponentials, logarithms, trigonometry. */
#include "rlsp/math/ball.h"

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

/* All of these round: `error` is the operand's part, and the result is right to 2^bits ulps; `floor` bounds it from
 * below. */
static MathStatus finish(MathBall *ball, long error, long bits, long least)
{
    if (!mpfr_number_p(ball->re) || !mpfr_number_p(ball->im)) {
        return MATH_UNDEFINED;
    }
    long exponent = larger(exponent_of(ball->re), ball->real ? MATH_NO_ERROR : exponent_of(ball->im));
    long ulp      = larger(exponent, least) - (long)precision(ball) + bits;
    ball->error   = larger(error, ulp) + 1;
    return exponent <= MATH_EXPONENT_MAX && (exponent >= -MATH_EXPONENT_MAX || exponent == MATH_NO_ERROR) ? MATH_OK
                                                                                                          : MATH_LIMIT;
}

MathStatus math_ball_ln(MathBall *result, const MathBall *a)
{
    long size = larger(exponent_of(a->re), a->real ? MATH_NO_ERROR : exponent_of(a->im));
    if (!math_ball_is_nonzero(a) || size - 1 <= a->error + 1) {
        return MATH_UNDEFINED;
    }
    bool minus = mpfr_sgn(a->re) < 0;
    if (!a->real && minus && exponent_of(a->im) <= a->error && a->error != MATH_NO_ERROR) {
        return MATH_UNDEFINED; /* on which side of the cut? */
    }
    mpfr_hypot(result->re, a->re, a->im, MPFR_RNDN);
    mpfr_log(result->re, result->re, MPFR_RNDN);
    if (a->real) {
        mpfr_set_zero(result->im, 1);
        if (minus) {
            mpfr_const_pi(result->im, MPFR_RNDN);
        }
    } else {
        mpfr_atan2(result->im, a->im, a->re, MPFR_RNDN);
    }
    result->real = a->real && !minus;
    return finish(result, a->error == MATH_NO_ERROR ? MATH_NO_ERROR : a->error - size + 3, 2, 1);
}

MathStatus math_ball_exp(MathBall *result, const MathBall *a)
{
    if (exponent_of(a->re) > 20 || (!a->real && exponent_of(a->im) > 64)) {
        return MATH_LIMIT;
    }
    if (a->error > -2) {
        return MATH_UNDEFINED;
    }
    mpfr_t size;
    mpfr_init2(size, precision(result));
    mpfr_exp(size, a->re, MPFR_RNDN);
    if (a->real) {
        mpfr_set(result->re, size, MPFR_RNDN);
        mpfr_set_zero(result->im, 1);
    } else {
        mpfr_sin_cos(result->im, result->re, a->im, MPFR_RNDN);
        mpfr_mul(result->re, result->re, size, MPFR_RNDN);
        mpfr_mul(result->im, result->im, size, MPFR_RNDN);
    }
    result->real  = a->real;
    long exponent = exponent_of(size);
    mpfr_clear(size);
    return finish(result, a->error == MATH_NO_ERROR ? MATH_NO_ERROR : a->error + exponent + 2, 3, exponent);
}

/* sin, cos: slope at most 1. */
static MathStatus wave(MathBall *result, const MathBall *a, bool sine)
{
    if (exponent_of(a->re) > 64) {
        return MATH_LIMIT;
    }
    (sine ? mpfr_sin : mpfr_cos)(result->re, a->re, MPFR_RNDN);
    mpfr_set_zero(result->im, 1);
    result->real = true;
    if (sine && math_ball_is_zero(a)) {
        result->error = MATH_NO_ERROR;
        return MATH_OK;
    }
    return finish(result, a->error, 1, MATH_NO_ERROR / 2);
}

/* above / below, where NULL is 1. */
static MathStatus ratio(MathBall *result, const MathBall *a, int above, int below)
{
    MathBall top, bottom, inverse;
    math_ball_init(&top, precision(result));
    math_ball_init(&bottom, precision(result));
    math_ball_init(&inverse, precision(result));
    MathStatus status = wave(&bottom, a, below == 's');
    if (status == MATH_OK) {
        status = math_ball_invert(&inverse, &bottom);
    }
    if (status == MATH_OK && above == '1') {
        math_ball_copy(result, &inverse);
    } else if (status == MATH_OK) {
        status = wave(&top, a, above == 's');
        status = status == MATH_OK ? math_ball_multiply(result, &top, &inverse) : status;
    }
    math_ball_clear(&top);
    math_ball_clear(&bottom);
    math_ball_clear(&inverse);
    return status;
}

static MathStatus inverse_wave(MathBall *result, const MathBall *a, bool sine)
{
    mpfr_t bound;
    mpfr_init2(bound, precision(a) + 8);
    mpfr_set_d(bound, 0.875, MPFR_RNDN);
    bool inside = mpfr_cmpabs(a->re, bound) <= 0; /* the slope is below 4 there */
    mpfr_set_ui_2exp(bound, 1, a->error == MATH_NO_ERROR ? -MATH_EXPONENT_MAX : a->error, MPFR_RNDU);
    mpfr_ui_sub(bound, 1, bound, MPFR_RNDD);
    bool beyond = a->error == MATH_NO_ERROR ? mpfr_cmpabs_ui(a->re, 1) > 0 : mpfr_cmpabs(a->re, bound) > 0;
    mpfr_clear(bound);
    if (beyond || a->error > -4) {
        return MATH_UNDEFINED;
    }
    (sine ? mpfr_asin : mpfr_acos)(result->re, a->re, MPFR_RNDN);
    mpfr_set_zero(result->im, 1);
    result->real = true;
    long error   = a->error == MATH_NO_ERROR ? MATH_NO_ERROR : inside ? a->error + 2 : a->error / 2 + 2;
    return finish(result, error, 1, 1);
}

static MathStatus hyperbolic(MathBall *result, const MathBall *a, MathFunction function)
{
    if (exponent_of(a->re) > 20) {
        return MATH_LIMIT;
    }
    if (a->error > -2) {
        return MATH_UNDEFINED;
    }
    (function == FUNCTION_SINH   ? mpfr_sinh
     : function == FUNCTION_COSH ? mpfr_cosh
                                 : mpfr_tanh)(result->re, a->re, MPFR_RNDN);
    mpfr_set_zero(result->im, 1);
    result->real = true;
    long slope   = function == FUNCTION_TANH ? 0 : larger(exponent_of(result->re), 0) + 2; /* cosh <= |sinh| + 1 */
    return finish(result, a->error == MATH_NO_ERROR ? MATH_NO_ERROR : a->error + slope, 1, MATH_NO_ERROR / 2);
}

/* floor and ceiling, where the bound holds no step */
static MathStatus step(MathBall *result, const MathBall *a, bool floor)
{
    (floor ? mpfr_floor : mpfr_ceil)(result->re, a->re);
    mpfr_set_zero(result->im, 1);
    result->real  = true;
    result->error = MATH_NO_ERROR;
    if (a->error == MATH_NO_ERROR) {
        return MATH_OK;
    }
    if (a->error > -2) {
        return MATH_UNDEFINED;
    }
    mpfr_t nearest;
    mpfr_init2(nearest, precision(a));
    mpfr_rint(nearest, a->re, MPFR_RNDN);
    mpfr_sub(nearest, nearest, a->re, MPFR_RNDN);
    bool clear = exponent_of(nearest) - 1 > a->error;
    mpfr_clear(nearest);
    return clear ? MATH_OK : MATH_UNDEFINED;
}

MathStatus math_ball_function(MathBall *result, MathFunction function, const MathBall *a)
{
    if (function == FUNCTION_LN) {
        return math_ball_ln(result, a);
    }
    if (function == FUNCTION_ABS) {
        mpfr_hypot(result->re, a->re, a->im, MPFR_RNDN);
        mpfr_set_zero(result->im, 1);
        result->real = true;
        if (math_ball_is_zero(a)) {
            result->error = MATH_NO_ERROR;
            return MATH_OK;
        }
        return finish(result, a->error, 1, MATH_NO_ERROR / 2);
    }
    if (!a->real) {
        return MATH_UNDEFINED;
    }
    switch (function) {
    case FUNCTION_SIN:
    case FUNCTION_COS: return wave(result, a, function == FUNCTION_SIN);
    case FUNCTION_TAN: return ratio(result, a, 's', 'c');
    case FUNCTION_COT: return ratio(result, a, 'c', 's');
    case FUNCTION_SEC: return ratio(result, a, '1', 'c');
    case FUNCTION_CSC: return ratio(result, a, '1', 's');
    case FUNCTION_ARCSIN:
    case FUNCTION_ARCCOS: return inverse_wave(result, a, function == FUNCTION_ARCSIN);
    case FUNCTION_ARCTAN:
        mpfr_atan(result->re, a->re, MPFR_RNDN);
        mpfr_set_zero(result->im, 1);
        result->real = true;
        return finish(result, a->error, 1, MATH_NO_ERROR / 2);
    case FUNCTION_SINH:
    case FUNCTION_COSH:
    case FUNCTION_TANH: return hyperbolic(result, a, function);
    case FUNCTION_FLOOR:
    case FUNCTION_CEILING: return step(result, a, function == FUNCTION_FLOOR);
    default: return MATH_UNDEFINED;
    }
}
