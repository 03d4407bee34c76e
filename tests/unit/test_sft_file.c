/* Which lines of a file make up which step: passes, steps of like cost, going on, what is left out; from the file as it
 * is, whatever its size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/random.h"
#include "rlsp/train/sft_file.h"
#include "tests/support/fixture.h"

enum { CONTEXT = 4096, VOCAB = 100000 };

static Tokenizer *tokenizer;
static Error      no_chat;

static int open_all(void **state)
{
    (void)state;
    Error error = {0};
    tokenizer   = tokenizer_open(TEST_DATA "/parity/models/tiny-llama", &error);
    return tokenizer != NULL ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    tokenizer_free(tokenizer);
    return 0;
}

static SftPhase   phase;
static SftEncoder encoder;

static void set_up(const char *name)
{
    phase   = (SftPhase){.batch_size     = 4,
                         .shuffle        = true,
                         .prompt_key     = "prompt",
                         .completion_key = "completion",
                         .messages_key   = "messages",
                         .text_key       = "text"};
    encoder = (SftEncoder){&phase, tokenizer, NULL, &no_chat, 7, CONTEXT, VOCAB};
    snprintf(phase.data, sizeof phase.data, "%s", fixture_path(fixture_directory(), name));
}

/* Line i has lengths[i] tokens, the first of them i. */
static void write_lines(const uint32_t *lengths, uint32_t lines)
{
    FILE *file = fopen(phase.data, "w");
    assert_non_null(file);
    for (uint32_t i = 0; i < lines; i++) {
        fprintf(file, "{\"ids\":[%u", i);
        for (uint32_t t = 1; t < lengths[i]; t++) {
            fputs(",1", file);
        }
        fputs("]}\n", file);
    }
    assert_int_equal(fclose(file), 0);
}

static SftFile *open_lines(uint64_t seed)
{
    Error    error = {0};
    SftFile *file  = sft_file_open(&encoder, seed, 0, &error);
    if (file == NULL) {
        fail_msg("%s", error.text);
    }
    return file;
}

