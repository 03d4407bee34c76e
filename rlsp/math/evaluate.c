#include "rlsp/math/evaluate.h"

#include <stdlib.h>

enum { INTEGER_POWER_MAX = 4096, ROOT_MAX = 1000 };

static MathTerm child(MathTerm term, int node)
{
    return (MathTerm){term.tree, node, term.signs};
}

static MathStatus spend(MathEvaluator *evaluator, bool transcendental)
{
    int64_t bits = (int64_t)evaluator->precision;
    return math_spend(evaluator->work, transcendental ? 3000 + bits * bits / 60 : 150 + bits * bits / 2000)
               ? MATH_OK
               : MATH_LIMIT;
}

static MathStatus fold(MathTerm term, MathEvaluator *evaluator, MathBall *value, bool product)
{
    MathBall   next, result;
    MathStatus status = MATH_OK;
    bool       first  = true;
    math_ball_init(&next, evaluator->precision);
    math_ball_init(&result, evaluator->precision);
    for (int node = math_first(term.tree, term.node); node >= 0 && status == MATH_OK;
         node     = math_next(term.tree, node)) {
        status = math_evaluate(child(term, node), evaluator, first ? value : &next);
        if (status == MATH_OK && !first) {
            status = (product ? math_ball_multiply : math_ball_add)(&result, value, &next);
            math_ball_copy(value, &result);
        }
        first = false;
    }
    math_ball_clear(&next);
    math_ball_clear(&result);
    return status;
}

/* The child's value through a function of balls. */
static MathStatus through(MathTerm term, MathEvaluator *evaluator, MathBall *value,
                          MathStatus (*function)(MathBall *, const MathBall *))
{
    MathBall operand;
    math_ball_init(&operand, evaluator->precision);
    MathStatus status = math_evaluate(child(term, math_first(term.tree, term.node)), evaluator, &operand);
    if (status == MATH_OK) {
        status = function(value, &operand);
    }
    math_ball_clear(&operand);
    return status;
}

/* value *= above / below */
static MathStatus scale(MathEvaluator *evaluator, MathBall *value, const MathBall *factor, unsigned long below)
{
    MathBall   product;
    MathStatus status = MATH_OK;
    math_ball_init(&product, evaluator->precision);
    if (factor != NULL) {
        status = math_ball_multiply(&product, value, factor);
        math_ball_copy(value, &product);
    }
    if (status == MATH_OK) {
        MathBall other;
        mpq_t    fraction;
        mpq_init(fraction);
        mpq_set_ui(fraction, 1, below);
        math_ball_init(&other, evaluator->precision);
        math_ball_set_rational(&other, fraction);
        status = math_ball_multiply(&product, value, &other);
        math_ball_copy(value, &product);
        math_ball_clear(&other);
        mpq_clear(fraction);
    }
    math_ball_clear(&product);
    return status;
}

static MathStatus power(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    int  base = math_first(term.tree, term.node), exponent = math_next(term.tree, base);
    long n = 0;
    if (math_is(term.tree, base, NODE_EULER)) { /* e^x: the exponential itself */
        MathTerm argument = {term.tree, exponent, term.signs};
        MathBall x;
        math_ball_init(&x, evaluator->precision);
        MathStatus status = math_evaluate(argument, evaluator, &x);
        if (status == MATH_OK && (status = spend(evaluator, true)) == MATH_OK) {
            status = math_ball_exp(value, &x);
        }
        math_ball_clear(&x);
        return status;
    }
    MathStatus whole = math_exact_integer(child(term, exponent), evaluator->work, INTEGER_POWER_MAX, &n);
    if (whole == MATH_LIMIT || whole == MATH_UNDEFINED) {
        return whole;
    }
    MathBall a, x;
    math_ball_init(&a, evaluator->precision);
    math_ball_init(&x, evaluator->precision);
    MathStatus status = math_evaluate(child(term, base), evaluator, &a);
    if (status == MATH_OK && whole == MATH_OK) {
        long size = labs(math_ball_exponent(&a) == MATH_NO_ERROR ? 1 : math_ball_exponent(&a));
        evaluator->bits += labs(n) * (size + 1);
        status = math_spend(evaluator->work, 2000 + 20 * ((int64_t)evaluator->precision / 8)) ? MATH_OK : MATH_LIMIT;
        status = status == MATH_OK ? math_ball_power_integer(value, &a, n) : status;
    } else if (status == MATH_OK) {
        status = math_evaluate(child(term, exponent), evaluator, &x);
        if (status == MATH_OK && (status = spend(evaluator, true)) == MATH_OK) {
            status = math_ball_power(value, &a, &x);
        }
    }
    math_ball_clear(&a);
    math_ball_clear(&x);
    return status;
}

