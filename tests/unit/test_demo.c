/* Demonstrations follow the recipes: their format, what they are made of and how often. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/demo_fixture.h"

static const Task *const tasks[] = {&task_countdown, &task_pick_three};

static bool matches(pcre2_code *code, const char *text)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int rc = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data, NULL);
    pcre2_match_data_free(data);
    return rc > 0;
}

#define COUNTDOWN_TRY    "Try (\\(\\d+[-+*]\\d+\\)[-+*]\\d+|\\d+[-+*]\\(\\d+[-+*]\\d+\\))=\\d+[-+*]\\d+=\\d+\\."
#define COUNTDOWN_BOX    "(\\(\\d+[-+*]\\d+\\)[-+*]\\d+|\\d+[-+*]\\(\\d+[-+*]\\d+\\))"
#define COUNTDOWN_ANSWER "Answer: \\\\boxed\\{" COUNTDOWN_BOX "\\}"
#define COUNTDOWN_MISS   COUNTDOWN_TRY " Not \\d+\\."
#define COUNTDOWN_CHECK  " Check: \\d+[-+*]\\d+=\\d+,\\d+[-+*]\\d+=\\d+\\."
#define PICK_SUM         "\\d+\\+\\d+\\+\\d+=\\d+"
#define PICK_DISTANCE    PICK_SUM " (short|over) \\d+\\."
#define PICK_CHECK       " Check: \\d+\\+\\d+=\\d+,\\d+\\+\\d+=\\d+\\."
#define PICK_ANSWER      "Answer: \\\\boxed\\{\\d+\\+\\d+\\+\\d+\\}"

/* What is counted over many demonstrations. */
typedef struct Tally {
    double demos, search, direct_right, search_right, attempts, first_hit, checks, hits, gave_up, most;
} Tally;

/* Draws many, holds each against the literal format, the verifier and the detector. */
static Tally tally(const Task *task, const DemoMix *mix, uint32_t count, const char *direct, const char *search)
{
    static Demo demo;
    TaskConfig  config         = demo_fixture_config(task, 0);
    pcre2_code *direct_pattern = demo_fixture_regex(direct), *search_pattern = demo_fixture_regex(search);
    Tally       sum = {0};
    for (uint32_t row = 0; row < count; row++) {
        demo_fixture_draw(task, &config, mix, DEMO_SEARCH_OR_DIRECT, row, &demo);
        assert_false(task->held_out(&demo.problem));
        if (!matches(demo.search ? search_pattern : direct_pattern, demo.response)) {
            fail_msg("not in the recipe's format:\n%s", demo.response);
        }
        TaskVerdict verdict;
        TraceStats  stats;
        task_verify(task, &demo.problem, demo.response, demo.response_length, &verdict);
        task->trace(&demo.problem, demo.response, demo.response_length, &stats, NULL);
        assert_true(verdict.answered && verdict.has_value);
        assert_int_equal(verdict.correct, demo.correct);
        assert_int_equal(stats.attempts, demo.attempts);
        assert_int_equal(stats.distinct, demo.attempts); /* all right, none repeated */
        assert_int_equal(stats.verdicts_right, stats.verdicts);
        assert_int_equal(stats.verified, task == &task_countdown ? stats.verdicts : stats.distances);
        assert_int_equal(stats.checks, stats.checks_right);
        assert_int_equal(stats.gave_up, demo.search && !demo.correct); /* giving up is never a guess */
        assert_int_equal(stats.hit_attempt > 0, demo.search && demo.correct);
        assert_true(stats.backtracks == (demo.attempts > 0 ? demo.attempts - 1 : 0));
        sum.demos++;
        sum.search += demo.search;
        sum.direct_right += !demo.search && demo.correct;
        sum.search_right += demo.search && demo.correct;
        sum.attempts += demo.attempts;
        sum.first_hit += stats.hit_attempt == 1;
        sum.hits += stats.hit_attempt > 0;
        sum.checks += stats.checks;
        sum.gave_up += stats.gave_up;
        sum.most = demo.attempts > sum.most ? demo.attempts : sum.most;
    }
    pcre2_code_free(direct_pattern);
    pcre2_code_free(search_pattern);
    return sum;
}

static void near(double found, double wanted, double tolerance, const char *what)
{
    if (fabs(found - wanted) > tolerance) {
        fail_msg("%s: %.4f, wanted %.4f", what, found, wanted);
    }
}

