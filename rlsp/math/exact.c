#include "rlsp/math/exact.h"

#include <stdlib.h>

enum { FACTORIAL_MAX = 500, BINOMIAL_MAX = 1000, ROOT_MAX = 64 };

static size_t bits_of(const mpq_t value)
{
    size_t above = mpz_sizeinbase(mpq_numref(value), 2), below = mpz_sizeinbase(mpq_denref(value), 2);
    return above > below ? above : below;
}

static MathStatus bounded(const mpq_t value, MathWork *work)
{
    size_t bits = bits_of(value);
    return bits <= MATH_BITS_MAX && math_spend(work, 40 + (int64_t)(bits * bits / 4096)) ? MATH_OK : MATH_LIMIT;
}

static bool is_integer(const mpq_t value)
{
    return mpz_cmp_ui(mpq_denref(value), 1) == 0;
}

MathStatus math_exact_integer(MathTerm term, MathWork *work, long limit, long *value)
{
    mpq_t exact;
    mpq_init(exact);
    MathStatus status = math_exact(term, work, exact);
    if (status == MATH_OK && is_integer(exact) && mpz_fits_slong_p(mpq_numref(exact)) &&
        labs(mpz_get_si(mpq_numref(exact))) <= limit) {
        *value = mpz_get_si(mpq_numref(exact));
    } else {
        status = status == MATH_OK ? MATH_INEXACT : status;
    }
    mpq_clear(exact);
    return status;
}

static MathTerm child(MathTerm term, int node)
{
    return (MathTerm){term.tree, node, term.signs};
}

/* value = value op each child */
static MathStatus fold(MathTerm term, MathWork *work, mpq_t value, bool product)
{
    mpq_t next;
    mpq_init(next);
    mpq_set_ui(value, product, 1);
    MathStatus status = MATH_OK;
    for (int node = math_first(term.tree, term.node); node >= 0 && status == MATH_OK;
         node     = math_next(term.tree, node)) {
        status = math_exact(child(term, node), work, next);
        if (status == MATH_OK) {
            (product ? mpq_mul : mpq_add)(value, value, next);
            status = bounded(value, work);
        }
    }
    mpq_clear(next);
    return status;
}

static MathStatus invert(mpq_t value)
{
    if (mpq_sgn(value) == 0) {
        return MATH_UNDEFINED;
    }
    mpq_inv(value, value);
    return MATH_OK;
}

/* value^exponent, |exponent| a machine word */
static MathStatus integer_power(mpq_t value, const mpz_t exponent, MathWork *work)
{
    bool one = mpz_cmpabs_ui(mpq_numref(value), 1) == 0 && is_integer(value);
    if (mpq_sgn(value) == 0) {
        return mpz_sgn(exponent) > 0 ? MATH_OK : MATH_UNDEFINED;
    }
    if (one) {
        if (mpz_even_p(exponent)) {
            mpq_set_ui(value, 1, 1);
        }
        return MATH_OK;
    }
    if (mpz_cmpabs_ui(exponent, MATH_BITS_MAX) > 0) {
        return MATH_LIMIT;
    }
    unsigned long n = mpz_get_ui(exponent);
    if (n > 0 && (bits_of(value) - 1) > MATH_BITS_MAX / n) {
        return MATH_LIMIT;
    }
    mpz_pow_ui(mpq_numref(value), mpq_numref(value), n);
    mpz_pow_ui(mpq_denref(value), mpq_denref(value), n);
    if (mpz_sgn(exponent) < 0) {
        mpq_inv(value, value);
    }
    return bounded(value, work);
}

/* The degree-th root where it is rational; of a negative number only an odd one. */
static MathStatus rational_root(mpq_t value, unsigned long degree, MathWork *work)
{
    if (mpq_sgn(value) < 0 && degree % 2 == 0) {
        return MATH_INEXACT;
    }
    if (!math_spend(work, 40 + (int64_t)bits_of(value))) {
        return MATH_LIMIT;
    }
    mpq_t root;
    mpq_init(root);
    bool exact = mpz_root(mpq_numref(root), mpq_numref(value), degree) != 0 &&
                 mpz_root(mpq_denref(root), mpq_denref(value), degree) != 0;
    if (exact) {
        mpq_set(value, root);
    }
    mpq_clear(root);
    return exact ? MATH_OK : MATH_INEXACT;
}

static MathStatus power(MathTerm term, MathWork *work, mpq_t value)
{
    int   base = math_first(term.tree, term.node);
    mpq_t exponent;
    mpq_init(exponent);
    MathStatus status = math_exact(child(term, base), work, value);
    if (status == MATH_OK) {
        status = math_exact(child(term, math_next(term.tree, base)), work, exponent);
    }
    if (status == MATH_OK && !is_integer(exponent)) {
        /* of negative numbers a fractional power is complex */
        status = mpq_sgn(value) >= 0 && mpz_cmp_ui(mpq_denref(exponent), ROOT_MAX) <= 0
                     ? rational_root(value, mpz_get_ui(mpq_denref(exponent)), work)
                     : MATH_INEXACT;
    }
    if (status == MATH_OK) {
        status = integer_power(value, mpq_numref(exponent), work);
    }
    mpq_clear(exponent);
    return status;
}

