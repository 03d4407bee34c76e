/* Votes: classes whatever the order, and maj@k against all subsets in all orders. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/eval/same.h"
#include "rlsp/eval/vote.h"

/* Says that a text means the same as one that is longer by one letter: neither symmetric nor transitive. */
static bool one_longer(void *user, const char *a, const char *b)
{
    ++*(uint32_t *)user;
    return a[0] == b[0] && strlen(b) == strlen(a) + 1;
}

static void expect_classes(const char *const *answers, uint32_t n, const int32_t *wanted)
{
    int32_t  class_of[64];
    uint32_t classes, calls = 0;
    Error    error = {0};
    assert_int_equal(vote_classes(answers, n, one_longer, &calls, class_of, &classes, &error), STATUS_OK);
    int32_t most = -1;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(class_of[i], wanted[i]);
        most = wanted[i] > most ? wanted[i] : most;
    }
    assert_int_equal(classes, most + 1);
}

static void classes_are_closed_and_numbered_as_first_seen(void **state)
{
    (void)state;
    expect_classes((const char *[]){"a", "b", "a", NULL, "b"}, 5, (int32_t[]){0, 1, 0, -1, 1});
    expect_classes((const char *[]){"a", "aa", "aaa"}, 3, (int32_t[]){0, 0, 0});
    expect_classes((const char *[]){"aaa", "a", "b", "aa"}, 4, (int32_t[]){0, 0, 1, 0}); /* "aa" joins both */
    expect_classes((const char *[]){NULL, "b", "aaa", "a", "bbb"}, 5, (int32_t[]){-1, 0, 1, 2, 3});
    expect_classes((const char *[]){NULL, NULL}, 2, (int32_t[]){-1, -1});
}

static void beyond_a_number_of_different_texts_only_equal_ones_join(void **state)
{
    enum { N = VOTE_COMPARED_MAX + 4 };
    static char text[N][8];
    const char *answers[N];
    int32_t     class_of[N];
    uint32_t    classes, calls = 0;
    Error       error = {0};
    (void)state;
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "z%05d", i); /* all of one length */
        answers[i] = text[i];
    }
    answers[N - 1] = answers[N - 2]; /* not compared, but the same text */
    assert_int_equal(vote_classes(answers, N, one_longer, &calls, class_of, &classes, &error), STATUS_OK);
    assert_int_equal(calls, VOTE_COMPARED_MAX * (VOTE_COMPARED_MAX - 1));
    assert_int_equal(classes, N - 1);
    assert_int_equal(class_of[N - 1], class_of[N - 2]);
}

static void the_winner_is_the_first_seen_of_the_most_frequent(void **state)
{
    (void)state;
    assert_int_equal(vote_winner((int32_t[]){-1, -1}, 2), -1);
    assert_int_equal(vote_winner((int32_t[]){-1, 0, 1, 1}, 4), 2);
    assert_int_equal(vote_winner((int32_t[]){0, 1, 1, 0}, 4), 0);
    assert_int_equal(vote_winner((int32_t[]){-1, -1, -1, 0}, 4), 3);
}

static void answers_of_datasets_are_compared_by_what_they_mean_within_a_limit(void **state)
{
    EvalSame same = eval_same(&task_jsonl), countdown = eval_same(&task_countdown);
    (void)state;
    assert_true(eval_same_answer(&same, "\\frac{1}{2}", "0.5"));
    assert_false(eval_same_answer(&same, "\\frac{1}{2}", "0.6"));
    assert_true(same.work < eval_same(&task_jsonl).work);
    same.work = 0;
    assert_false(eval_same_answer(&same, "\\frac{1}{2}", "0.5"));
    assert_true(eval_same_answer(&countdown, "(3*20)-7", "(20*3)-7"));
    assert_false(eval_same_answer(&countdown, "\\frac{1}{2}", "0.5"));
}

/* --- maj@k ------------------------------------------------------------------------------------------------------- */

/* All ways to take k of the samples one after another. */
typedef struct Orders {
    const VoteCount *count;
    int32_t          class_of[16], taken[16];
    bool             used[16];
    uint32_t         n, k;
    double           right, all;
} Orders;

