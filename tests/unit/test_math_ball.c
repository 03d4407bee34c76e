/* Balls keep their promise: what is computed with few bits is no further from what is computed with many than
 * its bound says. Exact values, trees and points beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/parallel.h"
#include "rlsp/math/verify.h"

#include "rlsp/math/ball.h"
#include "rlsp/math/evaluate.h"
#include "rlsp/math/parse.h"
#include "rlsp/math/points.h"

enum { FEW = 64, MANY = 1024 };

typedef struct Fixture {
    MathTokens tokens;
    MathTree   tree;
    MathNames  names;
    int        root;
} Fixture;

static void parse(Fixture *fixture, const char *text)
{
    fixture->names.count = 0;
    assert_true(math_tree_init(&fixture->tree, &fixture->names));
    assert_int_equal(math_tokens_read(&fixture->tokens, text, strlen(text), MATH_COMMAS_ARE_GROUPS), MATH_OK);
    if (math_parse(&fixture->tree, &fixture->tokens, &fixture->root) != MATH_OK) {
        fail_msg("%s is not understood", text);
    }
}

/* The bound holds for `text` at a point, or both precisions have no value there. How many bits are certain. */
static long bound_holds(const char *text, const long *point)
{
    Fixture *fixture = malloc(sizeof *fixture);
    assert_non_null(fixture);
    parse(fixture, text);
    MathWork      work = {.left = MATH_WORK};
    MathEvaluator few  = {.work = &work, .precision = FEW, .point = point};
    MathEvaluator many = {.work = &work, .precision = MANY, .point = point};
    MathTerm      term = {&fixture->tree, fixture->root, 0};
    MathBall      rough, fine;
    long          certain = -1;
    math_ball_init(&rough, FEW);
    math_ball_init(&fine, MANY);
    if (math_evaluate(term, &few, &rough) == MATH_OK) {
        assert_int_equal(math_evaluate(term, &many, &fine), MATH_OK); /* many bits know no less */
        mpfr_t gap, other;
        mpfr_inits2(MANY, gap, other, (mpfr_ptr)NULL);
        mpfr_sub(gap, rough.re, fine.re, MPFR_RNDN);
        mpfr_sub(other, rough.im, fine.im, MPFR_RNDN);
        mpfr_hypot(gap, gap, other, MPFR_RNDN);
        if (!mpfr_zero_p(gap) && mpfr_get_exp(gap) - 1 > rough.error) {
            fail_msg("%s: off by 2^%ld, the bound is 2^%ld", text, (long)mpfr_get_exp(gap), rough.error);
        }
        assert_true(fine.error <= rough.error);
        certain = rough.error == MATH_NO_ERROR ? FEW : math_ball_exponent(&rough) - rough.error;
        certain = certain < 0 ? 0 : certain; /* may be zero */
        mpfr_clears(gap, other, (mpfr_ptr)NULL);
    }
    math_ball_clear(&rough);
    math_ball_clear(&fine);
    math_tree_free(&fixture->tree);
    free(fixture);
    mpfr_free_cache();
    return certain;
}

static void bounds_hold(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "x+y",
        "x-y",
        "xy",
        "\\frac{x}{y}",
        "x^7",
        "x^{-3}",
        "\\sqrt{x}",
        "\\sqrt[3]{x}",
        "\\sqrt[5]{x+iy}",
        "\\ln x",
        "\\log_2 x",
        "\\log x",
        "e^x",
        "e^{ix}",
        "x^y",
        "x^{\\frac{2}{3}}",
        "\\sin x",
        "\\cos x",
        "\\tan x",
        "\\cot x",
        "\\sec x",
        "\\csc x",
        "\\arctan x",
        "\\arcsin\\frac{x}{1001}",
        "\\arccos\\frac{y}{1001}",
        "\\sinh\\frac{x}{9}",
        "\\cosh\\frac{y}{9}",
        "\\tanh x",
        "|x|",
        "|x+iy|",
        "\\lfloor x \\rfloor",
        "\\lceil y \\rceil",
        "(x+iy)^3",
        "\\frac{1}{x+iy}",
        "\\ln(x+iy)",
        "(x+iy)^{y/100}",
        "\\pi x",
        "x\\%",
        "\\sin 30^\\circ + x",
        "x^2-2xy+y^2",
        "\\sqrt{x^2+1}-x",
        "\\frac{x^2-1}{x-1}",
        "\\sqrt{2}\\sqrt{3}-\\sqrt{6}",
        "(x+1)^{40}-x^{40}",
        "\\sqrt{x-y}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int values = 0;
        for (int attempt = 0; attempt < 40; attempt++) {
            long point[MATH_NAMES_MAX];
            math_point(i, MATH_POINT_REAL, attempt, 2, point);
            values += bound_holds(texts[i], point) >= 0;
        }
        if (values < 8) {
            fail_msg("%s had a value at %d points only", texts[i], values);
        }
    }
}

