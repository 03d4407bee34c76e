#include "rlsp/math/equal.h"

#include <math.h>

#include "rlsp/math/points.h"
#include "rlsp/math/wide_points.h"

/* Looking far and wide costs no more than this. */
enum { WIDE_WORK = 2000000 };

enum { PRECISION = 256, PRECISION_MAX = 16384, POINTS = 12, ATTEMPTS = 48 };

/* Both at one point: MATH_DIFFERENT is proven. `real`: both values are. */
static MathSameness same_at(MathEqual *equal, MathTerm a, MathTerm b, const long *point, mpfr_prec_t precision,
                            bool *real, int64_t *bits)
{
    MathEvaluator evaluator = {.work = equal->work, .precision = precision, .point = point};
    MathBall      x, y, difference;
    MathSameness  same = MATH_UNDECIDED;
    math_ball_init(&x, precision);
    math_ball_init(&y, precision);
    math_ball_init(&difference, precision);
    MathStatus status = math_evaluate(a, &evaluator, &x);
    status            = status == MATH_OK ? math_evaluate(b, &evaluator, &y) : status;
    status            = status == MATH_OK ? math_ball_subtract(&difference, &x, &y) : status;
    *real             = status == MATH_OK && x.real && y.real;
    *bits             = evaluator.bits;
    if (status != MATH_OK) {
        equal->status = status;
    } else if (math_ball_is_nonzero(&difference)) {
        same = MATH_DIFFERENT;
    } else {
        long size = math_ball_exponent(&x) > math_ball_exponent(&y) ? math_ball_exponent(&x) : math_ball_exponent(&y);
        /* Two zeros that came out of rounding have no size of their own. */
        bool zeros    = !math_ball_is_nonzero(&x) && !math_ball_is_nonzero(&y);
        long near     = -(long)precision / 3 + (zeros ? 0 : size);
        same          = difference.error <= near ? MATH_SAME : MATH_UNDECIDED;
        equal->status = MATH_LIMIT;
    }
    math_ball_clear(&x);
    math_ball_clear(&y);
    math_ball_clear(&difference);
    return same;
}

/* The precision that numbers of so many bits need; 0: more than there is. */
static mpfr_prec_t precision_for(int64_t bits)
{
    int64_t wanted = PRECISION + 2 * bits;
    return wanted <= PRECISION_MAX ? (mpfr_prec_t)wanted : 0;
}

static MathSameness same_precisely(MathEqual *equal, MathTerm a, MathTerm b, const long *point, bool *real)
{
    int64_t      bits = 0;
    MathSameness same = same_at(equal, a, b, point, PRECISION, real, &bits);
    if (same == MATH_DIFFERENT || (same == MATH_UNDECIDED && equal->status != MATH_LIMIT) || equal->work->left < 0) {
        return same;
    }
    mpfr_prec_t precision = precision_for(bits);
    if (precision == 0) {
        equal->status = MATH_LIMIT;
        return MATH_UNDECIDED;
    }
    return same_at(equal, a, b, point, precision, real, &bits);
}

/* One way of choosing points; how many of them agreed in *agreed. */
static MathSameness same_at_points(MathEqual *equal, MathTerm a, MathTerm b, MathPointKind kind, int *agreed)
{
    long point[MATH_NAMES_MAX];
    *agreed = 0;
    for (int attempt = 0; attempt < ATTEMPTS && *agreed < POINTS; attempt++) {
        bool real;
        math_point(equal->seed, kind, attempt, equal->names->count, point);
        MathSameness same = same_precisely(equal, a, b, point, &real);
        if (equal->work->left < 0) {
            equal->status = MATH_LIMIT;
            return MATH_UNDECIDED;
        }
        if (same == MATH_UNDECIDED || (!real && kind == MATH_POINT_REAL)) {
            continue;
        }
        if (same == MATH_DIFFERENT) {
            return MATH_DIFFERENT;
        }
        ++*agreed;
    }
    return *agreed == POINTS ? MATH_SAME : MATH_UNDECIDED;
}

/* Where they agree at a few points, and one is more than a rational expression: far and wide, too. Points without a
 * real value of both, or without a verdict, say nothing. */
