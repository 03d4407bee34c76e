/* The statistics of an evaluation, on responses whose numbers can be counted by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/eval/statistics.h"

static const Problem problem = {.count = 3, .numbers = {3, 7, 20}, .target = 53}; /* (20*3)-7 */

static EvalSample judged(const Task *task, const Problem *of, const char *response, uint32_t tokens, bool stopped)
{
    EvalSample sample;
    eval_judge(&sample, task, of, response, strlen(response), tokens, stopped);
    return sample;
}

static EvalSample countdown(const char *response, uint32_t tokens, bool stopped)
{
    return judged(&task_countdown, &problem, response, tokens, stopped);
}

static int64_t majority(const EvalSample *samples, uint32_t n)
{
    int64_t winner;
    Error   error = {0};
    assert_int_equal(eval_majority(samples, n, &task_countdown, &winner, &error), STATUS_OK);
    return winner;
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12)) {
        fail_msg("%.17g, wanted %.17g", got, want);
    }
}

/* C(n, k) as a double, for small n. */
static double choose(uint32_t n, uint32_t k)
{
    double ways = 1;
    for (uint32_t i = 0; i < k; i++) {
        ways = ways * (n - i) / (i + 1);
    }
    return k > n ? 0 : ways;
}

static void pass_at_k_is_the_unbiased_estimate(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 12; n++) {
        for (uint32_t correct = 0; correct <= n; correct++) {
            for (uint32_t k = 1; k <= n; k++) {
                assert_near(pass_at_k(n, correct, k), 1 - choose(n - correct, k) / choose(n, k));
            }
            assert_near(pass_at_k(n, correct, 1), (double)correct / n);
            assert_near(pass_at_k(n, correct, n), correct > 0);
        }
    }
}

/* Answers that are kept whole are told apart to their last byte; of longer ones it cannot be said that two are the
 * same. */
static void long_answers(void **state)
{
    (void)state;
    EvalSample samples[4];
    for (size_t length = 200; length <= TASK_ANSWER_BYTES; length += TASK_ANSWER_BYTES - 200) {
        for (int i = 0; i < 3; i++) {
            char response[TASK_ANSWER_BYTES + 50] = "\\boxed{";
            memset(response + 7, 'x', length);
            response[7 + length - 1] = i == 0 ? 'a' : 'b';
            strcpy(response + 7 + length, "}");
            samples[i] = countdown(response, 12, true);
        }
        samples[3] = countdown("\\boxed{three}", 12, true);
        assert_int_equal(majority(samples, 4), length < TASK_ANSWER_BYTES ? 1 : 3);
    }
}

static void the_majority_wins_and_ties_go_to_the_first_seen(void **state)
{
    (void)state;
    const EvalSample a        = countdown("Answer: \\boxed{(20*3)-7}", 12, true);
    const EvalSample a_turned = countdown("Answer: \\boxed{(3*20)-7}", 12, true); /* the same expression */
    const EvalSample b        = countdown("Answer: \\boxed{(20+3)-7}", 12, true);
    const EvalSample c        = countdown("Answer: \\boxed{(20-7)+3}", 12, true); /* b's value, another way */
    const EvalSample d        = countdown("Answer: \\boxed{three}", 12, true);
    const EvalSample d_again  = countdown("Well: \\boxed{ three }", 12, true);
    const EvalSample none     = countdown("Try", 4, false);
    assert_true(b.verdict.has_value && c.verdict.has_value && b.verdict.numerator == c.verdict.numerator);

    assert_int_equal(majority((EvalSample[]){none, none}, 2), -1);
    assert_int_equal(majority((EvalSample[]){none, b, none}, 3), 1);
    assert_int_equal(majority((EvalSample[]){a, b}, 2), 0);
    assert_int_equal(majority((EvalSample[]){b, a}, 2), 0);
    assert_int_equal(majority((EvalSample[]){b, a, a_turned}, 3), 1);
    assert_int_equal(majority((EvalSample[]){a, b, c}, 3), 0); /* equal values alone do not make a majority */
    assert_int_equal(majority((EvalSample[]){a, b, b, a_turned}, 4), 0);
    assert_int_equal(majority((EvalSample[]){a, d, d_again}, 3), 1);
    assert_int_equal(majority((EvalSample[]){none, none, b}, 3), 2); /* no answer has no vote */
}