static void countdown_demos_follow_phase_k(void **state)
{
    (void)state;
    DemoMix mix;
    demo_mix_default(&task_countdown, &mix);
    mix.search = 0.6;
    mix.qt     = 0.33;
    mix.giveup = 0.2;
    Tally t    = tally(&task_countdown, &mix, 6000, COUNTDOWN_ANSWER,
                       "(" COUNTDOWN_MISS " Go back\\.\n)*(" COUNTDOWN_MISS "|" COUNTDOWN_TRY " Yes\\.(" COUNTDOWN_CHECK
                       ")?)\n" COUNTDOWN_ANSWER);
    near(t.search / t.demos, 0.6, 0.025, "search");
    near(t.direct_right / (t.demos - t.search), 0.5, 0.04, "direct right");
    near(t.first_hit / t.search, 0.33, 0.03, "first attempt hits");
    near(t.checks / t.hits, 0.3, 0.03, "checks");
    /* a search ends right with p = .33 / (1 - .67 * .8), cut at 8 attempts */
    double go_on = 0.67 * 0.8, right = 0.33 * (1 - pow(go_on, 8)) / (1 - go_on);
    near(t.search_right / t.search, right, 0.03, "search right");
    near(t.attempts / t.search, (1 - pow(go_on, 8)) / (1 - go_on), 0.1, "attempts");
    assert_true(t.most == 8);
}

static void countdown_sft_is_phase_m(void **state)
{
    (void)state;
    DemoMix mix;
    demo_mix_default(&task_countdown, &mix);
    assert_int_equal(demo_rows(&mix), 240);
    Tally t = tally(&task_countdown, &mix, 5000, COUNTDOWN_ANSWER, "[\\s\\S]*");
    near(t.search / t.demos, 0.06, 0.012, "search");
    near(t.direct_right / (t.demos - t.search), 0.5, 0.025, "direct right");
}

static void pick_three_demos_follow_the_sft_stage(void **state)
{
    (void)state;
    DemoMix mix;
    demo_mix_default(&task_pick_three, &mix);
    const char *search = "(" PICK_DISTANCE " Go back\\.\n)*" PICK_DISTANCE "( Yes\\.(" PICK_CHECK ")?)?\n" PICK_ANSWER;
    Tally       t      = tally(&task_pick_three, &mix, 6000, PICK_ANSWER, search);
    near(t.search / t.demos, 0.13, 0.015, "search");
    near(t.direct_right / (t.demos - t.search), 0.31, 0.02, "direct right");
    near(t.attempts / t.search, 1.46, 0.08, "attempts");
    near(t.search_right / t.search, 0.30, 0.05, "search right");
    near(t.checks / t.hits, 0.3, 0.09, "checks");
    assert_true(t.most <= 5);
    mix.search = 1;
    mix.qt     = 0; /* never a hit as long as there are misses */
    mix.giveup = 0;
    t          = tally(&task_pick_three, &mix, 50, PICK_ANSWER, search);
    assert_true(t.search_right == 0 && t.attempts == 50 * 5);
    mix.kmax = 20; /* more than there are misses: then a hit has to come */
    t        = tally(&task_pick_three, &mix, 50, PICK_ANSWER, search);
    assert_true(t.search_right == 50);
}

