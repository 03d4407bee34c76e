/* Rewards with what others say of a response: a judge, a reward server. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/reward_fixture.h"

static RewardParts said(RewardConfig config, const char *text, double judge, double remote)
{
    RewardParts parts = reward_fixture_compute(config, &task_countdown, &reward_fixture_countdown, text, 40);
    reward_add(&config, &(RewardSaid){.judge = judge, .remote = remote}, &parts);
    if (!parts.voided && !parts.clipped &&
        fabs(parts.correct + parts.format + parts.length_weighted + parts.explore_weighted + parts.remote_weighted -
             parts.total) > 1e-12) {
        fail_msg("%s: the parts do not make up the total %g", text, parts.total);
    }
    return parts;
}

static void a_judge_s_grade_is_mixed_in(void **state)
{
    (void)state;
    RewardConfig j    = reward_config_default();
    j.correct         = 0.8;
    j.explore.kind    = EXPLORE_JUDGE;
    j.explore.weight  = 0.2;
    RewardParts parts = said(j, MISS1 ANSWER, 0.7, 0);
    assert_true(parts.total == 0.8 + 0.2 * 0.7 && parts.explore == 0.7 && parts.explore_weighted == 0.2 * 0.7 &&
                parts.correct == 0.8);
    parts = said(j, WRONG, 1, 0);
    assert_true(parts.total == 0.2 && parts.correct == 0);
    parts = said(j, "no box", 0.5, 0);
    assert_true(fabs(parts.total - (-0.4 + 0.1)) < 1e-12 && parts.format == 0.8 * -0.5);
    /* repeated text is not even asked about */
    static const char copies[] = MISS1 MISS1 MISS1 MISS1 MISS1 MISS2 ANSWER;
    j.repetition_ngram         = 6;
    parts                      = reward_fixture_compute(j, &task_countdown, &reward_fixture_countdown, copies, 130);
    assert_false(reward_wants_judge(&j, &parts));
    parts = said(j, copies, 0.9, 0);
    assert_true(parts.total == 0.8 && parts.explore == 0);
    parts = reward_fixture_compute(j, &task_countdown, &reward_fixture_countdown, MISS1 ANSWER, 40);
    assert_true(reward_wants_judge(&j, &parts));
}

/* PAPER.md section 2, 3: 0.8 r + 0.2 judge after the length term, to the last bit. */
static void compat_mixes_judge_and_length_as_the_authors_do(void **state)
{
    (void)state;
    RewardConfig compat      = reward_config_default();
    compat.explore.kind      = EXPLORE_JUDGE;
    compat.explore.compat    = true;
    compat.explore.c         = 1000;
    compat.correct           = 0.1; /* plays no part */
    compat.explore.weight    = 7;   /* nor does this */
    compat.clip              = 0;
    static const char text[] = "123456789012345678901234567890123\\boxed{(16*5)+4}";
    for (int i = 0; i <= 20; i++) {
        const double judge = i / 20.0;
        RewardParts  parts = said(compat, text, judge, 0);
        assert_true(parts.total == 0.8 * (1.0 - 1000 / (33 / 4.0)) + 0.2 * judge);
        assert_true(parts.length_weighted < 0 && parts.explore == judge && parts.correct == 0.8);
        parts = said(compat, "no box at all, 26 characters", judge, 0);
        assert_true(parts.total == 0.8 * (-0.5 - 1000 / (28 / 4.0)) + 0.2 * judge);
    }
    compat.explore.c = 0;
    assert_true(said(compat, text, 0.3, 0).total == 0.8 * 1.0 + 0.2 * 0.3);
    assert_true(said(compat, "\\boxed{1}", 0.3, 0).total == 0.8 * 0.0 + 0.2 * 0.3);
    compat.explore.c = 20; /* the box comes first: an exception there, before the judge */
    RewardParts parts =
        reward_fixture_compute(compat, &task_countdown, &reward_fixture_countdown, "\\boxed{(16*5)+4}", 9);
    assert_false(reward_wants_judge(&compat, &parts));
    parts = said(compat, "\\boxed{(16*5)+4}", 0.9, 0);
    assert_true(parts.total == 0 && parts.voided);
    compat.clip = 10;
    parts       = said(compat, "1\\boxed{(16*5)+4}", 1, 0);
    assert_true(parts.total == -10 && parts.clipped);
}

static void a_reward_server_s_number_goes_where_it_is_told(void **state)
{
    (void)state;
    RewardConfig config   = reward_config_default();
    config.correct        = 0.7;
    config.explore.kind   = EXPLORE_EFFORT;
    config.explore.weight = 0.3;
    config.remote.weight  = 0.5;
    config.remote.mode    = REMOTE_OUTCOME;
    RewardParts parts =
        said(config, MISS1 MISS2 ANSWER, 0, -2); /* the verifier's own verdict is still there to be seen */
    assert_true(fabs(parts.total - (0.7 * -2 + 0.1)) < 1e-12 && parts.outcome == -2 && parts.remote == -2 &&
                parts.remote_weighted == 0);
    assert_true(parts.verdict.correct);
    parts = said(config, "no box", 0, 1);
    assert_true(fabs(parts.total - 0.7) < 1e-12 && parts.format == 0);
    config.remote.mode = REMOTE_EXPLORE;
    parts              = said(config, MISS1 MISS2 ANSWER, 0, 0.4);
    assert_true(fabs(parts.total - (0.7 + 0.1 + 0.2)) < 1e-12 && fabs(parts.remote_weighted - 0.2) < 1e-12 &&
                parts.remote == 0.4);
    config.remote.mode = REMOTE_TOTAL;
    parts              = said(config, MISS1 MISS2 ANSWER, 0, 0.4);
    assert_true(parts.total == 0.4 && parts.correct == 0 && parts.explore_weighted == 0 &&
                fabs(parts.explore - 2.0 / 6) < 1e-12);
    parts = said(config, WRONG, 0, 70);
    assert_true(parts.total == 10 && parts.clipped && parts.remote == 70);
    config.remote.mode = REMOTE_NONE;
    parts              = said(config, MISS1 MISS2 ANSWER, 0, 0.4);
    assert_true(fabs(parts.total - 0.8) < 1e-12 && parts.remote == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_judge_s_grade_is_mixed_in),
        cmocka_unit_test(compat_mixes_judge_and_length_as_the_authors_do),
        cmocka_unit_test(a_reward_server_s_number_goes_where_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
