/* Problems of a JSONL file: read, ordered, posed and judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/task/instance.h"
#include "tests/support/fixture.h"

#define MODELS TEST_DATA "/parity/models"

static const char *write_lines(const char *text)
{
    Error       error = {0};
    const char *path  = fixture_path(fixture_directory(), "problems.jsonl");
    assert_int_equal(file_write_atomic(path, text, strlen(text), &error), STATUS_OK);
    return path;
}

/* The default settings and these. */
static RunTask settings(const char *path, const char *const *overrides, int count)
{
    static RunConfig config;
    Error            error = {0};
    const char      *all[16];
    char             data[RUN_PATH_SIZE];
    assert_true(count < 13);
    snprintf(data, sizeof data, "task.data=%s", path);
    all[0] = "task.kind=jsonl";
    all[1] = "model.path=" MODELS "/tiny-qwen2";
    all[2] = data;
    for (int i = 0; i < count; i++) {
        all[3 + i] = overrides[i];
    }
    if (run_config_parse("{\"name\":\"t\",\"stages\":[\"rl\"]}", "t", all, 3 + count, &config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return config.task;
}

#define OVERRIDES(...)                                                                                                 \
    (const char *const[]){__VA_ARGS__}, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static TaskInstance *open_task(const RunTask *config)
{
    Error         error = {0};
    TaskInstance *task  = task_instance_open(config, &error);
    if (task == NULL) {
        fail_msg("%s", error.text);
    }
    return task;
}

static Tokenizer *open_tokenizer(const char *model)
{
    Error      error     = {0};
    Tokenizer *tokenizer = tokenizer_open(model, &error);
    assert_non_null(tokenizer);
    return tokenizer;
}

static void lines_become_items(void **state)
{
    (void)state;
    const char *path =
        write_lines("\xef\xbb\xbf{\"problem\":\"One?\",\"answer\":\"1\",\"id\":\"a\",\"level\":3}\n"
                    "\n"
                    "{\"answer\":2.5,\"problem\":\"Two\\nand a half?\",\"subject\":null,\"more\":[1]}\n");
    RunTask         config = settings(path, NULL, 0);
    TaskInstance   *task   = open_task(&config);
    const TaskItem *item   = task->train->items;
    assert_int_equal(task->train->count, 2);
    assert_string_equal(item[0].problem, "One?");
    assert_string_equal(item[0].answer, "1");
    assert_string_equal(item[0].id, "a");
    assert_string_equal(item[0].level, "3");
    assert_null(item[0].subject);
    assert_int_equal(item[0].line, 1);
    assert_string_equal(item[1].problem, "Two\nand a half?");
    assert_string_equal(item[1].answer, "2.5");
    assert_int_equal(item[1].answer_length, 3);
    assert_null(item[1].id);
    assert_null(item[1].subject);
    assert_int_equal(item[1].line, 3);
    assert_null(task->held_out);
    assert_int_equal(task_instance_eval_count(task), 0);
    task_instance_free(task);

    /* other keys, and keys that are not looked for */
    path   = write_lines("{\"input\":\"Q\",\"gold\":{\"final\":\"7\"},\"type\":\"Algebra\",\"level\":[1]}\n");
    config = settings(path, OVERRIDES("task.prompt_key=input", "task.answer_key=gold.final", "task.subject_key=type",
                                      "task.level_key="));
    task   = open_task(&config);
    assert_string_equal(task->train->items[0].answer, "7");
    assert_string_equal(task->train->items[0].subject, "Algebra");
    task_instance_free(task);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    const struct {
        const char *lines, *words[3];
    } cases[] = {
        {"{\"problem\":\"a\",\"answer\":\"1\"}\n{\"problem\":\"b\"", {"problems.jsonl:2"}},
        {"\n{\"problem\":\"a\"}\n", {"problems.jsonl:2", "answer"}},
        {"{\"answer\":\"a\"}\n", {"problems.jsonl:1", "problem"}},
        {"{\"problem\":\"a\",\"answer\":[1]}\n", {"problems.jsonl:1", "answer", "a string or a number"}},
        {"{\"problem\":\"a\",\"answer\":true}\n", {"problems.jsonl:1", "answer"}},
        {"{\"problem\":\"a\",\"answer\":null}\n", {"problems.jsonl:1", "answer"}},
        {"{\"problem\":\"a\",\"answer\":\" \"}\n", {"problems.jsonl:1", "answer", "empty"}},
        {"{\"problem\":\"\",\"answer\":\"1\"}\n", {"problems.jsonl:1", "problem", "empty"}},
        {"{\"problem\":\"a\",\"answer\":\"1\",\"level\":{}}\n", {"problems.jsonl:1", "level"}},
        {"{\"problem\":\"\xff\",\"answer\":\"1\"}\n", {"problems.jsonl:1"}},
        {"[]\n", {"problems.jsonl:1"}},
        {"", {"problems.jsonl", "holds no problems"}},
        {"\n \n", {"problems.jsonl", "holds no problems"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const RunTask config = settings(write_lines(cases[i].lines), NULL, 0);
        Error         error  = {0};
        assert_null(task_instance_open(&config, &error));
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        for (int w = 0; w < 3 && cases[i].words[w] != NULL; w++) {
            if (strstr(error.text, cases[i].words[w]) == NULL) {
                fail_msg("no \"%s\" in: %s", cases[i].words[w], error.text);
            }
        }
    }
}

static void answers_that_only_text_can_match_are_counted(void **state)
{
    (void)state;
    const RunTask config = settings(write_lines("{\"problem\":\"a\",\"answer\":\"\\\\frac{1}{2}\"}\n"
                                                "{\"problem\":\"b\",\"answer\":\"\\\\text{even}\"}\n"
                                                "{\"problem\":\"c\",\"answer\":\"(((\"}\n"
                                                "{\"problem\":\"d\",\"answer\":\"C\"}\n"
                                                "{\"problem\":\"e\",\"answer\":\"1 + + {\"}\n"),
                                    NULL, 0);
    TaskInstance *task   = open_task(&config);
    assert_int_equal(task->train->count, 5);
    assert_int_equal(task->train->as_text, 2);
    assert_int_equal(task->train->as_text_line, 3);
    task_instance_free(task);
}

enum { PROBLEMS = 37 };

static const char *many_problems(void)
{
    static char text[PROBLEMS * 64];
    size_t      length = 0;
    for (int i = 0; i < PROBLEMS; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "{\"problem\":\"%d?\",\"answer\":%d}\n", i, i);
    }
    return write_lines(text);
}

static void every_problem_comes_once_an_epoch(void **state)
{
    (void)state;
    const char *path = many_problems();
    char        held[RUN_PATH_SIZE + 16];
    snprintf(held, sizeof held, "task.eval_data=%s", path);
    const RunTask config = settings(path, OVERRIDES(held));
    TaskInstance *task   = open_task(&config);
    uint32_t      first[PROBLEMS], moved = 0;
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        bool seen[PROBLEMS] = {false};
        for (uint32_t i = 0; i < PROBLEMS; i++) {
            /* steps of 8: an epoch ends within one */
            const uint32_t n = epoch * PROBLEMS + i;
            Problem        problem, again;
            task_instance_draw(task, 9, n / 8, n % 8, 8, &problem);
            task_instance_draw(task, 9, n / 8, n % 8, 8, &again);
            assert_ptr_equal(problem.item, again.item);
            const uint32_t at = (uint32_t)(problem.item - task->train->items);
            assert_true(at < PROBLEMS && !seen[at]);
            seen[at] = true;
            moved += epoch > 0 && first[i] != at;
            first[i] = epoch == 0 ? at : first[i];
        }
    }
    assert_true(moved > PROBLEMS); /* of 74 places, nearly all */
    bool seen[PROBLEMS] = {false};
    assert_int_equal(task_instance_eval_count(task), PROBLEMS);
    for (uint32_t i = 0; i < PROBLEMS; i++) {
        Problem problem;
        task_instance_eval_problem(task, 1, i, &problem);
        const size_t at = (size_t)(problem.item - task->held_out->items);
        assert_true(at < PROBLEMS && !seen[at]);
        seen[at] = true;
    }
    task_instance_free(task);
}

static void prompts_are_the_chat_templates(void **state)
{
    (void)state;
    static const char problem[] = "{\"problem\":\"What is $1+1$?\",\"answer\":2}\n";
    const struct {
        const char *system, *template, *text;
    } cases[] = {
        {"task.system=", "",
         "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nSolve: What is $1+1$? "
         "Box it.<|im_end|>\n<|im_start|>assistant\n"},
        {"task.system=Think.", "",
         "<|im_start|>system\nThink.<|im_end|>\n<|im_start|>user\nSolve: What is $1+1$? Box it.<|im_end|>\n"
         "<|im_start|>assistant\n"},
        {"task.system=", "chatml",
         "<|im_start|>user\nSolve: What is $1+1$? Box it.<|im_end|>\n<|im_start|>assistant\n"},
    };
    Tokenizer *tokenizer = open_tokenizer(MODELS "/tiny-qwen2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error         error = {0};
        const RunTask config =
            settings(write_lines(problem), OVERRIDES("task.prefix=Solve: ", "task.suffix= Box it.", cases[i].system));
        TaskInstance *task   = open_task(&config);
        TaskPrompt    prompt = {0};
        Problem       drawn;
        assert_int_equal(task_instance_prepare(task, tokenizer, MODELS "/tiny-qwen2", cases[i].template, &error),
                         STATUS_OK);
        task_instance_draw(task, 1, 0, 0, 1, &drawn);
        assert_int_equal(task_instance_prompt(task, &drawn, &prompt, &error), STATUS_OK);
        assert_string_equal(prompt.text, cases[i].text);
        assert_int_equal(prompt.length, strlen(cases[i].text));
        assert_int_equal(prompt.count, task->prompt_tokens);
        assert_int_equal(prompt.ids[0], tokenizer_token_id(tokenizer, "<|im_start|>"));
        assert_int_equal(task->end_token, tokenizer_token_id(tokenizer, "<|im_end|>"));
        /* what a user types is posed likewise, and judged where it is one of the problems */
        assert_true(task_instance_read(task, "What is $1+1$?", &drawn));
        assert_false(task_instance_read(task, "What is $1+2$?", &drawn));
        assert_int_equal(task_instance_prompt_of(task, "What is $1+1$?", &prompt, &error), STATUS_OK);
        assert_string_equal(prompt.text, cases[i].text);
        /* a whole prompt, as a trace has it, is not wrapped again */
        assert_true(task_instance_read(task, cases[i].text, &drawn));
        assert_ptr_equal(drawn.item, task->train->items);
        assert_int_equal(task_instance_prompt_of(task, cases[i].text, &prompt, &error), STATUS_OK);
        assert_string_equal(prompt.text, cases[i].text);
        assert_int_equal(prompt.count, task->prompt_tokens);
        task_prompt_free(&prompt);
        task_instance_free(task);
    }
    tokenizer_free(tokenizer);
}

static void raw_prompts_are_taken_as_they_are(void **state)
{
    (void)state;
    Error         error  = {0};
    Tokenizer    *llama  = open_tokenizer(MODELS "/tiny-llama");
    const int32_t bos    = tokenizer_token_id(llama, "<|begin_of_text|>");
    TaskPrompt    prompt = {0};
    const RunTask config = settings(
        write_lines("{\"input\":\"<|begin_of_text|>Hello\",\"answer\":1}\n{\"input\":\"Hello\",\"answer\":1}\n"),
        OVERRIDES("task.prompt=raw", "task.prompt_key=input"));
    TaskInstance *task = open_task(&config);
    int32_t      *ids[2];
    uint32_t      counts[2];
    assert_true(bos >= 0);
    assert_int_equal(task_instance_prepare(task, llama, MODELS "/tiny-llama", NULL, &error), STATUS_OK);
    for (int i = 0; i < 2; i++) { /* one <bos>, whoever wrote it */
        const Problem problem = {.item = &task->train->items[i]};
        assert_int_equal(task_instance_prompt(task, &problem, &prompt, &error), STATUS_OK);
        assert_string_equal(prompt.text, task->train->items[i].problem);
        assert_int_equal(prompt.ids[0], bos);
        assert_int_not_equal(prompt.ids[1], bos);
        ids[i]     = prompt.ids;
        counts[i]  = prompt.count;
        prompt.ids = NULL;
    }
    assert_int_equal(counts[0], counts[1]);
    assert_memory_equal(ids[0], ids[1], counts[0] * sizeof *ids[0]);
    free(ids[0]);
    free(ids[1]);
    task_prompt_free(&prompt);
    task_instance_free(task);
    tokenizer_free(llama);
}

static void long_prompts_are_left_out(void **state)
{
    (void)state;
    Error       error     = {0};
    Tokenizer  *tokenizer = open_tokenizer(MODELS "/tiny-qwen2");
    const char *path =
        write_lines("{\"problem\":\"a\",\"answer\":1}\n"
                    "{\"problem\":\"a long one a long one a long one a long one a long one\",\"answer\":2}\n"
                    "{\"problem\":\"b\",\"answer\":3}\n");
    RunTask       config = settings(path, OVERRIDES("task.prompt=raw", "task.max_prompt_tokens=12"));
    TaskInstance *task   = open_task(&config);
    assert_int_equal(task_instance_prepare(task, tokenizer, MODELS "/tiny-qwen2", NULL, &error), STATUS_OK);
    assert_int_equal(task->train->count, 2);
    assert_int_equal(task->train->left_out, 1);
    assert_int_equal(task->train->left_out_line, 2);
    assert_string_equal(task->train->items[1].problem, "b");
    assert_true(task->prompt_tokens <= 12);
    task_instance_free(task);
    config.prompt = PROMPT_CHAT; /* the template's own words are too long already */
    task          = open_task(&config);
    assert_int_equal(task_instance_prepare(task, tokenizer, MODELS "/tiny-qwen2", NULL, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "task.max_prompt_tokens"));
    task_instance_free(task);
    tokenizer_free(tokenizer);
}

static void a_tokenizer_without_a_template_takes_raw_prompts_only(void **state)
{
    (void)state;
    Error         error     = {0};
    Tokenizer    *tokenizer = open_tokenizer(MODELS "/tiny-qwen2");
    const char   *nothing   = fixture_directory();
    RunTask       config    = settings(write_lines("{\"problem\":\"a\",\"answer\":1}\n"), NULL, 0);
    TaskInstance *task      = open_task(&config);
    assert_int_equal(task_instance_prepare(task, tokenizer, nothing, NULL, &error), STATUS_BAD_INPUT);
    task_instance_free(task);
    config.prompt = PROMPT_RAW;
    error         = (Error){0};
    task          = open_task(&config);
    assert_int_equal(task_instance_prepare(task, tokenizer, nothing, NULL, &error), STATUS_OK);
    assert_int_equal(task->end_token, -1);
    task_instance_free(task);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_items),
        cmocka_unit_test(a_bad_line_is_named),
        cmocka_unit_test(answers_that_only_text_can_match_are_counted),
        cmocka_unit_test(every_problem_comes_once_an_epoch),
        cmocka_unit_test(prompts_are_the_chat_templates),
        cmocka_unit_test(raw_prompts_are_taken_as_they_are),
        cmocka_unit_test(long_prompts_are_left_out),
        cmocka_unit_test(a_tokenizer_without_a_template_takes_raw_prompts_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