static void step_of(SftFile *file, uint32_t step, SftBatch *batch)
{
    Error error = {0};
    if (sft_file_step(file, step, batch, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

static void assert_same_batch(const SftBatch *a, const SftBatch *b)
{
    assert_int_equal(a->sequences, b->sequences);
    assert_memory_equal(a->starts, b->starts, (a->sequences + 1) * sizeof *a->starts);
    assert_memory_equal(a->ids, b->ids, a->starts[a->sequences] * sizeof *a->ids);
    assert_memory_equal(a->weight, b->weight, a->starts[a->sequences] * sizeof *a->weight);
    assert_true(a->targets == b->targets);
}

/* Lengths between 2 and 400, most of them short. */
static void draw_lengths(uint32_t *lengths, uint32_t lines)
{
    Random random = random_stream(3, RANDOM_TEST, 0, 0);
    for (uint32_t i = 0; i < lines; i++) {
        const double u = random_uniform(&random);
        lengths[i]     = 2 + (uint32_t)(398 * u * u * u);
    }
}

static void steps_fill_their_tokens(void **state)
{
    (void)state;
    enum { LINES = 1000, TOKENS = 1500, STEPS = 200 };
    static uint32_t lengths[LINES], seen[LINES];
    set_up("tokens.jsonl");
    draw_lengths(lengths, LINES);
    write_lines(lengths, LINES);
    phase.batch_tokens = TOKENS;
    SftFile *file      = open_lines(1);
    SftBatch batch     = {0};
    uint64_t sum = 0, all = 0;
    uint32_t least = UINT32_MAX, steps = 0;
    Error    error = {0};
    for (uint32_t i = 0; i < LINES; i++) {
        all += lengths[i];
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        step_of(file, step, &batch);
        const uint32_t tokens = batch.starts[batch.sequences];
        assert_true(tokens <= TOKENS);
        least = tokens < least ? tokens : least;
        sum += tokens;
        for (uint32_t s = 0; s < batch.sequences; s++) {
            const uint32_t line = (uint32_t)batch.ids[batch.starts[s]];
            assert_int_equal(batch.starts[s + 1] - batch.starts[s], lengths[line]);
            seen[line]++;
        }
    }
    assert_true(least > TOKENS * 9 / 10);                   /* steps of like cost */
    assert_true(sum > (uint64_t)STEPS * TOKENS * 94 / 100); /* and full */
    const uint32_t passes = (uint32_t)(sum / all);
    for (uint32_t i = 0; i < LINES; i++) { /* the last windows of two passes overlap, not more */
        assert_true(seen[i] >= passes && seen[i] <= passes + 1);
    }
    assert_int_equal(sft_file_steps(file, 2, &steps, &error), STATUS_OK);
    assert_true(steps >= 2 * all / TOKENS && steps <= 2 * all / TOKENS * 107 / 100);
    sft_batch_free(&batch);
    sft_file_free(file);
}

/* Lines of more than half a step: no two go together. A line of more than a step has one of its own. */
static void long_lines_are_not_put_together(void **state)
{
    (void)state;
    enum { LINES = 40, TOKENS = 1000 };
    uint32_t lengths[LINES];
    for (int i = 0; i < LINES; i++) {
        lengths[i] = 600;
    }
    set_up("long.jsonl");
    write_lines(lengths, LINES);
    phase.batch_tokens = TOKENS;
    SftFile *file      = open_lines(1);
    SftBatch batch     = {0};
    for (uint32_t step = 0; step < 2 * LINES; step++) {
        step_of(file, step, &batch);
        assert_int_equal(batch.sequences, 1);
    }
    sft_file_free(file);
    lengths[7] = 1500;
    write_lines(lengths, LINES);
    file = open_lines(1);
    for (uint32_t step = 0; step < 2 * LINES; step++) {
        step_of(file, step, &batch);
        assert_true(batch.starts[batch.sequences] <= 1500);
    }
    sft_batch_free(&batch);
    sft_file_free(file);
}

/* From the number of the step alone, or from a place that was saved: the same step. */
static void any_step_is_found_again(void **state)
{
    (void)state;
    enum { LINES = 300, STEPS = 90 };
    static uint32_t lengths[LINES];
    set_up("again.jsonl");
    draw_lengths(lengths, LINES);
    lengths[17] = 1; /* left out */
    lengths[99] = 500;
    write_lines(lengths, LINES);
    phase.max_length = 450;
    for (int way = 0; way < 4; way++) {
        phase.batch_tokens = way % 2 == 0 ? 0 : 700;
        phase.check_data   = way < 2 ? CHECK_ALL : CHECK_SAMPLE;
        SftFile *file = open_lines(9), *other = open_lines(9);
        SftBatch batch = {0}, again = {0};
        SftPlace places[STEPS];
        assert_int_equal(sft_file_counts(file)->too_short, 1);
        assert_int_equal(sft_file_counts(file)->too_long, 1);
        for (uint32_t step = 0; step < STEPS; step++) {
            step_of(file, step, &batch);
            places[step] = sft_file_place(file);
        }
        static const uint32_t order[] = {57, 3, 88, 0, 89, 41};
        for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
            step_of(file, order[i], &batch);
            step_of(other, order[i], &again);
            assert_same_batch(&batch, &again);
            SftFile *resumed = open_lines(9);
            sft_file_go(resumed, places[order[i]]);
            step_of(resumed, order[i], &again);
            assert_same_batch(&batch, &again);
            assert_true(sft_file_place(resumed).begin > 0 || order[i] < 16);
            sft_file_free(resumed);
        }
        sft_batch_free(&batch);
        sft_batch_free(&again);
        sft_file_free(file);
        sft_file_free(other);
    }
}

static void seeds_and_phases_have_orders_of_their_own(void **state)
{
    (void)state;
    enum { LINES = 64 };
    uint32_t lengths[LINES];
    for (uint32_t i = 0; i < LINES; i++) {
        lengths[i] = 3;
    }
    set_up("orders.jsonl");
    write_lines(lengths, LINES);
    phase.batch_size = LINES;
    SftFile *one = open_lines(1), *two = open_lines(2);
    SftBatch a = {0}, b = {0};
    step_of(one, 0, &a);
    step_of(two, 0, &b);
    assert_true(memcmp(a.ids, b.ids, LINES * 3 * sizeof *a.ids) != 0);
    step_of(one, 1, &b);
    assert_true(memcmp(a.ids, b.ids, LINES * 3 * sizeof *a.ids) != 0);
    sft_file_free(two);
    Error error = {0};
    two         = sft_file_open(&encoder, 1, 1, &error);
    assert_non_null(two);
    step_of(two, 0, &b);
    assert_true(memcmp(a.ids, b.ids, LINES * 3 * sizeof *a.ids) != 0);
    sft_file_free(two);
    phase.shuffle = false;
    two           = open_lines(1);
    step_of(two, 0, &b);
    for (int32_t i = 0; i < LINES; i++) {
        assert_int_equal(b.ids[3 * i], i);
    }
    sft_batch_free(&a);
    sft_batch_free(&b);
    sft_file_free(one);
    sft_file_free(two);
}

static void write_text(const char *text)
{
    Error error = {0};
    assert_int_equal(file_write_atomic(phase.data, text, strlen(text), &error), STATUS_OK);
}

/* Of many bad lines the first is named, whatever thread came to it; or all are skipped and counted. */
static void bad_lines_stop_or_are_skipped(void **state)
{
    (void)state;
    enum { LINES = 3000 };
    set_up("bad.jsonl");
    FILE *writer = fopen(phase.data, "w");
    assert_non_null(writer);
    for (int i = 0; i < LINES; i++) {
        fputs(i % 7 == 5 ? "{\"ids\":[1,2}\n" : "{\"ids\":[1,2,3]}\n", writer);
    }
    assert_int_equal(fclose(writer), 0);
    for (int round = 0; round < 5; round++) {
        Error error = {0};
        assert_null(sft_file_open(&encoder, 1, 0, &error));
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "bad.jsonl:6: column 12: "));
    }
    phase.on_error              = ON_ERROR_SKIP;
    SftFile             *file   = open_lines(1);
    const SftFileCounts *counts = sft_file_counts(file);
    SftBatch             batch  = {0};
    assert_int_equal(counts->bad, (LINES + 1) / 7);
    assert_int_equal(counts->used, LINES - (LINES + 1) / 7);
    assert_int_equal(counts->first_bad, 6);
    assert_non_null(strstr(counts->first_bad_text, "bad.jsonl:6: "));
    for (uint32_t step = 0; step < 1000; step++) {
        step_of(file, step, &batch);
        assert_int_equal(batch.sequences, 4);
    }
    sft_batch_free(&batch);
    sft_file_free(file);
}