static MathStatus operate(MathBall *result, const MathBall *a, int which)
{
    MathBall other;
    mpq_t    fraction;
    mpq_init(fraction);
    mpq_set_si(fraction, -7, 3);
    math_ball_init(&other, mpfr_get_prec(a->re));
    math_ball_set_rational(&other, fraction);
    mpq_clear(fraction);
    MathStatus status;
    switch (which) {
    case 0: status = math_ball_invert(result, a); break;
    case 1: status = math_ball_exp(result, a); break;
    case 2: status = math_ball_ln(result, a); break;
    case 3: status = math_ball_root(result, a, 2); break;
    case 4: status = math_ball_root(result, a, 3); break;
    case 5: status = math_ball_power_integer(result, a, 9); break;
    case 6: status = math_ball_power_integer(result, a, -4); break;
    case 7: status = math_ball_power(result, a, &other); break;
    case 8: status = math_ball_power(result, a, a); break;
    case 9: status = math_ball_multiply(result, a, a); break;
    case 10: status = math_ball_add(result, a, &other); break;
    case 11: status = math_ball_subtract(result, &other, a); break;
    default: status = math_ball_function(result, (MathFunction)(which - 12), a);
    }
    math_ball_clear(&other);
    return status;
}

enum { OPERATIONS = 12 + FUNCTION_CEILING + 1 };

/* The value that is off by as much as its bound allows, in one of eight directions. */
static void shifted(MathBall *ball, const MathBall *a, int direction)
{
    static const int re[] = {1, -1, 0, 0, 1, 1, -1, -1}, im[] = {0, 0, 1, -1, 1, -1, 1, -1};
    mpfr_t           step;
    mpfr_init2(step, MANY);
    math_ball_copy(ball, a);
    ball->error = MATH_NO_ERROR;
    mpfr_set_si_2exp(step, 1, a->error, MPFR_RNDN);
    mpfr_mul_d(step, step, direction < 4 ? 1 : 0.7, MPFR_RNDN);
    mpfr_mul_si(step, step, re[direction], MPFR_RNDN);
    mpfr_add(ball->re, ball->re, step, MPFR_RNDN);
    if (!a->real) {
        mpfr_set_si_2exp(step, 1, a->error, MPFR_RNDN);
        mpfr_mul_d(step, step, direction < 4 ? 1 : 0.7, MPFR_RNDN);
        mpfr_mul_si(step, step, im[direction], MPFR_RNDN);
        mpfr_add(ball->im, ball->im, step, MPFR_RNDN);
    }
    mpfr_clear(step);
}