static void take_next(Orders *o, uint32_t depth)
{
    if (depth == o->k) {
        const int64_t winner = vote_winner(o->taken, o->k);
        o->right += winner >= 0 && o->count->correct[o->taken[winner]];
        o->all += 1;
        return;
    }
    for (uint32_t i = 0; i < o->n; i++) {
        if (!o->used[i]) {
            o->used[i]      = true;
            o->taken[depth] = o->class_of[i];
            take_next(o, depth + 1);
            o->used[i] = false;
        }
    }
}

static double in_all_orders(const VoteCount *count, uint32_t k)
{
    Orders o = {.count = count, .k = k};
    for (uint32_t i = 0; i < count->classes; i++) {
        for (uint32_t v = 0; v < count->votes[i]; v++) {
            o.class_of[o.n++] = (int32_t)i;
        }
    }
    for (uint32_t v = 0; v < count->unanswered; v++) {
        o.class_of[o.n++] = -1;
    }
    take_next(&o, 0);
    return o.right / o.all;
}

static void maj_at_k_is_the_mean_over_all_orders(void **state)
{
    static const struct {
        uint32_t votes[5], classes, unanswered;
        bool     correct[5];
    } cases[] = {
        {{3, 2, 1}, 3, 1, {true, false, false}},
        {{2, 2, 2}, 3, 0, {false, true, false}},
        {{1, 1, 1, 1, 1}, 5, 2, {false, false, true, false, true}},
        {{4, 3}, 2, 0, {false, true}},
        {{2, 3, 2}, 3, 0, {true, false, true}},
        {{7}, 1, 0, {true}},
        {{5}, 1, 2, {false}},
        {{0}, 0, 5, {false}},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint32_t n = cases[c].unanswered, correct = 0;
        for (uint32_t i = 0; i < cases[c].classes; i++) {
            n += cases[c].votes[i];
            correct += cases[c].correct[i] ? cases[c].votes[i] : 0;
        }
        for (uint32_t k = 1; k <= n; k++) {
            const VoteCount count = {.votes      = cases[c].votes,
                                     .correct    = cases[c].correct,
                                     .classes    = cases[c].classes,
                                     .unanswered = cases[c].unanswered};
            bool            exact;
            const double    got = maj_at_k(&count, k, &exact), want = in_all_orders(&count, k);
            assert_true(exact);
            if (fabs(got - want) > 1e-12) {
                fail_msg("case %zu, k %u: %.17g, wanted %.17g", c, k, got, want);
            }
            if (k == 1) {
                assert_true(fabs(got - (double)correct / n) < 1e-12);
            }
        }
    }
}

/* Counting and drawing are two ways to the same number. */
static void large_numbers_of_samples_are_drawn(void **state)
{
    uint32_t votes[300];
    bool     correct[300] = {[0] = true};
    bool     exact;
    (void)state;
    for (int i = 0; i < 300; i++) {
        votes[i] = i < 12 ? 60 : 1;
    }
    VoteCount    count = {.votes = votes, .correct = correct, .classes = 300, .unanswered = 4, .seed = 3, .problem = 9};
    const double drawn = maj_at_k(&count, 512, &exact);
    assert_false(exact);
    assert_true(fabs(drawn - 1.0 / 12) < 0.012); /* 12 alike; 4 standard errors */
    assert_true(drawn == maj_at_k(&count, 512, &exact));
    count.classes    = 12;
    count.unanswered = 0;
    const double few = maj_at_k(&count, 5, &exact);
    assert_true(exact && fabs(few - 1.0 / 12) < 1e-12);
    /* the largest that doubles hold: 1024 over 512 */
    count = (VoteCount){.votes = (uint32_t[]){700, 24}, .correct = correct, .classes = 2, .unanswered = 300};
    assert_true(fabs(maj_at_k(&count, 512, &exact) - 1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_closed_and_numbered_as_first_seen),
        cmocka_unit_test(beyond_a_number_of_different_texts_only_equal_ones_join),
        cmocka_unit_test(the_winner_is_the_first_seen_of_the_most_frequent),
        cmocka_unit_test(answers_of_datasets_are_compared_by_what_they_mean_within_a_limit),
        cmocka_unit_test(maj_at_k_is_the_mean_over_all_orders),
        cmocka_unit_test(large_numbers_of_samples_are_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