static void sums_are_the_same_in_any_order(void **state)
{
    (void)state;
    const Problem    six = {.count = 6, .numbers = {1, 2, 4, 5, 8, 11}, .target = 14};
    const EvalSample a   = judged(&task_pick_three, &six, "Answer: \\boxed{1+2+11}", 12, true);
    const EvalSample b   = judged(&task_pick_three, &six, "Answer: \\boxed{11+1+2}", 12, true);
    const EvalSample c   = judged(&task_pick_three, &six, "Answer: \\boxed{1+5+8}", 12, true); /* the same sum */
    const EvalSample x   = judged(&task_pick_three, &six, "Answer: \\boxed{1+2+4}", 12, true);
    assert_true(a.verdict.correct && b.verdict.correct && c.verdict.correct && !x.verdict.correct);
    assert_int_equal(majority((EvalSample[]){x, a, b}, 3), 1);
    assert_int_equal(majority((EvalSample[]){x, a, c}, 3), 0);
}

/* Three problems (all the same one here) with two samples each. */
static void counts_by_hand(void **state)
{
    (void)state;
    const char *const miss_then_hit = "Try 20-(7*2)=20-14=6. Not 53. Go back.\n" /* illegal: there is no 2 */
                                      "Try (20+3)-7=23-7=16. Not 53. Go back.\n" /* valid, a backtrack after it */
                                      "Try (3+20)-7=23-7=16. Not 53. Go back.\n" /* a repeat */
                                      "Try (20*3)-7=60-7=53. Yes. Check: 20*3=60,60-7=53.\nAnswer: \\boxed{(20*3)-7}";
    const char *const gives_up  = "Try (20+7)*3=27*3=81. Not 53.\nAnswer: \\boxed{(20+7)*3}";
    const char *const false_yes = "Try (20+7)+3=27+3=30. Yes.\nAnswer: \\boxed{(20+7)+3}";
    EvalSample        samples[] = {
               countdown(miss_then_hit, 90, true),
               countdown("Answer: \\boxed{(20+3)-7}", 12, true),
               countdown(gives_up, 30, true),
               countdown(false_yes, 28, true),
               countdown("Answer: \\boxed{(20*3)-7}", 12, true),
               countdown("Try (20-7)-3=13-3=10. Not 53. Go back.\nTry", 40, false),
    };
    EvalResult r     = {.seconds = 7};
    Error      error = {0};
    assert_int_equal(eval_statistics(&r, samples, 3, 2, &task_countdown, &error), STATUS_OK);
    assert_int_equal(r.problems, 3);
    assert_int_equal(r.samples, 2);
    assert_int_equal(r.responses, 6);
    assert_near(r.seconds, 7); /* not its own */
    assert_near(r.accuracy, 1.0 / 3);
    assert_near(r.accuracy_stderr, sqrt((2 * (1.0 / 36) + 1.0 / 9) / 2 / 3));
    assert_near(r.pass_at_k, 2.0 / 3);
    assert_near(r.maj_at_k, 2.0 / 3);
    assert_int_equal(r.tokens, 212);
    assert_near(r.length, 212.0 / 6);
    double square = 0;
    for (int i = 0; i < 6; i++) {
        square += (samples[i].tokens - 212.0 / 6) * (samples[i].tokens - 212.0 / 6);
    }
    assert_near(r.length_sd, sqrt(square / 6));
    assert_near(r.length_p50, 28); /* the third of 12 12 28 30 40 90 */
    assert_near(r.length_p95, 90);
    assert_near(r.length_correct, 51);
    assert_near(r.length_wrong, 27.5);
    assert_near(r.answered, 5.0 / 6);
    assert_near(r.truncated, 1.0 / 6);
    assert_near(r.attempts, 7.0 / 6);
    assert_near(r.distinct, 5.0 / 6);
    assert_near(r.repeats_per_attempt, 1.0 / 7);
    assert_near(r.errors_per_attempt, 1.0 / 7);
    assert_true(isnan(r.distance_right)); /* countdown states none */
    assert_near(r.search, 4.0 / 6);
    assert_near(r.backtrack, 1.0 / 6);
    assert_near(r.check, 1.0 / 6);
    assert_near(r.false_yes, 1.0 / 6);
    assert_near(r.gave_up, 1.0 / 6);
    assert_near(r.hit, 1.0 / 6);
    assert_near(r.hit_then_correct, 1);
    assert_near(r.accuracy_search, 1.0 / 4);
    assert_near(r.accuracy_direct, 1.0 / 2);
    double verified = 0, repetition = 0;
    for (int i = 0; i < 6; i++) {
        verified += samples[i].trace.verified;
        repetition += samples[i].trace.repetition;
    }
    assert_near(r.verified, verified / 6);
    assert_near(r.repetition, repetition / 6);
    assert_near(eval_pass_at(samples, 3, 2, 1), r.accuracy);
    assert_near(eval_pass_at(samples, 3, 2, 2), r.pass_at_k);
}

