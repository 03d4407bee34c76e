/* SFT batches: ids and texts of a JSONL file, errors by line, epochs, and demonstrations' weights. Conversations are
 * test_sft_example.c's, how lines make up steps is test_sft_file.c's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/task/task_tokenizer.h"
#include "rlsp/train/sft_data.h"
#include "tests/support/fixture.h"

enum { EOS = 77, CONTEXT = 64, VOCAB = 384 };

static Tokenizer *tokenizer;
static TaskConfig countdown;

static int open_all(void **state)
{
    (void)state;
    Error error = {0};
    countdown   = (TaskConfig){.intuition = -1};
    tokenizer   = tokenizer_open(TEST_DATA "/parity/models/tiny-llama", &error);
    return tokenizer != NULL && task_config_resolve(&task_countdown, &countdown, &error) == STATUS_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    tokenizer_free(tokenizer);
    return 0;
}

/* A phase that reads `text` from a file. */
static SftPhase phase_of(const char *text, uint32_t batch_size)
{
    static int number;
    char       name[32];
    Error      error = {0};
    SftPhase   phase = {.batch_size     = batch_size,
                        .prompt         = PROMPT_RAW,
                        .prompt_key     = "prompt",
                        .completion_key = "completion",
                        .messages_key   = "messages",
                        .text_key       = "text"};
    snprintf(name, sizeof name, "data-%d.jsonl", ++number);
    snprintf(phase.data, sizeof phase.data, "%s", fixture_path(fixture_directory(), name));
    assert_int_equal(file_write_atomic(phase.data, text, strlen(text), &error), STATUS_OK);
    return phase;
}

static SftSource *source_of(const SftPhase *phase, Error *error)
{
    return sft_source_new(&(SftSetup){.phase       = phase,
                                      .task        = &task_countdown,
                                      .task_config = &countdown,
                                      .tokenizer   = tokenizer,
                                      .directory   = TEST_DATA "/parity/models/tiny-llama",
                                      .eos         = EOS,
                                      .context     = CONTEXT,
                                      .vocab_size  = VOCAB,
                                      .seed        = 5},
                          error);
}

static SftSource *open_source(const SftPhase *phase)
{
    Error      error  = {0};
    SftSource *source = source_of(phase, &error);
    if (source == NULL) {
        fail_msg("%s", error.text);
    }
    return source;
}