static bool differ_elsewhere(MathEqual *equal, MathTerm a, MathTerm b)
{
    MathWidePoints wide;
    long           point[MATH_NAMES_MAX];
    const int64_t  stop = equal->work->left - WIDE_WORK;
    math_wide_points(&wide, equal->seed, equal->names->count, a, b);
    for (int i = 0; i < wide.count && equal->work->left > stop; i++) {
        bool    real;
        int64_t bits;
        math_wide_point(&wide, i, point);
        if (same_at(equal, a, b, point, PRECISION, &real, &bits) == MATH_DIFFERENT && real) {
            return true;
        }
    }
    return false;
}

static MathSameness same_identity(MathEqual *equal, MathTerm a, MathTerm b)
{
    static const struct {
        MathPointKind kind;
        const char   *rule;
    } ways[] = {
        {MATH_POINT_REAL, "identity at random real points"},
        {MATH_POINT_WHOLE, "identity at random whole numbers"},
        {MATH_POINT_COMPLEX, "identity at random points, complex values"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        int agreed;
        equal->rule       = ways[i].rule;
        MathSameness same = same_at_points(equal, a, b, ways[i].kind, &agreed);
        if (same == MATH_SAME && differ_elsewhere(equal, a, b)) {
            equal->rule = "identity at points far and wide";
            return MATH_DIFFERENT;
        }
        if (same == MATH_SAME && equal->work->left < 0) {
            equal->status = MATH_LIMIT;
            return MATH_UNDECIDED;
        }
        if (same != MATH_UNDECIDED || equal->work->left < 0) {
            return same;
        }
    }
    equal->rule = "no points to compare at";
    return MATH_UNDECIDED;
}

/* 1, -1: an infinity; 0: none. */
static int infinity_sign(MathTerm term)
{
    int sign = 1, node = term.node;
    while (math_is(term.tree, node, NODE_NEGATE) || math_is(term.tree, node, NODE_PLUS_MINUS)) {
        sign *= math_is(term.tree, node, NODE_NEGATE) || math_sign_is_minus((MathTerm){term.tree, node, term.signs})
                    ? -1
                    : 1;
        node = math_first(term.tree, node);
    }
    return math_is(term.tree, node, NODE_INFINITY) ? sign : 0;
}

/* The decimals of an answer that is a decimal number and nothing else; -1: it is not. */
static int decimals_of(MathTerm term, unsigned digits)
{
    int node = term.node;
    if (math_is(term.tree, node, NODE_NEGATE)) {
        node = math_first(term.tree, node);
    }
    if (!math_is(term.tree, node, NODE_NUMBER)) {
        return -1;
    }
    const MathLiteral *literal = &term.tree->literals[math_node(term.tree, node)->value];
    return literal->decimals > 0 && literal->digits >= digits ? literal->decimals : -1;
}

static bool terminates(const mpq_t value)
{
    mpz_t rest, two, five;
    mpz_init_set_ui(two, 2);
    mpz_init_set_ui(five, 5);
    mpz_init_set(rest, mpq_denref(value));
    mpz_remove(rest, rest, two);
    mpz_remove(rest, rest, five);
    bool only = mpz_cmp_ui(rest, 1) == 0;
    mpz_clear(rest);
    mpz_clear(two);
    mpz_clear(five);
    return only;
}

/* A gold answer that no decimal equals, and the answer is it, rightly rounded to enough digits. */
static bool rightly_rounded(MathEqual *equal, MathTerm gold, MathTerm answer)
{
    int      decimals = equal->rounded_digits == 0 ? -1 : decimals_of(answer, equal->rounded_digits);
    MathBall x, y, difference, half;
    bool     rounded = false;
    if (decimals < 0 || decimals > 1000) {
        return false;
    }
    MathEvaluator evaluator = {.work = equal->work, .precision = PRECISION + 4 * decimals};
    mpq_t         exact;
    mpq_init(exact);
    math_ball_init(&x, evaluator.precision);
    math_ball_init(&y, evaluator.precision);
    math_ball_init(&difference, evaluator.precision);
    math_ball_init(&half, evaluator.precision);
    if (math_evaluate(gold, &evaluator, &x) == MATH_OK && math_evaluate(answer, &evaluator, &y) == MATH_OK && x.real &&
        math_ball_subtract(&difference, &x, &y) == MATH_OK) {
        mpz_ui_pow_ui(mpq_denref(exact), 10, (unsigned long)decimals);
        mpz_mul_ui(mpq_denref(exact), mpq_denref(exact), 2);
        mpz_set_ui(mpq_numref(exact), 1);
        math_ball_set_rational(&half, exact);
        rounded = mpfr_cmpabs(difference.re, half.re) < 0 && difference.error < math_ball_exponent(&half) - 32;
    }
    mpq_clear(exact);
    math_ball_clear(&x);
    math_ball_clear(&y);
    math_ball_clear(&difference);
    math_ball_clear(&half);
    return rounded;
}

/* Both exactly, where they are rational: MATH_UNDECIDED with MATH_INEXACT where one is not. */
static MathSameness same_exactly(MathEqual *equal, MathTerm gold, MathTerm answer, bool *round)
{
    mpq_t x, y;
    mpq_init(x);
    mpq_init(y);
    MathStatus   first = math_exact(gold, equal->work, x), second = math_exact(answer, equal->work, y);
    MathSameness same = MATH_UNDECIDED;
    *round            = first != MATH_OK || !terminates(x);
    if (first == MATH_OK && second == MATH_OK) {
        same = mpq_equal(x, y) ? MATH_SAME : MATH_DIFFERENT;
    } else {
        /* what is undefined or too large is so for good */
        equal->status = first != MATH_OK && first != MATH_INEXACT ? first : second == MATH_OK ? first : second;
    }
    mpq_clear(x);
    mpq_clear(y);
    return same;
}

MathSameness math_equal(MathEqual *equal, MathTerm gold, MathTerm answer)
{
    bool round, real;
    equal->status = MATH_OK;
    equal->rule   = "the same expression";
    if (math_same(gold, answer)) {
        return MATH_SAME;
    }
    int gold_infinity = infinity_sign(gold), answer_infinity = infinity_sign(answer);
    equal->rule = "infinities";
    if (gold_infinity != 0 || answer_infinity != 0) {
        return gold_infinity == answer_infinity ? MATH_SAME : MATH_DIFFERENT;
    }
    equal->rule       = "exact rational numbers";
    MathSameness same = same_exactly(equal, gold, answer, &round);
    if (same == MATH_UNDECIDED && equal->status == MATH_INEXACT) {
        if (math_has_variable(gold.tree, gold.node) || math_has_variable(answer.tree, answer.node)) {
            return same_identity(equal, gold, answer);
        }
        equal->rule = "values to 77 digits and more";
        same        = same_precisely(equal, gold, answer, NULL, &real);
    }
    if (same == MATH_DIFFERENT && round && rightly_rounded(equal, gold, answer)) {
        equal->rule = "rightly rounded decimal of a value that no decimal equals";
        return MATH_SAME;
    }
    return same;
}

/* The two values at a point, and both of another: x1 y0 - x0 y1 */
static MathSameness cross_is_zero(MathEqual *equal, const MathBall now[2], const MathBall before[2])
{
    MathBall left, right, difference;
    math_ball_init(&left, PRECISION);
    math_ball_init(&right, PRECISION);
    math_ball_init(&difference, PRECISION);
    MathStatus status = math_ball_multiply(&left, &now[0], &before[1]);
    status            = status == MATH_OK ? math_ball_multiply(&right, &before[0], &now[1]) : status;
    status            = status == MATH_OK ? math_ball_subtract(&difference, &left, &right) : status;
    MathSameness same = status != MATH_OK                                               ? MATH_UNDECIDED
                        : math_ball_is_nonzero(&difference)                             ? MATH_DIFFERENT
                        : difference.error <= math_ball_exponent(&left) - PRECISION / 3 ? MATH_SAME
                                                                                        : MATH_UNDECIDED;
    equal->status     = status;
    math_ball_clear(&left);
    math_ball_clear(&right);
    math_ball_clear(&difference);
    return same;
}

/* Both values at a point, into now[2]. False: one is none, or not real, or may be 0. */
static bool values_at(MathTerm gold, MathTerm answer, MathEvaluator *evaluator, MathBall now[2], bool *zero)
{
    if (math_evaluate(gold, evaluator, &now[0]) != MATH_OK || math_evaluate(answer, evaluator, &now[1]) != MATH_OK ||
        !now[0].real || !now[1].real) {
        return false;
    }
    *zero = !math_ball_is_nonzero(&now[0]) || !math_ball_is_nonzero(&now[1]);
    return !*zero;
}

/* The factor that held at a few points does not hold everywhere. */
static bool factor_differs_elsewhere(MathEqual *equal, MathTerm gold, MathTerm answer, bool positive, MathBall now[2],
                                     const MathBall before[2])
{
    MathWidePoints wide;
    long           point[MATH_NAMES_MAX];
    MathEvaluator  evaluator = {.work = equal->work, .precision = PRECISION, .point = point};
    bool           zero;
    const int64_t  stop = equal->work->left - WIDE_WORK;
    math_wide_points(&wide, equal->seed, equal->names->count, gold, answer);
    for (int i = 0; i < wide.count && equal->work->left > stop; i++) {
        math_wide_point(&wide, i, point);
        if (values_at(gold, answer, &evaluator, now, &zero) &&
            ((positive && mpfr_sgn(now[0].re) != mpfr_sgn(now[1].re)) ||
             cross_is_zero(equal, now, before) == MATH_DIFFERENT)) {
            return true;
        }
    }
    return false;
}

MathSameness math_proportional(MathEqual *equal, MathTerm gold, MathTerm answer, bool positive)
{
    long          point[MATH_NAMES_MAX];
    MathEvaluator evaluator = {.work = equal->work, .precision = PRECISION, .point = point};
    MathBall      values[2][2];
    int           agreed = 0, bad = 0, at = 0;
    bool          differ = false;
    for (int i = 0; i < 4; i++) {
        math_ball_init(&values[i / 2][i % 2], PRECISION);
    }
    equal->rule = "the same up to a constant factor at random points";
    for (int attempt = 0; attempt < ATTEMPTS && agreed <= POINTS && !differ && equal->work->left >= 0; attempt++) {
        MathBall *now = values[at];
        math_point(equal->seed, MATH_POINT_REAL, attempt, equal->names->count, point);
        bool zero = false;
        if (!values_at(gold, answer, &evaluator, now, &zero)) {
            bad += zero; /* one of them may be 0 everywhere */
            continue;
        }
        differ = positive && mpfr_sgn(now[0].re) != mpfr_sgn(now[1].re);
        if (agreed > 0 && !differ) {
            MathSameness same = cross_is_zero(equal, now, values[1 - at]);
            differ            = same == MATH_DIFFERENT;
            if (same == MATH_UNDECIDED) {
                continue;
            }
        }
        agreed++;
        at = agreed == 1 ? 1 - at : at; /* every later one is compared with the first */
    }
    differ = differ ||
             (agreed > POINTS && factor_differs_elsewhere(equal, gold, answer, positive, values[at], values[1 - at]));
    for (int i = 0; i < 4; i++) {
        math_ball_clear(&values[i / 2][i % 2]);
    }
    equal->status = equal->work->left < 0 ? MATH_LIMIT : MATH_OK;
    return differ || bad > ATTEMPTS / 2                  ? MATH_DIFFERENT
           : agreed > POINTS && equal->status == MATH_OK ? MATH_SAME
                                                         : MATH_UNDECIDED;
}

bool math_approximate(MathEqual *equal, MathTerm term, double *value)
{
    MathEvaluator evaluator = {.work = equal->work, .precision = 128};
    MathBall      ball;
    math_ball_init(&ball, evaluator.precision);
    equal->status = math_evaluate(term, &evaluator, &ball);
    bool real     = equal->status == MATH_OK && ball.real;
    *value        = real ? mpfr_get_d(ball.re, MPFR_RNDN) : NAN;
    math_ball_clear(&ball);
    return real && isfinite(*value);
}
