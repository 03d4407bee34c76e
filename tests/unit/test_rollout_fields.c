/* What a step says of its responses: means, shares, conditionals and the distribution of lengths, by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/train/rollout_fields.h"

static double value(const EventField *fields, const char *name)
{
    double found = INFINITY;
    int    count = 0;
    for (int i = 0; i < ROLLOUT_FIELDS; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            found = fields[i].value;
            count++;
        }
    }
    if (count != 1) {
        fail_msg("%s is there %d times", name, count);
    }
    return found;
}

static void expect(const EventField *fields, const char *name, double wanted)
{
    const double got = value(fields, name);
    if (isnan(wanted) ? !isnan(got) : !(fabs(got - wanted) < 1e-12)) {
        fail_msg("%s is %g, wanted %g", name, got, wanted);
    }
}

/* Four responses: two search, of which one is right; one of the others is right. */
static const RolloutItem items[4] = {
    {.tokens = 10,
     .reward = {.total   = 1,
                .correct = 1,
                .verdict = {.correct = true, .answered = true},
                .trace   = {.attempts   = 3,
                            .distinct   = 2,
                            .repeated   = 1,
                            .backtracks = 2,
                            .words      = {[TRACE_WORDS_BACKTRACK] = 2}}}},
    {.tokens = 20,
     .reward = {.total            = 0.5,
                .explore          = 1,
                .explore_weighted = 0.5,
                .verdict          = {.answered = true, .limit = true},
                .trace            = {.attempts = 1, .errors = 1, .words = {[TRACE_WORDS_BACKTRACK] = 1}}}},
    {.tokens = 30,
     .reward = {.total = 1, .correct = 1, .verdict = {.correct = true, .answered = true}, .trace = {.checks = 3}}},
    {.tokens = 160, .truncated = true, .reward = {.total = -0.5, .format = -0.5}},
};

static void means_and_shares(void **state)
{
    (void)state;
    EventField fields[ROLLOUT_FIELDS];
    rollout_fields(items, 4, 160, fields);
    expect(fields, "reward", 0.5);
    expect(fields, "reward_sd", sqrt((1 + 0.25 + 1 + 0.25) / 4 - 0.25));
    expect(fields, "correct", 0.5);
    expect(fields, "format", -0.125);
    expect(fields, "explore", 0.25);
    expect(fields, "explore_weighted", 0.125);
    expect(fields, "accuracy", 0.5);
    expect(fields, "answered", 0.75);
    expect(fields, "truncated", 0.25);
    expect(fields, "verifier_limits", 0.25);
    expect(fields, "length", 55);
    expect(fields, "length_p50", 20); /* by nearest rank, as in evaluations */
    expect(fields, "length_p95", 160);
    expect(fields, "attempts", 1);
    expect(fields, "errors_per_attempt", 0.25);
    expect(fields, "repeats_per_attempt", 0.25);
    expect(fields, "search", 0.5);
    expect(fields, "backtrack", 0.25);
    expect(fields, "backtracks", 0.5);
    expect(fields, "check", 0.25);
    expect(fields, "checks", 0.75);
    expect(fields, "words_backtrack", 0.75);
    expect(fields, "traces_words_backtrack", 0.5);
    expect(fields, "traces_words_subgoal", 0);
}

static void right_given_a_behaviour(void **state)
{
    (void)state;
    EventField fields[ROLLOUT_FIELDS];
    rollout_fields(items, 4, 160, fields);
    expect(fields, "correct_with_search", 0.5);
    expect(fields, "correct_without_search", 0.5);
    expect(fields, "correct_with_backtrack", 1);
    expect(fields, "correct_without_backtrack", 1.0 / 3);
    expect(fields, "correct_with_check", 1);
    expect(fields, "correct_without_check", 1.0 / 3);
    expect(fields, "correct_with_words_subgoal", NAN); /* nobody does */
    expect(fields, "correct_with_words_backtrack", 0.5);
    expect(fields, "correct_without_words_subgoal", 0.5);
    rollout_fields(items, 1, 160, fields);
    expect(fields, "correct_without_search", NAN); /* all do */
}

static void lengths_in_bins(void **state)
{
    (void)state;
    EventField fields[ROLLOUT_FIELDS];
    double     sum = 0;
    rollout_fields(items, 4, 160, fields);
    expect(fields, "length_bins_high", 160);
    expect(fields, "length_bin_0", 0);
    expect(fields, "length_bin_1", 0.25);
    expect(fields, "length_bin_2", 0.25);
    expect(fields, "length_bin_3", 0.25);
    expect(fields, "length_bin_15", 0.25); /* the limit itself belongs to the last */
    for (int i = 0; i < ROLLOUT_LENGTH_BINS; i++) {
        char name[32];
        snprintf(name, sizeof name, "length_bin_%d", i);
        sum += value(fields, name);
    }
    assert_true(fabs(sum - 1) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_shares),
        cmocka_unit_test(right_given_a_behaviour),
        cmocka_unit_test(lengths_in_bins),
    };
    return cmocka_run_group_tests_name("rollout fields", tests, NULL, NULL);
}