static MathStatus root(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    int        radicand = math_first(term.tree, term.node), degree = math_next(term.tree, radicand);
    long       n      = 2;
    MathStatus status = degree < 0 ? MATH_OK : math_exact_integer(child(term, degree), evaluator->work, ROOT_MAX, &n);
    if (status == MATH_INEXACT || (status == MATH_OK && n < 1)) {
        return MATH_UNDEFINED;
    }
    MathBall a;
    math_ball_init(&a, evaluator->precision);
    status = status == MATH_OK ? math_evaluate(child(term, radicand), evaluator, &a) : status;
    if (status == MATH_OK && (status = spend(evaluator, true)) == MATH_OK) {
        status = math_ball_root(value, &a, (unsigned long)n);
    }
    math_ball_clear(&a);
    return status;
}

/* value /= ln(base) */
static MathStatus change_base(MathEvaluator *evaluator, MathBall *value, const MathBall *base)
{
    MathBall log, inverse;
    math_ball_init(&log, evaluator->precision);
    math_ball_init(&inverse, evaluator->precision);
    MathStatus status = math_ball_ln(&log, base);
    if (status == MATH_OK) {
        status = math_ball_invert(&inverse, &log);
    }
    if (status == MATH_OK) {
        status = scale(evaluator, value, &inverse, 1);
    }
    math_ball_clear(&log);
    math_ball_clear(&inverse);
    return status;
}

/* The argument of a function, degrees of angle in radians. */
static MathStatus argument_of(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    bool degrees =
        math_is(term.tree, term.node, NODE_DEGREE) || (math_is(term.tree, term.node, NODE_QUANTITY) &&
                                                       term.tree->units[math_node(term.tree, term.node)->value].degree);
    MathStatus status = math_evaluate(term, evaluator, value);
    if (status == MATH_OK && degrees) {
        MathBall pi;
        math_ball_init(&pi, evaluator->precision);
        math_ball_set_pi(&pi);
        status = scale(evaluator, value, &pi, 180);
        math_ball_clear(&pi);
    }
    return status;
}

static MathStatus function(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    MathFunction op       = (MathFunction)math_node(term.tree, term.node)->op;
    int          argument = math_first(term.tree, term.node), base = math_next(term.tree, argument);
    MathBall     a;
    math_ball_init(&a, evaluator->precision);
    MathStatus status = spend(evaluator, true);
    status            = status == MATH_OK ? argument_of(child(term, argument), evaluator, &a) : status;
    if (status == MATH_OK) {
        status = math_ball_function(value, op == FUNCTION_LOG ? FUNCTION_LN : op, &a);
        if (status == MATH_OK && op == FUNCTION_TANH) { /* 2 e^{-2x} below 1 */
            evaluator->bits += 3 * labs(mpfr_get_si(a.re, MPFR_RNDN));
        }
    }
    if (status == MATH_OK && op == FUNCTION_LOG) {
        mpq_t ten;
        mpq_init(ten);
        mpq_set_ui(ten, 10, 1);
        math_ball_set_rational(&a, ten);
        mpq_clear(ten);
        status = base < 0 ? MATH_OK : math_evaluate(child(term, base), evaluator, &a);
        status = status == MATH_OK ? change_base(evaluator, value, &a) : status;
    }
    math_ball_clear(&a);
    return status;
}

