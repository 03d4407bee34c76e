/* Estimates and paired tests against sums that are done another way. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rlsp/eval/paired.h"

static void assert_near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within)) {
        fail_msg("%.17g, wanted %.17g", got, want);
    }
}

/* The cluster-robust formula in full (Miller 2024, equation 4): samples of a problem are a cluster. */
static double clustered_stderr(const double *right, size_t problems, size_t samples)
{
    const size_t count = problems * samples;
    double       mean = 0, sum = 0;
    for (size_t r = 0; r < count; r++) {
        mean += right[r] / (double)count;
    }
    for (size_t i = 0; i < problems; i++) {
        for (size_t j = 0; j < samples; j++) {
            for (size_t k = 0; k < samples; k++) {
                sum += (right[i * samples + j] - mean) * (right[i * samples + k] - mean);
            }
        }
    }
    return sqrt(sum) / (double)count;
}

static void the_standard_error_is_clustered_by_problem(void **state)
{
    enum { PROBLEMS = 40, SAMPLES = 5 };
    double right[PROBLEMS * SAMPLES], means[PROBLEMS];
    (void)state;
    for (size_t i = 0; i < PROBLEMS; i++) {
        means[i] = 0;
        for (size_t k = 0; k < SAMPLES; k++) {
            right[i * SAMPLES + k] = (i * 7 + k * k * 3) % 11 < i % 12;
            means[i] += right[i * SAMPLES + k] / SAMPLES;
        }
    }
    /* PROBLEMS - 1 instead of PROBLEMS is the only difference */
    const double wanted = clustered_stderr(right, PROBLEMS, SAMPLES) * sqrt(PROBLEMS / (PROBLEMS - 1.0));
    assert_near(eval_stderr(means, PROBLEMS), wanted, 1e-12);
    assert_true(wanted > 1.2 * eval_stderr(right, PROBLEMS * SAMPLES)); /* as if all were independent */
    assert_true(isnan(eval_stderr(means, 1)) && isnan(eval_mean(means, 0)));
}

static void the_bootstrap_is_near_the_normal_interval_and_repeats_itself(void **state)
{
    enum { PROBLEMS = 400, COLUMNS = 2 };
    double       values[PROBLEMS * COLUMNS], first[PROBLEMS];
    EvalInterval once[COLUMNS], again[COLUMNS], other[COLUMNS], alone;
    Error        error = {0};
    (void)state;
    for (size_t i = 0; i < PROBLEMS; i++) {
        values[i * COLUMNS] = first[i] = (double)(i * 37 % 100) / 100 < 0.3 ? 1 : 0;
        values[i * COLUMNS + 1]        = 5;
    }
    assert_int_equal(eval_bootstrap(values, PROBLEMS, COLUMNS, 1, 4000, once, &error), STATUS_OK);
    assert_int_equal(eval_bootstrap(values, PROBLEMS, COLUMNS, 1, 4000, again, &error), STATUS_OK);
    assert_int_equal(eval_bootstrap(values, PROBLEMS, COLUMNS, 2, 4000, other, &error), STATUS_OK);
    assert_int_equal(eval_bootstrap(first, PROBLEMS, 1, 1, 4000, &alone, &error), STATUS_OK);
    const double mean = eval_mean(first, PROBLEMS), away = 1.96 * eval_stderr(first, PROBLEMS);
    assert_near(once[0].low, mean - away, 0.006);
    assert_near(once[0].high, mean + away, 0.006);
    assert_true(once[1].low == 5 && once[1].high == 5);
    assert_true(once[0].low == again[0].low && once[0].high == again[0].high);
    assert_true(once[0].low == alone.low && once[0].high == alone.high); /* whatever is beside it */
    assert_true(fabs(other[0].low - once[0].low) < 0.01);
    assert_int_equal(eval_bootstrap(values, 1, 1, 1, 100, &alone, &error), STATUS_OK);
    assert_true(isnan(alone.low) && isnan(alone.high));
    assert_int_equal(eval_bootstrap_resamples(500, 10000), 10000);
    assert_int_equal(eval_bootstrap_resamples(1000000, 10000), 200);
    assert_int_equal(eval_bootstrap_resamples(50000, 10000), 4000);
}

/* --- paired ------------------------------------------------------------------------------------------------------ */

/* All patterns of signs, one by one. */
static double flip_all(const int *away, uint32_t count)
{
    uint32_t far      = 0;
    long     observed = 0;
    for (uint32_t i = 0; i < count; i++) {
        observed += away[i];
    }
    for (uint32_t pattern = 0; pattern < 1u << count; pattern++) {
        long sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            sum += pattern >> i & 1 ? away[i] : -away[i];
        }
        far += labs(sum) >= labs(observed);
    }
    return (double)far / (1u << count);
}

