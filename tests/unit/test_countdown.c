#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/task/chain.h"
#include "rlsp/task/expression.h"
#include "rlsp/task/task.h"

static const TaskConfig defaults = {.numbers = 3, .max_number = 20, .max_target = 99};

static bool has_box(const ChainList *list, const char *box)
{
    char text[CHAIN_TEXT_BYTES];
    for (uint32_t i = 0; i < list->count; i++) {
        chain_write_box(&list->chains[i], text);
        if (strcmp(text, box) == 0) {
            return true;
        }
    }
    return false;
}

/* 1140 triples with 18.3 legal expressions each. 10,748 problems, 1,051 of them held
 * out, by an independent count; the recipe's 13,070 is what triples with repeated
 * numbers would give, which the task excludes. */
static void legal_expressions_are_as_many_as_the_recipe_counted(void **state)
{
    (void)state;
    uint32_t triples = 0, expressions = 0, problems = 0, held_out = 0;
    for (int64_t a = 1; a <= 20; a++) {
        for (int64_t b = a + 1; b <= 20; b++) {
            for (int64_t c = b + 1; c <= 20; c++) {
                int64_t   numbers[] = {a, b, c};
                ChainList list;
                bool      reached[100] = {false};
                chains_find(&list, numbers, 3, 99);
                triples++;
                expressions += list.count;
                for (uint32_t i = 0; i < list.count; i++) {
                    int32_t value = chain_value(&list.chains[i]);
                    assert_in_range(value, 1, 99);
                    problems += !reached[value];
                    held_out += !reached[value] &&
                                task_countdown.held_out(&(Problem){.count = 3, .numbers = {a, b, c}, .target = value});
                    reached[value] = true;
                }
            }
        }
    }
    assert_int_equal(triples, 1140);
    assert_int_equal(problems, 10748);
    assert_int_equal(held_out, 1051);
    assert_true(fabs(expressions / 1140.0 - 18.3) < 0.05);
}

static void chains_are_written_as_in_the_recipe(void **state)
{
    (void)state;
    const int64_t numbers[] = {3, 7, 20}, others[] = {2, 7, 20};
    ChainList     list;
    char          text[CHAIN_TEXT_BYTES];
    bool          found = false;
    chains_find(&list, numbers, 3, 99);
    for (uint32_t i = 0; i < list.count; i++) {
        chain_write_box(&list.chains[i], text);
        if (strcmp(text, "(20*3)-7") == 0) {
            found = true;
            chain_write_attempt(&list.chains[i], text);
            assert_string_equal(text, "Try (20*3)-7=60-7=53.");
            chain_write_check(&list.chains[i], text);
            assert_string_equal(text, "20*3=60,60-7=53.");
        }
    }
    assert_true(found);
    assert_false(has_box(&list, "(20*7)-3")); /* 140 > 99 */
    assert_false(has_box(&list, "(3*20)-7")); /* larger number first */
    chains_find(&list, others, 3, 99);
    found = false;
    for (uint32_t i = 0; i < list.count; i++) {
        chain_write_box(&list.chains[i], text);
        if (strcmp(text, "20-(7*2)") == 0) {
            found = true;
            chain_write_attempt(&list.chains[i], text);
            assert_string_equal(text, "Try 20-(7*2)=20-14=6.");
            chain_write_check(&list.chains[i], text);
            assert_string_equal(text, "7*2=14,20-14=6.");
        }
    }
    assert_true(found);
}

/* Every legal expression, of three and of four numbers, is what the verifier takes
 * and what the detector calls a valid attempt; all are told apart. */
