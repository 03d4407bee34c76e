/* Rewards of one response, by each form of exploration. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/reward_fixture.h"

static void check(RewardConfig config, const char *text, uint32_t tokens, double want)
{
    RewardParts parts = reward_fixture_compute(config, &task_countdown, &reward_fixture_countdown, text, tokens);
    if (fabs(parts.total - want) > 1e-12) {
        fail_msg("%s: %.17g, wanted %.17g", text, parts.total, want);
    }
    assert_true(parts.clipped || fabs(parts.correct + parts.format + parts.explore_weighted - parts.total) < 1e-12);
}

static void check_pick(RewardConfig config, const char *text, uint32_t tokens, double want)
{
    RewardParts parts = reward_fixture_compute(config, &task_pick_three, &reward_fixture_pick_three, text, tokens);
    if (fabs(parts.total - want) > 1e-12) {
        fail_msg("%s: %.17g, wanted %.17g", text, parts.total, want);
    }
}

static void arm_a_is_the_outcome(void **state)
{
    (void)state;
    RewardConfig a = reward_config_default();
    check(a, ANSWER, 12, 1);
    check(a, WRONG, 12, 0);
    check(a, "no box", 176, -0.5);
    check(a, "\\boxed{}", 9, -0.5);
    a.wrong = -0.25;
    check(a, WRONG, 12, -0.25);
}

static void arm_b_adds_distinct_attempts(void **state)
{
    (void)state;
    RewardConfig b   = reward_config_default();
    b.correct        = 0.7;
    b.explore.kind   = EXPLORE_EFFORT;
    b.explore.weight = 0.3;
    check(b, ANSWER, 12, 0.7);
    check(b, MISS1 MISS2 HIT ANSWER, 70, 0.7 + 0.3 * 3 / 6);
    check(b, MISS1 MISS1 MISS1 WRONG, 70, 0.3 * 1 / 6); /* repeats earn nothing */
    check(b, MISS1 MISS2, 176, 0.7 * -0.5 + 0.3 * 2 / 6);
    b.explore.cap = 2;
    check(b, MISS1 MISS2 HIT ANSWER, 70, 1);
}

static void arm_l_is_the_authors_shape_in_tokens(void **state)
{
    (void)state;
    RewardConfig l = reward_config_default();
    l.explore.kind = EXPLORE_LENGTH;
    check(l, ANSWER, 12, 1 - 10.0 / 12);
    check(l, WRONG, 40, -0.25);
    check(l, "no box", 100, -0.6);
    check(l, "", 1, -10); /* -10.5, clipped */
    check(l, "", 0, -10);
    l.explore.before_box = true;
    check(l, ANSWER, 40, 0.5); /* 20 tokens before the box */
    l.explore.before_box = false;
    l.explore.c          = 5;
    check_pick(l, "Answer: \\boxed{2+8+12}", 50, 0.9);
}

static void arm_lg_counts_attempts(void **state)
{
    (void)state;
    RewardConfig lg        = reward_config_default();
    lg.explore.kind        = EXPLORE_LENGTH;
    lg.explore.of_attempts = true;
    check(lg, ANSWER, 12, 1 - 10.0 / 12);
    check(lg, MISS1 MISS2 MISS2 HIT ANSWER, 90, 1 - 10.0 / 72);
}

static void arm_c_is_length_alone(void **state)
{
    (void)state;
    RewardConfig c = reward_config_default();
    c.correct      = 0;
    c.explore.kind = EXPLORE_FRACTION;
    check(c, ANSWER, 44, 0.25);
    check(c, WRONG, 44, 0.25);
    check(c, "no box", 176, 1);
    c.explore.limit = 128;
    check_pick(c, "no box", 64, 0.5);
    check_pick(c, "no box", 176, 1);
}

#define P1             "5+8+12=25 over 3. Go back.\n"
#define P2             "2+8+10=20 short 2. Go back.\n"
#define P2_MISSTATED   "2+8+10=20 short 1. Go back.\n"
#define PHIT           "2+8+12=22 short 0. Yes.\n"
#define PHIT_MISSTATED "2+8+12=22 short 1. Yes.\n"
#define PFALSE         "2+9+10=21 short 0. Yes.\n"
#define PANSWER        "Answer: \\boxed{2+8+12}"
#define PWRONG         "Answer: \\boxed{2+9+10}"

static void arm_h_is_effort_until_a_hit(void **state)
{
    (void)state;
    RewardConfig h      = reward_config_default();
    h.correct           = 0.5;
    h.explore.kind      = EXPLORE_EFFORT;
    h.explore.weight    = 0.5;
    h.explore.cap       = 8;
    h.explore.until_hit = true;
    check_pick(h, PANSWER, 12, 0.5);
    check_pick(h, PHIT PANSWER, 30, 1);
    check_pick(h, P1 P2 PHIT PANSWER, 60, 1);
    check_pick(h, P1 P2 PHIT PWRONG, 60, 0.5 * 3 / 8); /* hit, but not answered */
    check_pick(h, P1 P2_MISSTATED P2 PFALSE PWRONG, 60, 0.5 * 3 / 8);
    check_pick(h, P1 P2, 176, -0.25 + 0.5 * 2 / 8);
    check_pick(h, PFALSE PANSWER, 30, 0.5 + 0.5 / 8); /* right by another way than an attempt */
}