static void the_permutation_test_counts_every_pattern(void **state)
{
    const uint32_t a[] = {0, 1, 4, 2, 3, 0, 4, 1, 0, 2, 2, 1}, b[] = {2, 1, 8, 6, 4, 0, 7, 5, 3, 3, 6, 0};
    const int      away[] = {2, -1, 0, 2, -2, 0, -1, 3, 3, -1, 2, -2}; /* b - 2 a */
    PairedTest     test;
    Error          error = {0};
    (void)state;
    assert_int_equal(paired_test(a, 4, b, 8, 12, 1, 1000, &test, &error), STATUS_OK);
    assert_true(test.exact);
    assert_near(test.p, flip_all(away, 12), 1e-12);
    assert_near(test.difference, 5.0 / 8 / 12, 1e-12);
    assert_near(test.b - test.a, test.difference, 1e-12);
    assert_int_equal(test.won, 5);
    assert_int_equal(test.lost, 5);
    assert_int_equal(test.equal, 2);
    assert_true(isnan(test.mcnemar) && test.interval.low < test.difference && test.difference < test.interval.high);
    double values[12];
    for (int i = 0; i < 12; i++) {
        values[i] = away[i] / 8.0;
    }
    assert_near(test.stderr_difference, eval_stderr(values, 12), 1e-12);
    /* Var(b - a) = Var(a) + Var(b) - 2 r sd(a) sd(b) */
    const double square = test.stderr_a * test.stderr_a + test.stderr_b * test.stderr_b -
                          2 * test.correlation * test.stderr_a * test.stderr_b;
    assert_near(test.stderr_difference, sqrt(square), 1e-12);
}

static void with_one_sample_it_is_mcnemars_test(void **state)
{
    enum { PROBLEMS = 60 };
    uint32_t   a[PROBLEMS] = {0}, b[PROBLEMS] = {0};
    PairedTest test;
    Error      error = {0};
    (void)state;
    for (int i = 0; i < 20; i++) {
        a[i] = b[i] = 1;
    }
    for (int i = 20; i < 32; i++) {
        b[i] = 1;
    }
    a[40] = a[41] = a[42] = 1;
    assert_int_equal(paired_test(a, 1, b, 1, PROBLEMS, 1, 1000, &test, &error), STATUS_OK);
    assert_int_equal(test.won, 12);
    assert_int_equal(test.lost, 3);
    /* 2 (C(15,0) + C(15,1) + C(15,2) + C(15,3)) / 2^15 */
    assert_near(test.mcnemar, 2.0 * (1 + 15 + 105 + 455) / 32768, 1e-12);
    assert_near(test.p, test.mcnemar, 1e-12);
    assert_near(mcnemar_exact(0, 0), 1, 0);
    assert_near(mcnemar_exact(5, 5), 1, 0);
    assert_near(mcnemar_exact(600, 400), 2.7e-10, 0.1e-10); /* no double holds 2^1000 of anything but 2 */
    assert_int_equal(paired_test(a, 1, a, 1, PROBLEMS, 1, 1000, &test, &error), STATUS_OK);
    assert_true(test.p == 1 && test.difference == 0 && test.stderr_difference == 0 && test.exact);
}

static void many_problems_are_drawn_and_agree_with_the_normal_law(void **state)
{
    enum { PROBLEMS = 4000, SAMPLES = 64 };
    static uint32_t a[PROBLEMS], b[PROBLEMS];
    PairedTest      test;
    Error           error = {0};
    (void)state;
    for (uint32_t i = 0; i < PROBLEMS; i++) {
        a[i] = i * 7919 % 61;
        b[i] = i * 104729 % 63;
    }
    assert_int_equal(paired_test(a, SAMPLES, b, SAMPLES, PROBLEMS, 1, 200, &test, &error), STATUS_OK);
    assert_false(test.exact);
    assert_near(test.p, erfc(fabs(test.difference / test.stderr_difference) / sqrt(2)), 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_error_is_clustered_by_problem),
        cmocka_unit_test(the_bootstrap_is_near_the_normal_interval_and_repeats_itself),
        cmocka_unit_test(the_permutation_test_counts_every_pattern),
        cmocka_unit_test(with_one_sample_it_is_mcnemars_test),
        cmocka_unit_test(many_problems_are_drawn_and_agree_with_the_normal_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