static void verifier_and_detector_agree_with_the_generator(void **state)
{
    (void)state;
    for (uint32_t count = 3; count <= 4; count++) {
        Problem   problem = {.count = count, .numbers = {3, 7, 8, 20}};
        ChainList list;
        chains_find(&list, problem.numbers, count, 99);
        char  *all  = calloc(list.count + 1, CHAIN_TEXT_BYTES + 1);
        size_t used = 0;
        for (uint32_t i = 0; i < list.count; i++) {
            char        text[CHAIN_TEXT_BYTES];
            TaskVerdict verdict;
            problem.target = chain_value(&list.chains[i]);
            size_t length  = chain_write_box(&list.chains[i], text);
            task_verify_answer(&task_countdown, &problem, text, length, &verdict);
            assert_true(verdict.correct);
            problem.target++;
            task_verify_answer(&task_countdown, &problem, text, length, &verdict);
            assert_false(verdict.correct);
            assert_string_equal(verdict.reason, "wrong value");
            chain_write_attempt(&list.chains[i], text);
            used += (size_t)sprintf(all + used, "%s\n", text);
        }
        TraceStats stats;
        task_countdown.trace(&problem, all, used, &stats, NULL);
        assert_int_equal(stats.attempts, list.count);
        assert_int_equal(stats.valid, list.count);
        assert_int_equal(stats.distinct, list.count);
        free(all);
    }
}

static void draws_follow_the_recipe(void **state)
{
    (void)state;
    enum { DRAWS = 6000 };
    uint32_t counts[21] = {0}, hits = 0, expressions = 0, held_out = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        Random    random = random_stream(1, RANDOM_TASK, 3, i), again = random;
        Problem   problem, same;
        ChainList list;
        task_countdown.draw(&defaults, &problem, &random, SPLIT_ANY);
        task_countdown.draw(&defaults, &same, &again, SPLIT_ANY);
        assert_memory_equal(&problem.numbers, &same.numbers, 3 * sizeof problem.numbers[0]);
        assert_int_equal(problem.target, same.target);
        assert_int_equal(problem.count, 3);
        assert_true(1 <= problem.numbers[0] && problem.numbers[0] < problem.numbers[1] &&
                    problem.numbers[1] < problem.numbers[2] && problem.numbers[2] <= 20);
        for (int k = 0; k < 3; k++) {
            counts[problem.numbers[k]]++;
        }
        chains_find(&list, problem.numbers, 3, 99);
        uint32_t solutions = 0;
        for (uint32_t k = 0; k < list.count; k++) {
            solutions += chain_value(&list.chains[k]) == problem.target;
        }
        assert_true(solutions > 0);
        hits += solutions;
        expressions += list.count;
        held_out += task_countdown.held_out(&problem);
    }
    assert_true(fabs((double)hits / DRAWS - 2.5) < 0.1);
    assert_true(fabs((double)expressions / DRAWS - 18.3) < 0.15);
    assert_true(fabs((double)held_out / DRAWS - 0.10) < 0.015);
    double chi2 = 0, expected = DRAWS * 3 / 20.0;
    for (int n = 1; n <= 20; n++) {
        chi2 += (counts[n] - expected) * (counts[n] - expected) / expected;
    }
    assert_true(chi2 < 43.8); /* 19 degrees of freedom: p = .001 */
}

/* h = (n0 + 31 n1 + 961 n2 + 29791 t) * 2654435761 mod 2^32, worked out by hand. */
static void the_held_out_split_is_the_recipes(void **state)
{
    (void)state;
    uint32_t held_out = 0, all = 0;
    for (int64_t t = 1; t < 100; t++) {
        for (int64_t n2 = 3; n2 <= 20; n2++) {
            Problem  problem = {.count = 3, .numbers = {1, 2, n2}, .target = t};
            uint64_t sum     = (uint64_t)(1 + 31 * 2 + 961 * n2 + 29791 * t);
            uint64_t hash    = sum * 2654435761u % 4294967296u;
            assert_int_equal(task_countdown.held_out(&problem), hash / 65536 % 10 == 0);
            held_out += task_countdown.held_out(&problem);
            all++;
        }
    }
    assert_true(held_out > all / 20 && held_out < all / 5);
    for (uint32_t i = 0; i < 300; i++) {
        Random  random = random_stream(9, RANDOM_TASK, 0, i);
        Problem train, test;
        task_countdown.draw(&defaults, &train, &random, SPLIT_TRAIN);
        task_eval_problem(&task_countdown, &defaults, 9, i, &test);
        assert_false(task_countdown.held_out(&train));
        assert_true(task_countdown.held_out(&test));
    }
}