static void a_mean_over_nothing_is_no_number(void **state)
{
    (void)state;
    EvalSample sample = countdown("Answer: \\boxed{(20+3)-7}", 12, true);
    EvalResult r      = {0};
    Error      error  = {0};
    assert_int_equal(eval_statistics(&r, &sample, 1, 1, &task_countdown, &error), STATUS_OK);
    assert_near(r.accuracy, 0);
    assert_near(r.accuracy_direct, 0);
    assert_near(r.length_wrong, 12);
    assert_true(isnan(r.accuracy_stderr) && isnan(r.length_correct) && isnan(r.accuracy_search));
    assert_true(isnan(r.repeats_per_attempt) && isnan(r.errors_per_attempt) && isnan(r.hit_then_correct));
}

static void fields_have_their_prefix_and_the_clock_keeps_its_own(void **state)
{
    (void)state;
    const EvalResult r = {.accuracy = 0.25, .backtrack = 0.5, .seconds = 3, .tokens = 1000};
    EventField       fields[EVAL_FIELDS_MAX];
    char             names[EVAL_FIELDS_MAX][48];
    int              found = 0;
    const int        count = eval_result_fields(&r, "greedy_", fields, names);
    assert_in_range(count, 30, EVAL_FIELDS_MAX);
    for (int i = 0; i < count; i++) {
        const bool clock = strncmp(fields[i].name, "time_greedy_", 12) == 0;
        assert_true(clock || strncmp(fields[i].name, "greedy_", 7) == 0);
        assert_ptr_equal(fields[i].name, names[i]);
        found += strcmp(fields[i].name, "greedy_accuracy") == 0 && fields[i].value == 0.25;
        found += strcmp(fields[i].name, "greedy_backtrack") == 0 && fields[i].value == 0.5;
        found += strcmp(fields[i].name, "greedy_tokens") == 0 && fields[i].value == 1000;
        found += strcmp(fields[i].name, "time_greedy_seconds") == 0 && fields[i].value == 3;
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }
    assert_int_equal(found, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_at_k_is_the_unbiased_estimate),
        cmocka_unit_test(long_answers),
        cmocka_unit_test(the_majority_wins_and_ties_go_to_the_first_seen),
        cmocka_unit_test(sums_are_the_same_in_any_order),
        cmocka_unit_test(counts_by_hand),
        cmocka_unit_test(a_mean_over_nothing_is_no_number),
        cmocka_unit_test(fields_have_their_prefix_and_the_clock_keeps_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