/* Whatever the operand truly is within its bound, the result's bound holds the true result. */
static void bounds_carry_errors(void **state)
{
    (void)state;
    static const double values[][2]         = {{0.3, 0},  {0.999, 0}, {2.5, 0}, {17, 0},    {-0.7, 0},    {-6, 0},
                                               {0.01, 0}, {0.3, 0.4}, {-2, 5},  {3, -0.01}, {-0.5, -0.5}, {0.5, 20}};
    int                 checked[OPERATIONS] = {0};
    MathBall            a, result, truth, exact;
    math_ball_init(&a, FEW);
    math_ball_init(&result, FEW);
    math_ball_init(&truth, MANY);
    math_ball_init(&exact, MANY);
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        for (long error = -40; error <= 1; error += 3) {
            for (int which = 0; which < OPERATIONS; which++) {
                mpfr_set_d(a.re, values[v][0], MPFR_RNDN);
                mpfr_set_d(a.im, values[v][1], MPFR_RNDN);
                a.real  = values[v][1] == 0.0;
                a.error = error;
                if (operate(&result, &a, which) != MATH_OK) {
                    continue;
                }
                for (int direction = 0; direction < (a.real ? 2 : 8); direction++) {
                    shifted(&exact, &a, direction);
                    MathStatus status = operate(&truth, &exact, which);
                    if (status != MATH_OK) {
                        fail_msg("operation %d at %g+%gi, error 2^%ld: the shifted operand has no value", which,
                                 values[v][0], values[v][1], error);
                    }
                    mpfr_sub(truth.re, truth.re, result.re, MPFR_RNDN);
                    mpfr_sub(truth.im, truth.im, result.im, MPFR_RNDN);
                    mpfr_hypot(truth.re, truth.re, truth.im, MPFR_RNDN);
                    if (!mpfr_zero_p(truth.re) && mpfr_get_exp(truth.re) - 1 > result.error) {
                        fail_msg("operation %d at %g+%gi, error 2^%ld: off by 2^%ld, the bound is 2^%ld", which,
                                 values[v][0], values[v][1], error, (long)mpfr_get_exp(truth.re), result.error);
                    }
                    checked[which]++;
                }
            }
        }
    }
    for (int which = 0; which < OPERATIONS; which++) {
        if (checked[which] < 20 && which != 12 + FUNCTION_LOG && which != 12 + FUNCTION_EXP) {
            fail_msg("operation %d was checked %d times only", which, checked[which]);
        }
    }
    math_ball_clear(&a);
    math_ball_clear(&result);
    math_ball_clear(&truth);
    math_ball_clear(&exact);
    mpfr_free_cache();
}

/* A bound that is true and of no use would let everything pass as undecided. */
static void bounds_are_narrow(void **state)
{
    (void)state;
    static const char *const texts[] = {"\\sqrt{2}",    "\\pi",    "e^{\\pi}",     "\\ln 3",
                                        "\\sin 1",      "\\tan 2", "\\frac{1}{3}", "(1+i)^{\\pi}",
                                        "\\sqrt[3]{7}", "2^{100}", "\\arctan 5",   "\\sqrt{3}-\\sqrt{2}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        long certain = bound_holds(texts[i], NULL);
        if (certain < FEW - 12) {
            fail_msg("%s: %ld of %d bits are certain", texts[i], certain, FEW);
        }
    }
}

static void zero_is_not_divided_by(void **state)
{
    (void)state;
    static const char *const texts[] = {"\\frac{1}{\\sqrt{2}-\\sqrt{2}}", "\\ln(\\pi-\\pi)", "0^{\\pi-\\pi}",
                                        "(\\sqrt{2}^2-2)^{-1}",           "\\tan 90^\\circ", "\\arcsin\\sqrt{2}",
                                        "\\lfloor\\sqrt{2}^2\\rfloor"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(bound_holds(texts[i], NULL), -1);
    }
}

static void exact_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        MathStatus  status;
        const char *value;
    } cases[] = {
        {"1\\frac{4}{5}", MATH_OK, "9/5"},
        {"1\\cdot\\frac45", MATH_OK, "4/5"},
        {"0.15", MATH_OK, "3/20"},
        {"1.2e3", MATH_OK, "1200"},
        {"1,234,567", MATH_OK, "1234567"},
        {"10{,}080", MATH_OK, "10080"},
        {"0.1\\overline{6}", MATH_OK, "1/6"},
        {"28\\%", MATH_OK, "7/25"},
        {"-2^2", MATH_OK, "-4"},
        {"(-2)^2", MATH_OK, "4"},
        {"2^{-3}", MATH_OK, "1/8"},
        {"2^3^2", MATH_OK, "512"},
        {"8/2/2", MATH_OK, "2"},
        {"6!/4!", MATH_OK, "30"},
        {"\\binom{9}{4}", MATH_OK, "126"},
        {"\\sqrt{\\frac{4}{9}}", MATH_OK, "2/3"},
        {"\\sqrt[3]{-8}", MATH_OK, "-2"},
        {"8^{2/3}", MATH_OK, "4"},
        {"|3-5|", MATH_OK, "2"},
        {"\\lfloor -\\frac{7}{2} \\rfloor", MATH_OK, "-4"},
        {"\\frac12", MATH_OK, "1/2"},
        {"\\frac1{72}", MATH_OK, "1/72"},
        {"{4 \\over 3}", MATH_OK, "4/3"},
        {"3 - -2", MATH_OK, "5"},
        {"\\sqrt{2}", MATH_INEXACT, NULL},
        {"x", MATH_INEXACT, NULL},
        {"1/0", MATH_UNDEFINED, NULL},
        {"0^0", MATH_UNDEFINED, NULL},
        {"9^{9^9}", MATH_LIMIT, NULL},
        {"501!", MATH_LIMIT, NULL},
        {"(-8)^{1/3}", MATH_INEXACT, NULL},
        {"(1,2)", MATH_UNREADABLE, NULL},
    };
    Fixture *fixture = malloc(sizeof *fixture);
    assert_non_null(fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        MathWork work = {.left = MATH_WORK};
        mpq_t    value;
        mpq_init(value);
        parse(fixture, cases[i].text);
        MathStatus status = math_exact((MathTerm){&fixture->tree, fixture->root, 0}, &work, value);
        char      *text   = mpq_get_str(NULL, 10, value);
        if (status != cases[i].status || (status == MATH_OK && strcmp(text, cases[i].value) != 0)) {
            fail_msg("%s: status %d, value %s", cases[i].text, status, text);
        }
        free(text);
        mpq_clear(value);
        math_tree_free(&fixture->tree);
    }
    free(fixture);
}