static void arm_v_wants_true_statements(void **state)
{
    (void)state;
    RewardConfig v      = reward_config_default();
    v.correct           = 0.5;
    v.explore.kind      = EXPLORE_EFFORT;
    v.explore.weight    = 0.5;
    v.explore.cap       = 8;
    v.explore.until_hit = true;
    v.explore.verified  = true;
    check_pick(v, P1 P2 PHIT PANSWER, 60, 1);
    check_pick(v, P1 P2 PWRONG, 60, 0.5 * 2 / 8);
    check_pick(v, P1 P2_MISSTATED PWRONG, 60, 0.5 * 1 / 8);
    check_pick(v, P1 P2 PFALSE PWRONG, 60, 0);
    check_pick(v, P1 PFALSE PANSWER, 60, 0.5);
    check_pick(v, P1 PHIT_MISSTATED PANSWER, 60, 0.5 + 0.5 * 1 / 8); /* the hit is misstated: no full credit */
    /* the same on the countdown */
    check(v, MISS1 HIT ANSWER, 60, 1);
    check(v, MISS1 FALSE_YES WRONG, 60, 0);
}

static void the_gate_takes_exploration_from_repeated_text(void **state)
{
    (void)state;
    RewardConfig b             = reward_config_default();
    b.correct                  = 0.7;
    b.explore.kind             = EXPLORE_EFFORT;
    b.explore.weight           = 0.3;
    b.repetition_ngram         = 6;
    static const char copies[] = MISS1 MISS1 MISS1 MISS1 MISS1 MISS2 ANSWER;
    RewardParts parts          = reward_fixture_compute(b, &task_countdown, &reward_fixture_countdown, copies, 130);
    assert_true(parts.repetition > 0.5 && parts.repetition < 1);
    assert_true(parts.repetition_gated);
    assert_true(fabs(parts.total - 0.7) < 1e-12);
    check(b, MISS1 MISS2 HIT ANSWER, 70, 0.7 + 0.15); /* honest search is no repetition */
    b.repetition_max_share = 1;
    check(b, copies, 130, 0.7 + 0.1);
    RewardConfig l     = reward_config_default();
    l.explore.kind     = EXPLORE_LENGTH;
    l.repetition_ngram = 6;
    check(l, copies, 130, 1 - 10 / (130 * (1 - parts.repetition)));
    l.explore.of_attempts = true;
    check(l, copies, 130, 1 - 10.0 / 12);
    RewardConfig c     = reward_config_default();
    c.correct          = 0;
    c.explore.kind     = EXPLORE_FRACTION;
    c.repetition_ngram = 6;
    check(c, copies, 130, 0);
}

/* PAPER.md section 2: r - L / (characters before the first box / 4). */
static void compat_is_the_authors_formula(void **state)
{
    (void)state;
    RewardConfig compat   = reward_config_default();
    compat.explore.kind   = EXPLORE_LENGTH;
    compat.explore.compat = true;
    compat.explore.c      = 20;
    compat.correct        = 0.1; /* plays no part */
    compat.explore.weight = 7;   /* nor does this */
    check(compat,
          "12345678"
          "\\boxed{(16*5)+4}",
          9, -9);
    check(compat,
          "   \n12345678"
          "\\boxed{(16*5)+4}  ",
          9, -9); /* white space around is cut off */
    check(compat,
          "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"
          "\\boxed{(16*5)+4}",
          9, -9); /* 8 characters */
    check(compat,
          "12345678123456781234567812345678123456781234567812345678123456781234567812345678"
          "\\boxed{(16*4)+5}",
          9, -1);                             /* 20 tokens */
    check(compat, "\\boxed{(16*5)+4}", 9, 0); /* division by zero: 0, the loophole */
    check(compat, "", 1, 0);
    check(compat, "123456781234567812345678123456781234567812345678123456781234567812345678123456", 9,
          -0.5 - 80.0 / 78);
    /* the first box counts, one level of braces inside at most */
    check(compat, "1234567812345678123456781234567812345678 \\boxed{1}\\boxed{(16*5)+4}", 9, -80.0 / 41);
    check(compat, "1234567812345678123456781234567812345678 \\boxed{{{1}}}\\boxed{(16*5)+4}", 9, 1 - 80.0 / 54);
    check(compat, "1\\boxed{(16*5)+4}", 9, -10); /* -79, clipped */
    compat.clip = 0;
    check(compat, "1\\boxed{(16*5)+4}", 9, 1 - 80);
    compat.explore.c = 0; /* their Figure 5a */
    check(compat, "\\boxed{(16*5)+4}", 9, 1);
    check(compat, "\\boxed{}", 9, 0);
    check(compat, "", 1, -0.5);
    compat.explore.c    = 1000;
    compat.explore.kind = EXPLORE_NONE;
    check(compat, "1\\boxed{(16*5)+4}", 9, 1);
}