/* What is only computed exactly: factorials, binomials. Of variables at whole numbers. */
static MathStatus whole_numbers(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    long     n[2] = {0, 0};
    int      node = math_first(term.tree, term.node);
    MathBall a;
    math_ball_init(&a, evaluator->precision);
    MathStatus status = MATH_OK;
    for (int i = 0; i < 2 && node >= 0 && status == MATH_OK; i++, node = math_next(term.tree, node)) {
        status = math_evaluate(child(term, node), evaluator, &a);
        if (status == MATH_OK && (!a.real || a.error != MATH_NO_ERROR || !mpfr_integer_p(a.re) || mpfr_sgn(a.re) < 0)) {
            status = MATH_UNDEFINED;
        } else if (status == MATH_OK && mpfr_cmp_ui(a.re, 500) > 0) {
            status = MATH_LIMIT;
        } else if (status == MATH_OK) {
            n[i] = mpfr_get_si(a.re, MPFR_RNDN);
        }
    }
    if (status == MATH_OK && !math_spend(evaluator->work, 20000)) {
        status = MATH_LIMIT;
    }
    if (status == MATH_OK) {
        mpq_t exact;
        mpq_init(exact);
        if (math_is(term.tree, term.node, NODE_FACTORIAL)) {
            mpz_fac_ui(mpq_numref(exact), (unsigned long)n[0]);
        } else {
            mpz_bin_uiui(mpq_numref(exact), (unsigned long)n[0], (unsigned long)n[1]);
        }
        evaluator->bits += (int64_t)mpz_sizeinbase(mpq_numref(exact), 2);
        math_ball_set_rational(value, exact);
        mpq_clear(exact);
    }
    math_ball_clear(&a);
    return status;
}

static MathStatus constant(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    const MathNode *node = math_node(term.tree, term.node);
    mpq_t           one;
    MathBall        exponent;
    MathStatus      status = MATH_OK;
    switch (node->kind) {
    case NODE_PI: math_ball_set_pi(value); return MATH_OK;
    case NODE_IMAGINARY: math_ball_set_i(value); return MATH_OK;
    case NODE_EULER:
        mpq_init(one);
        mpq_set_ui(one, 1, 1);
        math_ball_init(&exponent, evaluator->precision);
        math_ball_set_rational(&exponent, one);
        status = math_ball_exp(value, &exponent);
        math_ball_clear(&exponent);
        mpq_clear(one);
        return status;
    case NODE_VARIABLE:
        if (evaluator->point == NULL) {
            return MATH_INEXACT;
        }
        mpfr_set_si_2exp(value->re, evaluator->point[node->value], -MATH_POINT_SHIFT, MPFR_RNDN);
        mpfr_set_zero(value->im, 1);
        value->real  = true;
        value->error = MATH_NO_ERROR;
        return MATH_OK;
    default: return node->kind == NODE_INFINITY ? MATH_UNDEFINED : MATH_UNREADABLE;
    }
}

/* Counts how small or large a result is: e^{-1000} beside 1 takes as many bits to be seen. */
static MathStatus sized(MathStatus status, MathEvaluator *evaluator, const MathBall *value)
{
    long exponent = math_ball_exponent(value);
    if (status == MATH_OK && exponent != MATH_NO_ERROR) {
        evaluator->bits += labs(exponent);
    }
    return status;
}

MathStatus math_evaluate(MathTerm term, MathEvaluator *evaluator, MathBall *value)
{
    const MathNode *node   = math_node(term.tree, term.node);
    MathStatus      status = spend(evaluator, node->kind == NODE_EULER || node->kind == NODE_PI);
    if (status != MATH_OK) {
        return status;
    }
    switch (node->kind) {
    case NODE_NUMBER: {
        const mpq_t *exact = &term.tree->literals[node->value].value;
        evaluator->bits += (int64_t)(mpz_sizeinbase(mpq_numref(*exact), 2) + mpz_sizeinbase(mpq_denref(*exact), 2));
        math_ball_set_rational(value, *exact);
        return MATH_OK;
    }
    case NODE_ADD:
    case NODE_MULTIPLY: return fold(term, evaluator, value, node->kind == NODE_MULTIPLY);
    case NODE_NEGATE:
    case NODE_PLUS_MINUS:
        status = math_evaluate(child(term, node->first), evaluator, value);
        if (status == MATH_OK && (node->kind == NODE_NEGATE || math_sign_is_minus(term))) {
            math_ball_negate(value);
        }
        return status;
    case NODE_INVERT: return through(term, evaluator, value, math_ball_invert);
    case NODE_PERCENT:
        status = math_evaluate(child(term, node->first), evaluator, value);
        return status == MATH_OK ? scale(evaluator, value, NULL, 100) : status;
    case NODE_DEGREE:
    case NODE_QUANTITY: return math_evaluate(child(term, node->first), evaluator, value);
    case NODE_POWER: return sized(power(term, evaluator, value), evaluator, value);
    case NODE_ROOT: return root(term, evaluator, value);
    case NODE_FUNCTION: return sized(function(term, evaluator, value), evaluator, value);
    case NODE_FACTORIAL:
    case NODE_BINOMIAL: return whole_numbers(term, evaluator, value);
    default: return constant(term, evaluator, value);
    }
}