static void what_tex_sets_differently_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"\\sqrt51",
                                        "x 2",
                                        "\\frac123",
                                        "2 5",
                                        "\\sin^12 x",
                                        "\\frac{1}",
                                        "(1]2",
                                        "[1)",
                                        "2\\frac{5}{3}",
                                        "x^",
                                        "\\sqrt[]{2}",
                                        "1+",
                                        "*2",
                                        "()",
                                        "\\{1",
                                        "|x",
                                        "a=",
                                        "5 blub",
                                        "\\begin{pmatrix}1&2\\\\3\\end{pmatrix}"};
    Fixture                 *fixture = malloc(sizeof *fixture);
    assert_non_null(fixture);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fixture->names.count = 0;
        assert_true(math_tree_init(&fixture->tree, &fixture->names));
        assert_int_equal(math_tokens_read(&fixture->tokens, texts[i], strlen(texts[i]), MATH_COMMAS_SEPARATE), MATH_OK);
        bool letters = strcmp(texts[i], "5 blub") == 0; /* a product of letters */
        if ((math_parse(&fixture->tree, &fixture->tokens, &fixture->root) == MATH_OK) != letters) {
            fail_msg("%s was read", texts[i]);
        }
        math_tree_free(&fixture->tree);
    }
    free(fixture);
}

typedef struct Job {
    const char *gold, *answer;
    MathVerdict verdict;
} Job;

static void do_job(void *user, size_t index)
{
    Job *job = (Job *)user + index;
    math_verify(job->gold, strlen(job->gold), job->answer, strlen(job->answer), NULL, &job->verdict);
}

/* Several threads give what one gives. */
static void many_at_once(void **state)
{
    (void)state;
    static const char *const answers[] = {"3+\\sqrt{8}", "x^2", "\\pi+10^{-300}", "9^{9^9}", "(x+1)^2",
                                          "5",           "1,2", "\\sin x"};
    static const char *const golds[]   = {"3\\pm 2\\sqrt{2}", "x^2+2x+1", "\\pi", "5", "2,1", "\\cos x"};
    enum { COUNT = 512 };
    Job *jobs = calloc(2 * COUNT, sizeof *jobs);
    assert_non_null(jobs);
    for (size_t i = 0; i < 2 * COUNT; i++) {
        jobs[i].answer = answers[i % COUNT % 8];
        jobs[i].gold   = golds[i % COUNT / 8 % 6];
    }
    parallel_for(COUNT, 8, 1, do_job, jobs);
    parallel_for(COUNT, 8, 8, do_job, jobs + COUNT);
    size_t correct = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(jobs[i].verdict.code, jobs[COUNT + i].verdict.code);
        assert_true(jobs[i].verdict.work == jobs[COUNT + i].verdict.work);
        correct += jobs[i].verdict.correct;
    }
    assert_true(correct > 20 && correct < 64);
    free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_hold),       cmocka_unit_test(bounds_carry_errors),
        cmocka_unit_test(bounds_are_narrow), cmocka_unit_test(zero_is_not_divided_by),
        cmocka_unit_test(exact_values),      cmocka_unit_test(what_tex_sets_differently_is_not_read),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