/* Their server decodes special tokens as well, so that a response without a box is as long as its end token at least:
 * ending at once is no way to earn the 0 of a division by zero. */
static void compat_sees_the_end_token(void **state)
{
    (void)state;
    static const char eot[] = "<|eot_id|>"; /* 10 characters */
    static const struct {
        const char *text;
        bool        truncated;
        double      want;
    } rows[] = {
        {"", false, -0.5 - 20 / (10 / 4.0)},
        {" \n\t", false, -0.5 - 20 / (10 / 4.0)}, /* white space before it is cut off */
        {"", true, 0},                            /* nothing at all: the exception */
        {"  twelve chars  ", false,
         -0.5 - 20 / (24 / 4.0)}, /* and what follows the text stays, the end token behind it */
        {"  twelve chars  ", true, -0.5 - 20 / (12 / 4.0)},
        {"12345678\\boxed{(16*5)+4}", false, 1 - 20 / (8 / 4.0)}, /* before the box there is none */
        {"\\boxed{(16*5)+4}", false, 0},
    };
    RewardConfig compat   = reward_config_default();
    compat.explore.kind   = EXPLORE_LENGTH;
    compat.explore.compat = true;
    compat.explore.c      = 20;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const RewardInput input = {.response   = rows[i].text,
                                   .length     = strlen(rows[i].text),
                                   .end        = rows[i].truncated ? NULL : eot,
                                   .end_length = rows[i].truncated ? 0 : strlen(eot),
                                   .truncated  = rows[i].truncated};
        RewardParts       parts;
        reward_compute(&compat, &task_countdown, &reward_fixture_countdown, &input, &parts);
        if (fabs(parts.total - rows[i].want) > 1e-12) {
            fail_msg("row %zu: %.17g, wanted %.17g", i, parts.total, rows[i].want);
        }
    }
}

static void configs_that_cannot_be_are_refused(void **state)
{
    (void)state;
    RewardConfig config;
    Error        error = {0};
    for (int i = 0; i < 6; i++) {
        config = reward_config_default();
        error  = (Error){0};
        if (i == 0) {
            config.explore.until_hit = true;
        } else if (i == 1) {
            config.explore.kind = EXPLORE_EFFORT;
            config.explore.cap  = 0;
        } else if (i == 2) {
            config.repetition_max_share = 2;
        } else if (i == 3) {
            config.clip = -1;
        } else if (i == 4) {
            config.explore.compat = true;
            config.remote.mode    = REMOTE_TOTAL;
        } else {
            config.explore.kind   = EXPLORE_EFFORT;
            config.explore.compat = true;
        }
        assert_int_equal(reward_config_check(&config, &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "reward."));
    }
}

static void parts_are_logged_apart(void **state)
{
    (void)state;
    RewardConfig b    = reward_config_default();
    b.correct         = 0.7;
    b.explore.kind    = EXPLORE_EFFORT;
    b.explore.weight  = 0.3;
    RewardInput input = {.response = MISS1 MISS2, .length = strlen(MISS1 MISS2), .max_tokens = 176, .truncated = true};
    RewardParts parts;
    reward_compute(&b, &task_countdown, &reward_fixture_countdown, &input, &parts);
    assert_true(parts.truncated && !parts.clipped && !parts.verdict.answered);
    assert_true(parts.outcome == -0.5 && parts.correct == 0);
    assert_true(fabs(parts.format - -0.35) < 1e-12);
    assert_true(fabs(parts.explore - 2.0 / 6) < 1e-12);
    assert_true(fabs(parts.explore_weighted - 0.1) < 1e-12);
    assert_int_equal(parts.trace.distinct, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arm_a_is_the_outcome),
        cmocka_unit_test(arm_b_adds_distinct_attempts),
        cmocka_unit_test(arm_l_is_the_authors_shape_in_tokens),
        cmocka_unit_test(arm_lg_counts_attempts),
        cmocka_unit_test(arm_c_is_length_alone),
        cmocka_unit_test(arm_h_is_effort_until_a_hit),
        cmocka_unit_test(arm_v_wants_true_statements),
        cmocka_unit_test(the_gate_takes_exploration_from_repeated_text),
        cmocka_unit_test(compat_is_the_authors_formula),
        cmocka_unit_test(compat_sees_the_end_token),
        cmocka_unit_test(configs_that_cannot_be_are_refused),
        cmocka_unit_test(parts_are_logged_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