static void rows_follow_the_recipes(void **state)
{
    (void)state;
    static Demo demo;
    static const struct {
        int         task; /* of `tasks` */
        DemoKind    kind;
        const char *prompt, *response;
        uint32_t    attempts;
    } rows[] = {
        {0, DEMO_LISTING, "Numbers \\d+,\\d+,\\d+\\.\n", COUNTDOWN_TRY "(\n" COUNTDOWN_TRY "){2}", 3},
        {1, DEMO_LISTING, "Numbers \\d+(,\\d+){5}\\.\n",
         PICK_SUM "\\.(" PICK_CHECK ")?(\n" PICK_SUM "\\.(" PICK_CHECK ")?){6}", 7},
        {1, DEMO_DISTANCE, "Numbers \\d+(,\\d+){5}\\. Target \\d+\\.\n", PICK_DISTANCE "(\n" PICK_DISTANCE "){6}", 7},
        {1, DEMO_DIRECT, "Numbers \\d+(,\\d+){5}\\. Target \\d+\\.\n", PICK_ANSWER, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const Task *task   = tasks[rows[i].task];
        TaskConfig  config = demo_fixture_config(task, 0);
        DemoMix     mix;
        demo_mix_default(task, &mix);
        pcre2_code *prompt = demo_fixture_regex(rows[i].prompt), *response = demo_fixture_regex(rows[i].response);
        uint32_t    right = 0, held_out = 0;
        for (uint32_t row = 0; row < 1000; row++) {
            demo_fixture_draw(task, &config, &mix, rows[i].kind, row, &demo);
            if (!matches(prompt, demo.prompt) || !matches(response, demo.response)) {
                fail_msg("not in the recipe's format:\n%s%s", demo.prompt, demo.response);
            }
            TraceStats stats;
            task->trace(&demo.problem, demo.response, demo.response_length, &stats, NULL);
            assert_int_equal(stats.attempts, rows[i].attempts);
            assert_int_equal(stats.distinct, rows[i].attempts);
            assert_int_equal(stats.distances_right, rows[i].kind == DEMO_DISTANCE ? 7 : 0);
            assert_int_equal(stats.checks_right, task == &task_pick_three && rows[i].kind == DEMO_LISTING);
            right += demo.correct;
            held_out += task->held_out(&demo.problem);
        }
        assert_true(rows[i].kind == DEMO_LISTING || held_out == 0);
        if (rows[i].kind == DEMO_DIRECT) {
            near(right / 1000.0, 0.072, 0.025, "uniform triples right");
        }
        pcre2_code_free(prompt);
        pcre2_code_free(response);
    }
}

static void a_stream_gives_the_same_demo(void **state)
{
    (void)state;
    static Demo one, two;
    TaskConfig  config = demo_fixture_config(&task_countdown, 0);
    DemoMix     mix;
    demo_mix_default(&task_countdown, &mix);
    mix.search    = 0.5;
    uint32_t same = 0;
    for (uint32_t row = 0; row < 50; row++) {
        demo_fixture_draw(&task_countdown, &config, &mix, DEMO_SEARCH_OR_DIRECT, row, &one);
        demo_fixture_draw(&task_countdown, &config, &mix, DEMO_SEARCH_OR_DIRECT, row, &two);
        assert_memory_equal(&one, &two, sizeof one);
        demo_fixture_draw(&task_countdown, &config, &mix, DEMO_SEARCH_OR_DIRECT, row + 1, &two);
        same += strcmp(one.prompt, two.prompt) == 0;
    }
    assert_int_equal(same, 0);
}

static void mixes_are_checked(void **state)
{
    (void)state;
    DemoMix mix;
    Error   error = {0};
    demo_mix_default(&task_pick_three, &mix);
    mix.distance_rows = 3;
    mix.direct_rows   = 2;
    assert_int_equal(demo_mix_check(&task_pick_three, &mix, &error), STATUS_OK);
    assert_int_equal(demo_rows(&mix), 224 + 8 + 3 + 2);
    assert_int_equal(demo_kind_of_row(&mix, 223), DEMO_SEARCH_OR_DIRECT);
    assert_int_equal(demo_kind_of_row(&mix, 224), DEMO_LISTING);
    assert_int_equal(demo_kind_of_row(&mix, 232), DEMO_DISTANCE);
    assert_int_equal(demo_kind_of_row(&mix, 235), DEMO_DIRECT);
    assert_true(demo_is_row(DEMO_LISTING) && !demo_is_row(DEMO_SEARCH_OR_DIRECT));
    assert_int_equal(demo_mix_check(&task_countdown, &mix, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "sft.distance_rows"));
    for (int i = 0; i < 4; i++) {
        demo_mix_default(&task_countdown, &mix);
        error = (Error){0};
        if (i == 0) {
            mix.qt = 1.5;
        } else if (i == 1) {
            mix.kmax = 0;
        } else if (i == 2) {
            mix.search = (double)NAN;
        } else {
            mix.demos = mix.listing_rows = 0;
        }
        assert_int_equal(demo_mix_check(&task_countdown, &mix, &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "sft"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(countdown_demos_follow_phase_k),        cmocka_unit_test(countdown_sft_is_phase_m),
        cmocka_unit_test(pick_three_demos_follow_the_sft_stage), cmocka_unit_test(rows_follow_the_recipes),
        cmocka_unit_test(a_stream_gives_the_same_demo),          cmocka_unit_test(mixes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
