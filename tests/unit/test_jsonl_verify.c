/* Answers to problems of a dataset: judged by what they mean, and what they earn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/reward/reward.h"

static TaskVerdict judge(const char *response, const MathExtractPolicy *policy)
{
    static const TaskItem item    = {.problem        = "Give $\\boxed{7}$ or not: what is $281+3$?",
                                     .problem_length = 41,
                                     .answer         = "284",
                                     .answer_length  = 3};
    const Problem         problem = {.item = &item, .extract = policy};
    TaskVerdict           verdict;
    task_verify(&task_jsonl, &problem, response, strlen(response), &verdict);
    return verdict;
}

static void answers_are_judged_by_what_they_mean(void **state)
{
    (void)state;
    const MathExtractPolicy first = {.choice = MATH_BOX_FIRST}, only = {.choice = MATH_BOX_ONLY};
    const MathExtractPolicy fbox = {.fbox = true}, phrases = {.phrases = true};
    const struct {
        const char              *response;
        const MathExtractPolicy *policy;
        bool                     correct, answered;
        const char              *reason;
    } cases[] = {
        {"So it is $\\boxed{284}$.", NULL, true, true, "correct"},
        {"\\boxed{\\frac{568}{2}}", NULL, true, true, "correct"},
        {"\\boxed{285}", NULL, false, true, "wrong value"},
        {"\\boxed{281+3}", NULL, false, true, "copy of the problem's expression"},
        {"284", NULL, false, false, "no answer"},
        {"", NULL, false, false, "no answer"},
        {"\\boxed{}", NULL, false, false, "no answer"},
        {"\\boxed{284", NULL, false, false, "no answer"},
        {"\\boxed{283} no, \\boxed{284}", NULL, true, true, "correct"},
        {"\\boxed{283} no, \\boxed{284}", &first, false, true, "wrong value"},
        {"\\boxed{283} no, \\boxed{284}", &only, false, false, "no answer"},
        {"\\boxed{284} and \\boxed{284}", &only, true, true, "correct"},
        {"\\fbox{284}", NULL, false, false, "no answer"},
        {"\\fbox{284}", &fbox, true, true, "correct"},
        {"The answer is 284.", NULL, false, false, "no answer"},
        {"The answer is 284.", &phrases, true, true, "correct"},
        {"> \\boxed{284}\nis what they say", NULL, false, false, "no answer"},
        {"\\boxed{\\left(\\frac{284}{1}\\right)}", NULL, true, true, "correct"},
        {"\\boxed{284, 285}", NULL, false, true, "wrong value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const TaskVerdict verdict = judge(cases[i].response, cases[i].policy);
        if (verdict.correct != cases[i].correct || verdict.answered != cases[i].answered ||
            strcmp(verdict.reason, cases[i].reason) != 0 || verdict.rule == NULL) {
            fail_msg("%s: %s (%s)", cases[i].response, verdict.reason, verdict.rule);
        }
        assert_true(verdict.box_offset <= strlen(cases[i].response));
        assert_true(verdict.answer_offset + verdict.answer_length <= strlen(cases[i].response));
        assert_true(verdict.correct == false || verdict.found_by != NULL);
    }
}

static void a_whole_answer_is_kept_by_its_place(void **state)
{
    (void)state;
    char response[1100] = "\\boxed{";
    for (int i = 0; i < 240; i++) {
        strcat(response, "1+1+");
    }
    strcat(response, "0-196}");
    const TaskVerdict verdict = judge(response, NULL);
    assert_true(verdict.correct);
    assert_int_equal(strlen(verdict.answer), TASK_ANSWER_BYTES - 1);
    assert_int_equal(verdict.answer_offset, 7);
    assert_int_equal(verdict.answer_length, 965);
}

/* The prompt is no part of what is judged: a box in the problem, as above, gives nothing. */
static void rewards_of_math(void **state)
{
    (void)state;
    const TaskItem item = {
        .problem = "Say $\\boxed{5}$.", .problem_length = 16, .answer = "\\frac{1}{2}", .answer_length = 11};
    const Problem problem = {.item = &item};
    const struct {
        const char *response;
        double      outcome, compat;
    } cases[] = {
        /* compat: the first box with one level of braces at most, -1 / (characters before it / 4) */
        {"Wait, let me check this. \\boxed{0.5}", 1, 1 - 1 / (25 / 4.0)},
        {"Wait, let me check. \\boxed{\\frac{1}{2}}", 1, 1 - 1 / (20 / 4.0)},
        {"It is surely this: \\boxed{\\frac{\\sqrt{1}}{2}}", 1, -0.5 - 1 / (45 / 4.0)},
        {"I do not know that.", -0.5, -0.5 - 1 / (19 / 4.0)},
        {"\\boxed{0.5}", 1, 0}, /* an exception there */
        {"One. \\boxed{0.4} Two. \\boxed{0.5}", 1, 0 - 1 / (5 / 4.0)},
    };
    RewardConfig compat    = reward_config_default();
    compat.explore.kind    = EXPLORE_LENGTH;
    compat.explore.c       = 1;
    compat.explore.compat  = true;
    const RewardConfig own = reward_config_default();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const RewardInput input = {
            .response = cases[i].response, .length = strlen(cases[i].response), .response_tokens = 10};
        RewardParts parts;
        reward_compute(&own, &task_jsonl, &problem, &input, &parts);
        assert_true(parts.outcome == cases[i].outcome);
        assert_int_equal(parts.trace.words[TRACE_WORDS_BACKTRACK], cases[i].response[0] == 'W');
        assert_int_equal(parts.trace.words[TRACE_WORDS_VERIFICATION], cases[i].response[0] == 'W');
        assert_int_equal(parts.trace.attempts, 0);
        reward_compute(&compat, &task_jsonl, &problem, &input, &parts);
        if (parts.total - cases[i].compat > 1e-12 || cases[i].compat - parts.total > 1e-12) {
            fail_msg("%s: %.17g, wanted %.17g", cases[i].response, parts.total, cases[i].compat);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged_by_what_they_mean),
        cmocka_unit_test(a_whole_answer_is_kept_by_its_place),
        cmocka_unit_test(rewards_of_math),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
