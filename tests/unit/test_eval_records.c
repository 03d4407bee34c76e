/* Problems, records and summaries of an evaluation, on responses whose numbers can be counted by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/eval/fingerprint.h"
#include "rlsp/eval/summary.h"
#include "tests/support/fixture.h"

static const char data[] =
    "{\"problem\":\"a\",\"answer\":\"\\\\frac{1}{2}\",\"id\":\"first\",\"subject\":\"Halves\",\"level\":1}\n"
    "{\"problem\":\"b\",\"answer\":\"7\",\"id\":\"same\",\"subject\":\"Wholes\",\"level\":2}\n"
    "{\"problem\":\"c\",\"answer\":\"7\",\"subject\":\"Wholes\",\"level\":1}\n"
    "{\"problem\":\"d\",\"answer\":\"9\",\"id\":\"same\",\"level\":2}\n";

static TaskInstance *open_task(const char *text)
{
    const char *path = fixture_path(fixture_directory(), "data.jsonl");
    RunConfig   config;
    Error       error = {0};
    assert_int_equal(file_write_atomic(path, text, strlen(text), &error), STATUS_OK);
    assert_int_equal(run_config_parse("{}", "test", NULL, 0, &config, &error), STATUS_OK);
    config.task.kind = TASK_KIND_JSONL;
    snprintf(config.task.eval_data, sizeof config.task.eval_data, "%s", path);
    TaskInstance *task = task_instance_open(&config.task, &error);
    if (task == NULL) {
        fail_msg("%s", error.text);
    }
    return task;
}

static void problems_keep_their_order_and_their_rows(void **state)
{
    TaskInstance *task  = open_task(data);
    Error         error = {0};
    EvalProblems  problems;
    (void)state;
    assert_int_equal(eval_problems_open(&problems, task, &(EvalFilter){0}, 12345, &error), STATUS_OK);
    const char *const ids[] = {"first", "same (line 2)", "line 3", "same (line 4)"};
    assert_int_equal(problems.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(problems.list[i].row, i);
        assert_string_equal(problems.list[i].id, ids[i]);
        assert_int_equal(eval_problems_find(&problems, i), i);
    }
    assert_int_equal(eval_problems_find(&problems, 4), -1);
    assert_int_equal(eval_problems_find(&problems, 1.5), -1);
    assert_int_equal(eval_problems_find(&problems, -1), -1);
    assert_int_equal(eval_problems_find(&problems, NAN), -1);
    eval_problems_close(&problems);

    const EvalFilter filter = {.subjects      = (const char *[]){"wholes", "none"},
                               .subject_count = 2,
                               .levels        = (const char *[]){"1"},
                               .level_count   = 1};
    assert_int_equal(eval_problems_open(&problems, task, &filter, 1, &error), STATUS_OK);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.list[0].row, 2);
    assert_int_equal(eval_problems_find(&problems, 2), 0);
    assert_int_equal(eval_problems_find(&problems, 0), -1);
    eval_problems_close(&problems);

    const EvalFilter nothing = {.levels = (const char *[]){"5"}, .level_count = 1};
    assert_int_equal(eval_problems_open(&problems, task, &nothing, 1, &error), STATUS_BAD_INPUT);
    eval_problems_close(&problems);
    task_instance_free(task);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

enum { SAMPLES = 4 };

static const EvalColumn column = {.label = "T=1", .stage = "eval_T=1", .temperature = 1, .samples = SAMPLES};

/* What four problems get: votes by value, "wait" in two, one without an answer. */
static const char *const responses[4][SAMPLES] = {
    {"\\boxed{0.5}", "so \\boxed{3}", "\\boxed{1/2}", "wait, \\boxed{\\frac{2}{4}}"},
    {"\\boxed{8}", "\\boxed{7}", "\\boxed{x}", "wait, no"},
    {"no", "no", "no", "no \\boxed{7}"},
    {"\\boxed{8}", "\\boxed{8.0}", "\\boxed{9}", "\\boxed{9}"},
};