static void step_of(SftSource *source, uint32_t step, SftBatch *batch)
{
    Error error = {0};
    if (sft_source_step(source, step, batch, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

static void check_sequence(const SftBatch *batch, uint32_t s, const int32_t *ids, const double *weights, uint32_t count)
{
    const uint32_t first = batch->starts[s];
    assert_int_equal(batch->starts[s + 1] - first, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(batch->ids[first + i], ids[i]);
        assert_true(fabs((double)batch->weight[first + i] - weights[i]) < 1e-7);
    }
}

static void ids_and_labels_are_taken_as_they_are(void **state)
{
    (void)state;
    /* Two targets in the first line, three in the second (no labels: all, but nothing predicts the first). */
    SftPhase   phase  = phase_of("{\"ids\":[5,6,7,8],\"labels\":[5,-100,7,8]}\n"
                                    "\n"
                                    "{\"ids\":[9,10,11,12]}",
                                 2);
    SftSource *source = open_source(&phase);
    SftBatch   batch  = {0};
    assert_int_equal(sft_source_longest(source), 4);
    step_of(source, 0, &batch);
    assert_int_equal(batch.sequences, 2);
    assert_int_equal(batch.targets, 5);
    check_sequence(&batch, 0, (int32_t[]){5, 6, 7, 8}, (double[]){0, 0, 0.2, 0.2}, 4);
    check_sequence(&batch, 1, (int32_t[]){9, 10, 11, 12}, (double[]){0, 0.2, 0.2, 0.2}, 4);
    sft_batch_free(&batch);
    sft_source_free(source);
}

static void texts_are_tokenized_and_ended(void **state)
{
    (void)state;
    SftPhase phase = phase_of("{\"prompt\":\"2 + 2\",\"completion\":\" is four\"}\n{\"text\":\"2 + 2 is four\"}\n", 2);
    SftSource *source = open_source(&phase);
    SftBatch   batch  = {0};
    Error      error  = {0};
    int32_t   *prompt, *completion, *text;
    size_t     prompts, completions, texts;
    assert_int_equal(tokenizer_encode(tokenizer, "2 + 2", 5, true, &prompt, &prompts, &error), STATUS_OK);
    assert_int_equal(tokenizer_encode(tokenizer, " is four", 8, false, &completion, &completions, &error), STATUS_OK);
    assert_int_equal(tokenizer_encode(tokenizer, "2 + 2 is four", 13, true, &text, &texts, &error), STATUS_OK);
    step_of(source, 0, &batch);
    const double each =
        1.0 / (double)(completions + 1 + texts); /* the end tokens are targets, the first token of the text is not */
    int32_t  ids[64];
    double   weights[64];
    uint32_t count = 0;
    for (size_t i = 0; i < prompts; i++) {
        ids[count]       = prompt[i];
        weights[count++] = 0.0;
    }
    for (size_t i = 0; i < completions; i++) {
        ids[count]       = completion[i];
        weights[count++] = each;
    }
    ids[count]       = EOS;
    weights[count++] = each;
    check_sequence(&batch, 0, ids, weights, count);
    for (count = 0; count < texts; count++) {
        ids[count]     = text[count];
        weights[count] = count > 0 ? each : 0.0;
    }
    ids[count]       = EOS;
    weights[count++] = each;
    check_sequence(&batch, 1, ids, weights, count);
    free(prompt);
    free(completion);
    free(text);
    sft_batch_free(&batch);
    sft_source_free(source);
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } cases[] = {
        {"", ".jsonl: ", "no examples"},
        {"\n \n", ".jsonl: ", "no examples"},
        {"{\"ids\":[1]}", ".jsonl: ", "no examples"},
        {"{\"ids\":[1,2]}\nnonsense\n", ".jsonl:2", ""},
        {"{\"ids\":[1,2]}\n\n[1,2]\n", ".jsonl:3", ""},
        {"{\"ids\":[1,2]}\n{\"ids\":[1,2]", ".jsonl:2", ""},
        {"{\"ids\":[1,2,384]}", ".jsonl:1", "vocabulary of 384"},
        {"{\"ids\":[1,-2]}", ".jsonl:1", "non-negative"},
        {"{\"ids\":[1,2.5]}", ".jsonl:1", "non-negative"},
        {"{\"ids\":[1,\"2\"]}", ".jsonl:1", "non-negative"},
        {"{\"ids\":7}", ".jsonl:1", "ids"},
        {"{\"ids\":[1,2],\"labels\":[1]}", ".jsonl:1", "labels"},
        {"{\"ids\":[1,2],\"labels\":[1,2,3]}", ".jsonl:1", "more 'labels' than 'ids'"},
        {"{\"ids\":[1,2],\"labels\":[1,3]}", ".jsonl:1", "each the id at its place or -100"},
        {"{\"ids\":[1,2],\"labels\":[1,null]}", ".jsonl:1", "labels"},
        {"{\"prompt\":\"a\"}", ".jsonl:1", "completion"},
        {"{\"prompt\":true,\"completion\":\"b\"}", ".jsonl:1", "prompt"},
        {"{\"text\":[]}", ".jsonl:1", "text"},
        {"{\"words\":\"a\"}", ".jsonl:1", "needs \"ids\", \"messages\", \"text\", or \"prompt\" and \"completion\""},
        {"{\"ids\":[1,2]}\n{\"ids\":[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,"
         "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,"
         "6,7,8,9,0,1,2,3,4]}",
         ".jsonl:2", "65 tokens, more than the model's context of 64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SftPhase   phase  = phase_of(cases[i].text, 1);
        Error      error  = {0};
        SftSource *source = source_of(&phase, &error);
        if (source != NULL) {
            fail_msg("case %zu is taken", i);
        }
        if (error.status != STATUS_BAD_INPUT || strstr(error.text, cases[i].where) == NULL ||
            strstr(error.text, cases[i].what) == NULL || strchr(error.text, '\n') != NULL) {
            fail_msg("case %zu: status %d, \"%s\"; wanted \"%s\" and \"%s\"", i, error.status, error.text,
                     cases[i].where, cases[i].what);
        }
    }
    SftPhase missing = {.data = "/nonexistent/data.jsonl", .batch_size = 1};
    Error    error   = {0};
    assert_null(source_of(&missing, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "/nonexistent/data.jsonl"));
}

static void long_and_short_lines_are_left_out_and_counted(void **state)
{
    (void)state;
    SftPhase phase    = phase_of("{\"ids\":[1,2,3,4,5]}\n{\"ids\":[6]}\n{\"ids\":[7,8]}\n{\"ids\":[1,2,3]}\n", 2);
    phase.max_length  = 3;
    SftSource *source = open_source(&phase);
    SftBatch   batch  = {0};
    assert_int_equal(sft_source_counts(source)->too_long + sft_source_counts(source)->too_short, 2);
    assert_int_equal(sft_source_longest(source), 3);
    step_of(source, 0, &batch);
    check_sequence(&batch, 0, (int32_t[]){7, 8}, (double[]){0, 1.0 / 3}, 2);
    check_sequence(&batch, 1, (int32_t[]){1, 2, 3}, (double[]){0, 1.0 / 3, 1.0 / 3}, 3);
    sft_batch_free(&batch);
    sft_source_free(source);
}

/* 7 lines, batches of 3: every epoch holds each line once, in its own order, and a step is the same
 * however it is reached. */
static void epochs_are_permutations(void **state)
{
    (void)state;
    enum { LINES = 7, BATCH = 3, EPOCHS = 6 };
    SftPhase phase = phase_of("{\"ids\":[10,1]}\n{\"ids\":[11,1]}\n{\"ids\":[12,1]}\n{\"ids\":[13,1]}\n{\"ids\":[14,1]}"
                              "\n{\"ids\":[15,1]}\n{\"ids\":[16,1]}\n",
                              BATCH);
    phase.shuffle  = true;
    SftSource *source = open_source(&phase), *other = open_source(&phase);
    SftBatch   batch = {0};
    int        drawn[EPOCHS * LINES], differ = 0;
    for (uint32_t step = 0; step < EPOCHS * LINES / BATCH; step++) {
        step_of(source, step, &batch);
        for (uint32_t s = 0; s < BATCH; s++) {
            drawn[step * BATCH + s] = batch.ids[batch.starts[s]] - 10;
        }
    }
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        int seen[LINES] = {0};
        for (int i = 0; i < LINES; i++) {
            seen[drawn[epoch * LINES + i]]++;
            differ += drawn[epoch * LINES + i] != drawn[i];
        }
        for (int i = 0; i < LINES; i++) {
            assert_int_equal(seen[i], 1);
        }
    }
    assert_true(differ > EPOCHS); /* shuffled anew */
    step_of(other, 9, &batch);    /* a resumed run starts here */
    for (int s = 0; s < BATCH; s++) {
        assert_int_equal(batch.ids[batch.starts[s]] - 10, drawn[9 * BATCH + s]);
    }
    sft_batch_free(&batch);
    sft_source_free(source);
    sft_source_free(other);
}

/* A tokenizer of the task's own pieces, as a run makes it. */
static Tokenizer *task_tokenizer(void)
{
    const char *directory = fixture_directory();
    Error       error     = {0};
    assert_int_equal(task_tokenizer_build(&task_countdown, &countdown, 256, directory, &error), STATUS_OK);
    Tokenizer *built = tokenizer_open(directory, &error);
    assert_non_null(built);
    return built;
}

static void demonstrations_weigh_one_and_rows_their_share(void **state)
{
    (void)state;
    Tokenizer    *own   = task_tokenizer();
    SftPhase      phase = {.data            = "task",
                           .batch_size      = 6,
                           .listing_rows    = 4,
                           .row_attempts    = 2,
                           .row_loss        = 0.25,
                           .row_copy_weight = 0.5,
                           .search          = 0.5,
                           .qd              = 0.5,
                           .qt              = 0.3,
                           .giveup          = 0.2,
                           .kmax            = 4,
                           .check           = 0.3,
                           .verdict_weight  = 5};
    Error         error = {0};
    const int32_t eos = tokenizer_token_id(own, "<eos>"), bos = tokenizer_token_id(own, "<bos>");
    SftSetup      setup  = {.phase       = &phase,
                            .task        = &task_countdown,
                            .task_config = &countdown,
                            .tokenizer   = own,
                            .directory   = "/nonexistent",
                            .eos         = eos,
                            .context     = 512,
                            .vocab_size  = 141,
                            .seed        = 5};
    SftSource    *source = sft_source_new(&setup, &error);
    if (source == NULL) {
        fail_msg("%s", error.text);
    }
    SftBatch batch = {0}, again = {0};
    for (uint32_t step = 0; step < 3; step++) {
        step_of(source, step, &batch);
        assert_int_equal(batch.sequences, 10);
        double sums[2] = {0, 0};
        for (uint32_t s = 0; s < batch.sequences; s++) {
            assert_int_equal(batch.ids[batch.starts[s]], bos);
            assert_int_equal(batch.ids[batch.starts[s + 1] - 1], eos);
            for (uint32_t i = batch.starts[s]; i < batch.starts[s + 1]; i++) {
                sums[s >= 6] += (double)batch.weight[i];
            }
            for (uint32_t i = batch.starts[s]; i < batch.starts[s] + task_prompt_tokens(&countdown) && s < 6; i++) {
                assert_true(batch.weight[i] == 0.0f); /* no loss on the prompt */
            }
        }
        assert_true(fabs(sums[0] - 1.0) < 1e-5);
        assert_true(fabs(sums[1] - 0.25) < 1e-5);
    }
    step_of(source, 1, &again);
    step_of(source, 1, &batch);
    assert_memory_equal(again.ids, batch.ids, batch.starts[10] * sizeof *batch.ids);
    assert_memory_equal(again.weight, batch.weight, batch.starts[10] * sizeof *batch.weight);
    step_of(source, 2, &batch);
    assert_true(again.starts[10] != batch.starts[10] ||
                memcmp(again.ids, batch.ids, batch.starts[10] * sizeof *batch.ids) != 0);
    sft_batch_free(&batch);
    sft_batch_free(&again);
    sft_source_free(source);

    setup.context = 12;
    SftBatch none = {0};
    source        = sft_source_new(&setup, &error);
    assert_non_null(source);
    assert_int_equal(sft_source_longest(source), 12);
    assert_int_equal(sft_source_step(source, 0, &none, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "the model's context is 12"));
    sft_batch_free(&none);
    sft_source_free(source);
    tokenizer_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_labels_are_taken_as_they_are),
        cmocka_unit_test(texts_are_tokenized_and_ended),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(long_and_short_lines_are_left_out_and_counted),
        cmocka_unit_test(epochs_are_permutations),
        cmocka_unit_test(demonstrations_weigh_one_and_rows_their_share),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