/* Two threads find one bad line each, the later line after the earlier: the earlier is told. */
static void the_first_of_two_is_told(void **state)
{
    (void)state;
    enum { LINES = 64, TOKENS = 10000 };
    uint32_t lengths[LINES];
    for (int i = 0; i < LINES; i++) {
        lengths[i] = TOKENS; /* slow enough for all threads to have begun */
    }
    set_up("two.jsonl");
    write_lines(lengths, LINES);
    size_t bytes, at = 0;
    char  *text = fixture_text(phase.data, &bytes);
    for (int i = 0; i < LINES; i++) {
        char *line = text + at;
        at         = (size_t)(strchr(line, '\n') - text) + 1;
        if (i == 2 || i % 16 == 15) {
            text[at - 3] = 'x'; /* for the bracket that ends the ids */
        }
    }
    FILE *writer = fopen(phase.data, "w");
    assert_non_null(writer);
    assert_true(fwrite(text, 1, bytes, writer) == bytes && fclose(writer) == 0);
    encoder.context = 2 * TOKENS;
    for (int round = 0; round < 5; round++) {
        Error error = {0};
        assert_null(sft_file_open(&encoder, 1, 0, &error));
        assert_non_null(strstr(error.text, "two.jsonl:3: "));
    }
    free(text);
}