static void write_response(EvalRecords *records, const TaskInstance *task, Events *events, uint32_t problem,
                           uint32_t sample)
{
    const char        *text     = responses[problem][sample];
    Error              error    = {0};
    const EvalResponse response = {.request = {problem, sample},
                                   .prompt  = "prompt",
                                   .text    = text,
                                   .bytes   = strlen(text),
                                   .tokens  = 10 * (problem + 1) + sample,
                                   .stopped = sample != 3};
    assert_int_equal(eval_records_write(records, 0, &response, task->kind, events, &error), STATUS_OK);
}

static EvalRecords *new_records(const EvalProblems *problems)
{
    Error        error   = {0};
    EvalRecords *records = eval_records_new(problems, &column, 1, &error);
    assert_non_null(records);
    return records;
}

static EvalSummary sum_up(const EvalRecords *records, const TaskInstance *task)
{
    EvalSummary summary;
    Error       error = {0};
    assert_int_equal(
        eval_summary_make(&summary, records, 0, task->kind, &(EvalSummaryOptions){.seed = 3, .resamples = 100}, &error),
        STATUS_OK);
    return summary;
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12)) {
        fail_msg("%.17g, wanted %.17g", got, want);
    }
}

static void assert_counted_by_hand(const EvalSummary *s)
{
    const double share[] = {3.0 / 4, 1.0 / 4, 1.0 / 4, 2.0 / 4}; /* right of each problem */
    assert_near(s->result.accuracy, 7.0 / 16);
    assert_near(s->result.accuracy_stderr, eval_stderr(share, 4));
    assert_int_equal(s->k_count, 3);
    assert_int_equal(s->pass[1].k, 2);
    assert_near(s->pass[0].value, 7.0 / 16);
    assert_near(s->pass[1].value, (1 + 0.5 + 0.5 + (1 - 1.0 / 6)) / 4);
    assert_near(s->pass[2].value, 1);
    /* of two: 1/2 three times and a 3: (3 pairs of rights, 3 mixed that are shared) of 6; …; an answer beats none */
    assert_near(s->maj[1].value, ((3 + 1.5) / 6 + (0.5 + 0.5 + 1) / 6 + 3.0 / 6 + (1 + 2) / 6.0) / 4);
    /* of all in their order: 1/2; 8, seen first; 7, the only vote; 8, seen first of two pairs */
    assert_near(s->maj[2].value, 2.0 / 4);
    assert_int_equal(s->outcomes[0].classes, 2);
    assert_int_equal(s->outcomes[0].class_of[3], 0);
    assert_int_equal(s->outcomes[2].class_of[0], -1);
    assert_int_equal(s->outcomes[3].classes, 2);
    assert_int_equal(s->outcomes[3].winner, 0);
    assert_false(s->outcomes[3].majority);
    assert_int_equal(s->outcomes[2].winner, 3);
    assert_near(s->boxed, 12.0 / 16);
    assert_int_equal(s->parts[EVAL_PART_RIGHT].responses, 7);
    assert_int_equal(s->parts[EVAL_PART_WRONG].responses, 9);
    assert_near(s->parts[EVAL_PART_ALL].words[TRACE_WORDS_BACKTRACK], 2.0 / 16);
    assert_near(s->parts[EVAL_PART_RIGHT].words[TRACE_WORDS_BACKTRACK], 1.0 / 7);
    assert_near(s->parts[EVAL_PART_RIGHT].length, (10 + 12 + 13 + 21 + 33 + 42 + 43) / 7.0);
    assert_near(s->parts[EVAL_PART_RIGHT].length_p50, 21);
    assert_near(s->parts[EVAL_PART_ALL].truncated, 4.0 / 16);
    assert_near(s->parts[EVAL_PART_RIGHT].truncated, 3.0 / 7);
    assert_int_equal(s->group_count, 4);
    assert_string_equal(s->groups[0].name, "Halves");
    assert_string_equal(s->groups[1].name, "Wholes");
    assert_near(s->groups[1].accuracy, 1.0 / 4);
    assert_near(s->groups[1].maj_at_k, 1.0 / 2);
    assert_int_equal(s->groups[3].problems, 2);
    assert_near(s->groups[3].answered, 7.0 / 8); /* level 2 */
}

