/* The fit of cost models: it finds what made the times, and never gives a negative cost. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/random.h"
#include "rlsp/cli/bench_fit.c"

enum { POINTS = 24, TERMS = 4 };

/* One, kernels, flops, bytes: as different in size as in a training step. */
static void make(double amount[POINTS][FIT_TERMS], double *time, const double *truth, double noise)
{
    Random random = random_stream(1, RANDOM_TEST, 7, 0);
    for (int i = 0; i < POINTS; i++) {
        amount[i][0] = 1;
        amount[i][1] = 50 + 20 * (i % 3);
        amount[i][2] = 1e6 * pow(10, i % 8 * 0.5);
        amount[i][3] = 1e4 * pow(10, i % 5 * 0.7);
        time[i]      = 0;
        for (int j = 0; j < TERMS; j++) {
            time[i] += truth[j] * amount[i][j];
        }
        time[i] *= 1 + noise * ((double)random_below(&random, 2001) / 1000 - 1);
    }
}

static void finds_what_made_the_times(void **state)
{
    (void)state;
    const double truth[TERMS]              = {1e-3, 2e-5, 1e-10, 5e-9};
    double       amount[POINTS][FIT_TERMS] = {{0}}, time[POINTS], found[FIT_TERMS];
    make(amount, time, truth, 0);
    assert_true(fit_costs(POINTS, TERMS, (const double(*)[FIT_TERMS])amount, time, found) < 1e-6);
    for (int j = 0; j < TERMS; j++) {
        assert_true(fabs(found[j] / truth[j] - 1) < 1e-4);
    }
    make(amount, time, truth, 0.05);
    assert_true(fit_costs(POINTS, TERMS, (const double(*)[FIT_TERMS])amount, time, found) < 0.05);
    assert_true(fabs(found[2] / truth[2] - 1) < 0.1 && fabs(found[3] / truth[3] - 1) < 0.1);
}

static void no_cost_is_negative(void **state)
{
    (void)state;
    const double truth[TERMS]              = {-2e-4, 2e-5, 1e-10, 0}; /* no fixed cost, less than none */
    double       amount[POINTS][FIT_TERMS] = {{0}}, time[POINTS], found[FIT_TERMS];
    make(amount, time, truth, 0);
    const double error = fit_costs(POINTS, TERMS, (const double(*)[FIT_TERMS])amount, time, found);
    assert_true(error > 1e-6 && error < 0.2);
    for (int j = 0; j < TERMS; j++) {
        assert_true(found[j] >= 0);
    }
    assert_true(found[0] == 0);
}

static void terms_that_cannot_be_told_apart(void **state)
{
    (void)state;
    double amount[POINTS][FIT_TERMS] = {{0}}, time[POINTS], found[FIT_TERMS];
    for (int i = 0; i < POINTS; i++) { /* the second is twice the first, the third is never there */
        amount[i][0] = 1 + i;
        amount[i][1] = 2 * (1 + i);
        time[i]      = 3e-3 * (1 + i);
    }
    assert_true(fit_costs(POINTS, 3, (const double(*)[FIT_TERMS])amount, time, found) < 1e-6);
    assert_true(fabs(found[0] + 2 * found[1] - 3e-3) < 1e-9);
    assert_true(found[2] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_made_the_times),
        cmocka_unit_test(no_cost_is_negative),
        cmocka_unit_test(terms_that_cannot_be_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