static void nothing_to_learn_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"\n\n", "no examples: the file is empty"},
        {"{\"ids\":[1]}\n{\"ids\":[1,2,3]}\n{\"ids\":[1,2],\"labels\":[1,-100]}\nx\n",
         "no examples: of 4 lines 1 are longer than max_length, 1 shorter than two tokens, 1 without a token to learn, "
         "1 bad, the first: "},
    };
    set_up("nothing.jsonl");
    phase.max_length = 2;
    phase.on_error   = ON_ERROR_SKIP;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error error = {0};
        write_text(cases[i].text);
        assert_null(sft_file_open(&encoder, 1, 0, &error));
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        if (strstr(error.text, cases[i].what) == NULL) {
            fail_msg("case %zu: %s", i, error.text);
        }
    }
}

/* With a sample, a line is looked at when its turn comes: what is wrong with it is said then. */
static void a_sample_is_looked_at(void **state)
{
    (void)state;
    enum { LINES = 5000, BAD = 4321 };
    set_up("sample.jsonl");
    FILE *writer = fopen(phase.data, "w");
    assert_non_null(writer);
    for (int i = 0; i < LINES; i++) {
        fputs(i == BAD     ? "{\"ids\":[1,\"2\"]}\n"
              : i % 2 == 0 ? "{\"ids\":[1,2,3]}\n"
                           : "{\"ids\":[1,2,3,4,5]}\n",
              writer);
    }
    assert_int_equal(fclose(writer), 0);
    phase.check_data = CHECK_SAMPLE;
    phase.max_length = 4;
    phase.shuffle    = false;
    phase.batch_size = 10;
    SftFile *file    = open_lines(1);
    SftBatch batch   = {0};
    Error    error   = {0};
    uint32_t step    = 0;
    assert_int_equal(sft_file_counts(file)->checked, 1000);
    assert_int_equal(sft_file_longest(file), 4); /* all that can be said */
    Status status;
    while ((status = sft_file_step(file, step, &batch, &error)) == STATUS_OK && step < LINES) {
        assert_int_equal(batch.sequences, 10);
        step++;
    }
    assert_int_equal(status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "sample.jsonl:4322: "));
    assert_int_equal(step, BAD / 20); /* every second line is too long */
    sft_batch_free(&batch);
    sft_file_free(file);
}

static void a_line_that_changes_is_noticed(void **state)
{
    (void)state;
    set_up("changes.jsonl");
    write_text("{\"ids\":[1,2,3]}\n{\"ids\":[1,2,3]}\n");
    SftFile *file   = open_lines(1);
    SftBatch batch  = {0};
    Error    error  = {0};
    FILE    *writer = fopen(phase.data, "r+");
    assert_non_null(writer);
    fputs("{\"ids\":[1, 23]}", writer); /* as long as it was, in place */
    assert_int_equal(fclose(writer), 0);
    assert_int_equal(sft_file_step(file, 0, &batch, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "has changed"));
    sft_batch_free(&batch);
    sft_file_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_fill_their_tokens),        cmocka_unit_test(long_lines_are_not_put_together),
        cmocka_unit_test(any_step_is_found_again),        cmocka_unit_test(seeds_and_phases_have_orders_of_their_own),
        cmocka_unit_test(bad_lines_stop_or_are_skipped),  cmocka_unit_test(the_first_of_two_is_told),
        cmocka_unit_test(nothing_to_learn_is_an_error),   cmocka_unit_test(a_sample_is_looked_at),
        cmocka_unit_test(a_line_that_changes_is_noticed),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