static void assert_same_point(const EvalPoint *a, const EvalPoint *b)
{
    assert_true(a->k == b->k && a->value == b->value && a->standard_error == b->standard_error);
    assert_true(a->interval.low == b->interval.low && a->interval.high == b->interval.high);
}

static void assert_same_bits(const EvalSummary *a, const EvalSummary *b)
{
    assert_int_equal(a->k_count, b->k_count);
    for (int i = 0; i < a->k_count; i++) {
        assert_same_point(&a->pass[i], &b->pass[i]);
        assert_same_point(&a->maj[i], &b->maj[i]);
    }
    for (int p = 0; p < EVAL_PARTS; p++) {
        assert_true(a->parts[p].length == b->parts[p].length && a->parts[p].length_p95 == b->parts[p].length_p95);
        assert_true(a->parts[p].repetition == b->parts[p].repetition);
        assert_memory_equal(a->parts[p].words, b->parts[p].words, sizeof a->parts[p].words);
    }
    assert_true(a->result.accuracy == b->result.accuracy && a->result.length_sd == b->result.length_sd);
}

static void append(const char *path, const char *text, size_t bytes)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

static void numbers_do_not_depend_on_when_the_responses_came(void **state)
{
    TaskInstance *task      = open_task(data);
    const char   *directory = fixture_directory(), *path = fixture_path(directory, "traces.jsonl");
    Error         error = {0};
    EvalProblems  problems;
    size_t        bytes;
    (void)state;
    assert_int_equal(eval_problems_open(&problems, task, &(EvalFilter){0}, 1, &error), STATUS_OK);
    EvalRecords *whole = new_records(&problems); /* nothing is written */
    for (uint32_t r = 0; r < 4 * SAMPLES; r++) {
        write_response(whole, task, NULL, r / SAMPLES, r % SAMPLES);
    }
    EvalSummary wanted = sum_up(whole, task);
    assert_counted_by_hand(&wanted);

    /* In two calls and another order, with a torn line between them. */
    Events      *events = events_open(directory, NULL, &error);
    EvalRecords *first  = new_records(&problems);
    for (uint32_t r = 0; r < 7; r++) {
        write_response(first, task, events, r * 5 % 16 / SAMPLES, r * 5 % 16 % SAMPLES);
    }
    events_close(events);
    char *text = fixture_text(path, &bytes);
    append(path, text, 100); /* of its first line */
    events              = events_open(directory, NULL, &error);
    EvalRecords *second = new_records(&problems);
    assert_int_equal(eval_records_read(second, directory, &error), STATUS_OK);
    assert_int_equal(second->done, 7);
    assert_int_equal(second->correct, first->correct);
    assert_int_equal(second->tokens, first->tokens);
    for (uint32_t r = 7; r < 16; r++) {
        assert_false(eval_record_at(second, 0, r * 5 % 16 / SAMPLES, r * 5 % 16 % SAMPLES)->done);
        write_response(second, task, events, r * 5 % 16 / SAMPLES, r * 5 % 16 % SAMPLES);
    }
    events_close(events);
    EvalSummary resumed = sum_up(second, task);
    assert_same_bits(&resumed, &wanted);

    /* What is there twice counts once, what belongs to nothing not at all. */
    append(path, text, bytes);
    const char *const foreign[] = {
        "{\"event\":\"trace\",\"stage\":\"eval_T=1\",\"row\":9,\"sample\":0,\"verdict\":\"correct\",\"tokens\":1}\n",
        "{\"event\":\"trace\",\"stage\":\"eval_T=1\",\"row\":0,\"sample\":0.5,\"verdict\":\"correct\",\"tokens\":1}\n",
        "{\"event\":\"trace\",\"stage\":\"eval_T=1\",\"row\":0,\"sample\":4,\"verdict\":\"correct\",\"tokens\":1}\n",
        "{\"event\":\"trace\",\"stage\":\"eval\",\"row\":0,\"sample\":0,\"verdict\":\"correct\",\"tokens\":1}\n",
        "{\"event\":\"trace\",\"stage\":\"eval_T=1\",\"sample\":0,\"verdict\":\"correct\",\"tokens\":1}\n",
        "[]\n",
        "\n"};
    for (size_t i = 0; i < 7; i++) {
        append(path, foreign[i], strlen(foreign[i]));
    }
    EvalRecords *third = new_records(&problems);
    assert_int_equal(eval_records_read(third, directory, &error), STATUS_OK);
    assert_int_equal(third->done, 16);
    assert_int_equal(third->repeated, 7);
    assert_int_equal(third->foreign, 7);
    EvalSummary again = sum_up(third, task);
    assert_same_bits(&again, &wanted);

    EvalSummary *const summaries[] = {&wanted, &resumed, &again};
    EvalRecords *const records[]   = {whole, first, second, third};
    for (int i = 0; i < 3; i++) {
        eval_summary_free(summaries[i]);
    }
    for (int i = 0; i < 4; i++) {
        eval_records_free(records[i]);
    }
    free(text);
    eval_problems_close(&problems);
    task_instance_free(task);
}