static MathStatus root(MathTerm term, MathWork *work, mpq_t value)
{
    int        radicand = math_first(term.tree, term.node), degree = math_next(term.tree, radicand);
    long       n      = 2;
    MathStatus status = degree < 0 ? MATH_OK : math_exact_integer(child(term, degree), work, ROOT_MAX, &n);
    if (status == MATH_OK) {
        status = n >= 1 ? math_exact(child(term, radicand), work, value) : MATH_INEXACT;
    }
    return status == MATH_OK ? rational_root(value, (unsigned long)n, work) : status;
}

static MathStatus factorial(MathTerm term, MathWork *work, mpq_t value)
{
    MathStatus status = math_exact(child(term, math_first(term.tree, term.node)), work, value);
    if (status != MATH_OK) {
        return status;
    }
    if (!is_integer(value) || mpq_sgn(value) < 0) {
        return MATH_UNDEFINED;
    }
    if (mpz_cmp_ui(mpq_numref(value), FACTORIAL_MAX) > 0 || !math_spend(work, 20000)) {
        return MATH_LIMIT;
    }
    mpz_fac_ui(mpq_numref(value), mpz_get_ui(mpq_numref(value)));
    return MATH_OK;
}

static MathStatus binomial(MathTerm term, MathWork *work, mpq_t value)
{
    long       n, k;
    int        above  = math_first(term.tree, term.node);
    MathStatus status = math_exact_integer(child(term, above), work, BINOMIAL_MAX, &n);
    if (status == MATH_OK) {
        status = math_exact_integer(child(term, math_next(term.tree, above)), work, BINOMIAL_MAX, &k);
    }
    if (status != MATH_OK) {
        return status;
    }
    if (n < 0 || k < 0) {
        return MATH_UNDEFINED;
    }
    if (!math_spend(work, 20000)) {
        return MATH_LIMIT;
    }
    mpq_set_ui(value, 0, 1);
    mpz_bin_uiui(mpq_numref(value), (unsigned long)n, (unsigned long)k);
    return MATH_OK;
}

static MathStatus function(MathTerm term, MathWork *work, mpq_t value)
{
    uint8_t op = math_node(term.tree, term.node)->op;
    if (op != FUNCTION_ABS && op != FUNCTION_FLOOR && op != FUNCTION_CEILING) {
        return MATH_INEXACT;
    }
    MathStatus status = math_exact(child(term, math_first(term.tree, term.node)), work, value);
    if (status == MATH_OK && op == FUNCTION_ABS) {
        mpq_abs(value, value);
    } else if (status == MATH_OK) {
        (op == FUNCTION_FLOOR ? mpz_fdiv_q : mpz_cdiv_q)(mpq_numref(value), mpq_numref(value), mpq_denref(value));
        mpz_set_ui(mpq_denref(value), 1);
    }
    return status;
}

MathStatus math_exact(MathTerm term, MathWork *work, mpq_t value)
{
    const MathNode *node = math_node(term.tree, term.node);
    MathStatus      status;
    switch (node->kind) {
    case NODE_NUMBER: mpq_set(value, term.tree->literals[node->value].value); return bounded(value, work);
    case NODE_ADD:
    case NODE_MULTIPLY: return fold(term, work, value, node->kind == NODE_MULTIPLY);
    case NODE_NEGATE:
    case NODE_PLUS_MINUS:
        status = math_exact(child(term, node->first), work, value);
        if (node->kind == NODE_NEGATE || math_sign_is_minus(term)) {
            mpq_neg(value, value);
        }
        return status;
    case NODE_INVERT:
        status = math_exact(child(term, node->first), work, value);
        return status == MATH_OK ? invert(value) : status;
    case NODE_PERCENT: {
        status = math_exact(child(term, node->first), work, value);
        if (status != MATH_OK) {
            return status;
        }
        mpz_mul_ui(mpq_denref(value), mpq_denref(value), 100);
        mpq_canonicalize(value);
        return bounded(value, work);
    }
    case NODE_DEGREE:
    case NODE_QUANTITY: return math_exact(child(term, node->first), work, value);
    case NODE_POWER: return power(term, work, value);
    case NODE_ROOT: return root(term, work, value);
    case NODE_FACTORIAL: return factorial(term, work, value);
    case NODE_BINOMIAL: return binomial(term, work, value);
    case NODE_FUNCTION: return function(term, work, value);
    case NODE_VARIABLE:
    case NODE_PI:
    case NODE_EULER:
    case NODE_IMAGINARY: return MATH_INEXACT;
    case NODE_INFINITY: return MATH_UNDEFINED;
    default: return MATH_UNREADABLE;
    }
}
