#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/task/task.h"

static const TaskConfig defaults = {.numbers = 6, .max_number = 12, .max_target = 33, .intuition = 0.3};

static uint32_t solutions_of(const Problem *problem)
{
    uint32_t count = 0;
    for (int i = 0; i < 6; i++) {
        for (int j = i + 1; j < 6; j++) {
            for (int k = j + 1; k < 6; k++) {
                count += problem->numbers[i] + problem->numbers[j] + problem->numbers[k] == problem->target;
            }
        }
    }
    return count;
}

static void draws_follow_the_recipe(void **state)
{
    (void)state;
    enum { DRAWS = 8000 };
    uint32_t solutions = 0, largest = 0, held_out = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        Random  random = random_stream(1, RANDOM_TASK, 0, i);
        Problem problem;
        task_pick_three.draw(&defaults, &problem, &random, SPLIT_ANY);
        const int64_t *n = problem.numbers;
        assert_int_equal(problem.count, 6);
        for (int k = 0; k < 6; k++) {
            assert_true(n[k] >= 1 && n[k] <= 12 && (k == 0 || n[k] > n[k - 1]));
        }
        assert_true(solutions_of(&problem) > 0);
        solutions += solutions_of(&problem);
        largest += n[3] + n[4] + n[5] == problem.target;
        held_out += task_pick_three.held_out(&problem);
    }
    assert_true(fabs((double)solutions / DRAWS - 1.43) < 0.03);
    assert_true(fabs((double)largest / DRAWS - 0.34) < 0.02);
    assert_true(fabs((double)held_out / DRAWS - 95.0 / 924) < 0.012);
}

/* 924 sets, 95 of them held out, 13,368 problems: the recipe's counts. */
static void the_held_out_split_is_the_recipes(void **state)
{
    (void)state;
    uint32_t sets = 0, held_out = 0, problems = 0;
    for (uint32_t mask = 0; mask < 1u << 12; mask++) {
        Problem problem = {.count = 0};
        for (int n = 1; n <= 12; n++) {
            if (mask >> (n - 1) & 1u) {
                if (problem.count < 6) {
                    problem.numbers[problem.count] = n;
                }
                problem.count++;
            }
        }
        if (problem.count != 6) {
            continue;
        }
        sets++;
        held_out += task_pick_three.held_out(&problem);
        for (problem.target = 6; problem.target <= 33; problem.target++) {
            problems += solutions_of(&problem) > 0;
        }
    }
    assert_int_equal(sets, 924);
    assert_int_equal(held_out, 95);
    assert_int_equal(problems, 13368);
    for (uint32_t i = 0; i < 300; i++) {
        Random  random = random_stream(4, RANDOM_TASK, 1, i);
        Problem train, test;
        task_pick_three.draw(&defaults, &train, &random, SPLIT_TRAIN);
        task_eval_problem(&task_pick_three, &defaults, 4, i, &test);
        assert_false(task_pick_three.held_out(&train));
        assert_true(task_pick_three.held_out(&test));
    }
}

static void intuition_is_a_knob(void **state)
{
    (void)state;
    TaskConfig config = {.intuition = 1};
    Error      error  = {0};
    assert_int_equal(task_config_resolve(&task_pick_three, &config, &error), STATUS_OK);
    for (uint32_t i = 0; i < 50; i++) {
        Random  random = random_stream(5, RANDOM_TASK, 0, i);
        Problem problem;
        task_pick_three.draw(&config, &problem, &random, SPLIT_ANY);
        assert_int_equal(problem.numbers[3] + problem.numbers[4] + problem.numbers[5], problem.target);
    }
    config.intuition = 1.5;
    assert_int_equal(task_config_resolve(&task_pick_three, &config, &error), STATUS_BAD_INPUT);
}

static void the_prompt_is_the_recipes(void **state)
{
    (void)state;
    Problem problem = {.count = 6, .numbers = {2, 5, 8, 9, 10, 12}, .target = 22};
    char    text[TASK_PROMPT_BYTES];
    task_pick_three.prompt(&problem, text, sizeof text);
    assert_string_equal(text, "Numbers 2,5,8,9,10,12. Target 22.\n");
}

static void answers_are_judged(void **state)
{
    (void)state;
    const Problem problem = {.count = 6, .numbers = {2, 5, 8, 9, 10, 12}, .target = 22};
    static const struct {
        const char *answer;
        bool        correct;
    } cases[] = {
        {"2+8+12", true},
        {"12+2+8", true},
        {"5+8+9", true},
        {"2+10+10", false},
        {"2+8+13", false},
        {"9+10+12", false},
        {"2+8", false},
        {"2+8+12+0", false},
        {"2 + 8 + 12", false},
        {"22", false},
        {"2+8+12=22", false},
        {"(2+8)+12", false},
        {"+2+8+12", false},
        {"2+8+12+", false},
        {"2+8+-12", false},
        {"0+10+12", false},
        {"18446744073709551618+8+12", false},
        {"2++8+12", false},
        {"2,8,12", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TaskVerdict verdict;
        task_verify_answer(&task_pick_three, &problem, cases[i].answer, strlen(cases[i].answer), &verdict);
        if (verdict.correct != cases[i].correct) {
            fail_msg("%s: %s", cases[i].answer, verdict.reason);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_recipe), cmocka_unit_test(the_held_out_split_is_the_recipes),
        cmocka_unit_test(intuition_is_a_knob),     cmocka_unit_test(the_prompt_is_the_recipes),
        cmocka_unit_test(answers_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