static void the_prompt_is_the_recipes(void **state)
{
    (void)state;
    Problem problem = {.count = 3, .numbers = {3, 7, 20}, .target = 53};
    char    text[TASK_PROMPT_BYTES];
    assert_int_equal(task_countdown.prompt(&problem, text, sizeof text), strlen("Numbers 3,7,20. Target 53.\n"));
    assert_string_equal(text, "Numbers 3,7,20. Target 53.\n");
    assert_int_equal(task_countdown.prompt(&problem, text, 8), 7);
    assert_string_equal(text, "Numbers");
}

static void four_numbers_work_too(void **state)
{
    (void)state;
    TaskConfig config = {.numbers = 4, .intuition = -1};
    Error      error  = {0};
    assert_int_equal(task_config_resolve(&task_countdown, &config, &error), STATUS_OK);
    assert_int_equal(config.max_number, 20);
    for (uint32_t i = 0; i < 50; i++) {
        Random    random = random_stream(2, RANDOM_TASK, 0, i);
        Problem   problem;
        ChainList list;
        task_countdown.draw(&config, &problem, &random, SPLIT_HELD_OUT);
        assert_int_equal(problem.count, 4);
        assert_true(task_countdown.held_out(&problem));
        chains_find(&list, problem.numbers, 4, 99);
        assert_true(list.count <= CHAINS_MAX);
    }
}

static void configs_out_of_range_are_refused(void **state)
{
    (void)state;
    const TaskConfig bad[] = {
        {.numbers = 5}, {.numbers = 2}, {.max_number = 3}, {.max_number = 100}, {.max_target = 1000}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        TaskConfig config = bad[i];
        Error      error  = {0};
        assert_int_equal(task_config_resolve(&task_countdown, &config, &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "task."));
    }
    assert_ptr_equal(task_find("countdown"), &task_countdown);
    assert_ptr_equal(task_find("pick-three"), &task_pick_three);
    assert_null(task_find("chess"));
}

static void values_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t     numerator, denominator;
    } exact[] = {
        {"(1/3)+(1/6)", 1, 2}, {"(3-20)*2", -34, 1},  {"2/(3-20)", -2, 17},
        {"0/7", 0, 1},         {"(1-1)*(5/3)", 0, 1}, {"999999999*999999999", 999999998000000001, 1},
    };
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
        Expression e;
        assert_true(expression_parse(&e, exact[i].text, strlen(exact[i].text)));
        assert_int_equal(e.value.state, VALUE_EXACT);
        assert_true(e.value.numerator == exact[i].numerator);
        assert_true(e.value.denominator == exact[i].denominator);
    }
    Expression e;
    assert_true(expression_parse(&e, "5/(3-3)", 7));
    assert_int_equal(e.value.state, VALUE_DIVISION_BY_ZERO);
    assert_true(expression_parse(&e, "999999999999*999999999999", 25));
    assert_int_equal(e.value.state, VALUE_TOO_LARGE);
    assert_false(expression_value_is(&e, 0));
    assert_true(expression_parse(&e, "((999999999*999999999)*9)+(999999999*999999999)", 47));
    assert_int_equal(e.value.state, VALUE_TOO_LARGE);
    Expression swapped;
    assert_true(expression_parse(&e, "(20*3)+7", 8) && expression_parse(&swapped, "7+(3*20)", 8));
    assert_true(e.key == swapped.key);
    assert_true(expression_parse(&swapped, "7-(3*20)", 8));
    assert_true(e.key != swapped.key);
    assert_true(expression_parse(&e, "(20-3)+7", 8) && expression_parse(&swapped, "(3-20)+7", 8));
    assert_true(e.key != swapped.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_expressions_are_as_many_as_the_recipe_counted),
        cmocka_unit_test(chains_are_written_as_in_the_recipe),
        cmocka_unit_test(verifier_and_detector_agree_with_the_generator),
        cmocka_unit_test(draws_follow_the_recipe),
        cmocka_unit_test(the_held_out_split_is_the_recipes),
        cmocka_unit_test(the_prompt_is_the_recipes),
        cmocka_unit_test(four_numbers_work_too),
        cmocka_unit_test(configs_out_of_range_are_refused),
        cmocka_unit_test(values_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