/* --- fingerprints ------------------------------------------------------------------------------------------------- */

static void write_file(const char *directory, const char *name, const char *text)
{
    Error error = {0};
    assert_int_equal(file_write_atomic(fixture_path(directory, name), text, strlen(text), &error), STATUS_OK);
}

static void a_model_is_named_by_what_its_files_hold(void **state)
{
    const char *model = fixture_directory(), *adapter = fixture_directory();
    char        sum[SHA256_HEX], other[SHA256_HEX], line[SHA256_HEX], wanted[SHA256_HEX];
    Sha256      sha;
    Error       error = {0};
    (void)state;
    write_file(model, "config.json", "abc");
    write_file(model, "model.safetensors", "");
    write_file(model, "README.md", "says nothing");
    assert_int_equal(fingerprint_model(model, NULL, sum, &error), STATUS_OK);
    /* sha256sum config.json model.safetensors | sha256sum */
    sha256_begin(&sha);
    assert_int_equal(sha256_file(fixture_path(model, "config.json"), line, &error), STATUS_OK);
    sha256_add(&sha, line, 64);
    sha256_add(&sha, "  config.json\n", 14);
    sha256_add(&sha, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  model.safetensors\n", 84);
    sha256_end(&sha, wanted);
    assert_string_equal(sum, wanted);
    write_file(model, "README.md", "nothing again");
    assert_int_equal(fingerprint_model(model, NULL, other, &error), STATUS_OK);
    assert_string_equal(sum, other);
    write_file(adapter, "adapter_model.safetensors", "x");
    assert_int_equal(fingerprint_model(model, adapter, other, &error), STATUS_OK);
    assert_string_not_equal(sum, other);
    write_file(model, "chat_template.jinja", "x");
    assert_int_equal(fingerprint_model(model, NULL, other, &error), STATUS_OK);
    assert_string_not_equal(sum, other);
    assert_int_equal(fingerprint_model(fixture_path(model, "none"), NULL, other, &error), STATUS_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_keep_their_order_and_their_rows),
        cmocka_unit_test(numbers_do_not_depend_on_when_the_responses_came),
        cmocka_unit_test(a_model_is_named_by_what_its_files_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
