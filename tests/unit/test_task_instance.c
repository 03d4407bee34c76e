/* A task instance draws and poses what the task does, by the arguments alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/task/instance.h"
#include "rlsp/task/task_tokenizer.h"
#include "tests/support/fixture.h"

static Tokenizer *own_tokenizer(const Task *kind, const TaskConfig *config)
{
    const char *directory = fixture_directory();
    Error       error     = {0};
    assert_int_equal(task_tokenizer_build(kind, config, 256, directory, &error), STATUS_OK);
    Tokenizer *tokenizer = tokenizer_open(directory, &error);
    assert_non_null(tokenizer);
    return tokenizer;
}

static void built_in_tasks_are_drawn_and_posed_as_ever(void **state)
{
    (void)state;
    for (const Task *const *kind = task_all; *kind != NULL; kind++) {
        Error         error     = {0};
        TaskInstance *task      = task_instance_new(*kind, NULL, &error);
        Tokenizer    *tokenizer = own_tokenizer(*kind, &(*kind)->defaults);
        TaskPrompt    prompt    = {0};
        assert_non_null(task);
        assert_int_equal(task->prompt_tokens, task_prompt_tokens(&task->config));
        assert_int_equal(task_instance_prepare(task, tokenizer, NULL, NULL, &error), STATUS_OK);
        assert_int_equal(task->prompt_tokens, task_prompt_tokens(&task->config));
        assert_int_equal(task_instance_eval_count(task), UINT32_MAX);
        for (uint32_t i = 0; i < 20; i++) {
            Problem drawn, wanted;
            Random  random = random_stream(5, RANDOM_TASK, 3, i);
            char    text[TASK_PROMPT_BYTES];
            task_instance_draw(task, 5, 3, i, 20, &drawn);
            (*kind)->draw(&task->config, &wanted, &random, SPLIT_TRAIN);
            (*kind)->prompt(&wanted, text, sizeof text);
            assert_int_equal(task_instance_prompt(task, &drawn, &prompt, &error), STATUS_OK);
            assert_string_equal(prompt.text, text);
            assert_int_equal(prompt.count, task->prompt_tokens);
            assert_true(task_instance_read(task, text, &drawn));
            assert_int_equal(drawn.target, wanted.target);
            task_instance_eval_problem(task, 5, i, &drawn);
            assert_true((*kind)->held_out(&drawn));
        }
        Problem read;
        assert_false(task_instance_read(task, "Numbers 1,2,3. Hello", &read));
        task_prompt_free(&prompt);
        task_instance_free(task);
        tokenizer_free(tokenizer);
    }
}

static void values_are_checked(void **state)
{
    (void)state;
    Error error = {0};
    assert_null(task_instance_new(&task_countdown, &(TaskConfig){.numbers = 7}, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "task.numbers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_tasks_are_drawn_and_posed_as_ever),
        cmocka_unit_test(values_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
