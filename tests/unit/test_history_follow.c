/* history, and the reader of events: files that grow, are torn, cut back or put there anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/run_folder.h"

static void cut(const char *name, long bytes)
{
    assert_int_equal(truncate(folder_path(name), bytes), 0);
}

/* --- growing */

static void test_a_run_that_begins(void **state)
{
    (void)state;
    folder_put("config.json", "w", "{\"name\":\"young\",\"task\":{\"kind\":\"countdown\"},\"stages\":[\"rl\"]}");
    History *history = folder_open();
    assert_string_equal(history_state(history)->name, "young");
    assert_string_equal(history_state(history)->task, "countdown");
    assert_true(!history_state(history)->started && history_loaded(history) == 1);
    folder_steps("w", 1, 3, 1);
    folder_traces("w", 1, 3, 2);
    assert_false(history_update(history, 0));
    folder_check_rewards(history, 3, 100);
    assert_int_equal(history_trace_count(history), 6);
    assert_true(history_state(history)->started);
    folder_steps("a", 4, 5, 1);
    folder_traces("a", 4, 5, 2);
    history_update(history, 0);
    folder_check_rewards(history, 5, 100);
    assert_int_equal(history_trace_count(history), 10);
    assert_string_equal(history_state(history)->name, "young");
    history_close(history);
}

static void test_a_torn_line_is_waited_for(void **state)
{
    (void)state;
    folder_steps("w", 1, 2, 1);
    folder_put("events.jsonl", "a", "{\"event\":\"rl_step\",\"step\":3,\"rew");
    folder_put("traces.jsonl", "w", "{\"event\":\"trace\",\"st");
    History *history = folder_open();
    folder_check_rewards(history, 2, 100);
    assert_int_equal(history_trace_count(history), 0);
    assert_true(history_loaded(history) == 1);
    for (int i = 0; i < 3; i++) {
        assert_false(history_update(history, 0));
    }
    folder_put("events.jsonl", "a", "ard\":3}\n");
    folder_put("traces.jsonl", "a", "ep\":3}");
    history_update(history, 0);
    folder_check_rewards(history, 3, 100);
    assert_int_equal(history_trace_count(history), 0);
    folder_put("traces.jsonl", "a", "\n");
    history_update(history, 0);
    assert_int_equal(history_trace_count(history), 1);
    assert_int_equal(history_state(history)->skipped, 0);
    history_close(history);
}

/* What a killed trainer left of a line is cut off by the next one, and something else stands there. */
static void test_a_torn_line_becomes_another(void **state)
{
    (void)state;
    folder_steps("w", 1, 2, 1);
    struct stat info;
    assert_int_equal(stat(folder_path("events.jsonl"), &info), 0);
    folder_put("events.jsonl", "a", "{\"event\":\"rl_step\",\"step\":3,\"reward\":7777777777777");
    History *history = folder_open();
    cut("events.jsonl", info.st_size);
    folder_steps("a", 3, 4, 1);
    history_update(history, 0);
    folder_check_rewards(history, 4, 100);
    assert_int_equal(history_state(history)->skipped, 0);
    history_close(history);
}

static void test_lines_that_are_no_events(void **state)
{
    (void)state;
    folder_steps("w", 1, 1, 1);
    folder_put("events.jsonl", "a",
               "\n}{\n{\"step\":2}\n[1]\n{\"event\":5,\"step\":2}\n{\"event\":\"rl_step\",\"reward\":9}\n"
               "{\"event\":\"rl_step\",\"step\":\"x\",\"reward\":9}\n{\"event\":\"rl_step\",\"step\":-1,\"reward\":9}\n"
               "{\"event\":\"rl_step\",\"step\":1e300,\"reward\":9}\n{\"event\":\"rl_step\",\"step\":2,\"reward\":9\n");
    folder_put("events.jsonl", "a", "{\"event\":\"a new one\",\"step\":1,\"reward\":3}\n");
    folder_steps("a", 2, 2, 1);
    folder_put("traces.jsonl", "w", "x\n{\"event\":\"rl_step\",\"step\":1}\n{\"event\":\"trace\"}\n");
    folder_traces("a", 1, 1, 1);
    History *history = folder_open();
    folder_check_rewards(history, 2, 100);
    assert_int_equal(history_trace_count(history), 1);
    assert_int_equal(history_state(history)->skipped, 10 + 3);
    history_close(history);
}

/* Longer than any event may be: dropped, and what comes after it is read. */
static void test_a_line_without_end(void **state)
{
    (void)state;
    folder_steps("w", 1, 1, 1);
    FILE *file  = fopen(folder_path("events.jsonl"), "a");
    char *block = malloc(1 << 20);
    assert_true(file != NULL && block != NULL);
    memset(block, 'x', 1 << 20);
    for (int i = 0; i < 20; i++) {
        fwrite(block, 1, 1 << 20, file);
    }
    fclose(file);
    free(block);
    History *history = folder_open();
    folder_put("events.jsonl", "a", "\n");
    folder_steps("a", 2, 2, 1);
    history_update(history, 0);
    folder_check_rewards(history, 2, 100);
    assert_int_equal(history_state(history)->skipped, 1);
    history_close(history);
}

/* --- cut back */

static void test_steps_come_again_in_the_file(void **state)
{
    (void)state;
    folder_steps("w", 1, 3, 1);
    folder_put("events.jsonl", "a", "{\"event\":\"eval\",\"step\":3,\"accuracy\":0.5}\n");
    folder_steps("a", 4, 6, 1);
    folder_put("events.jsonl", "a", "{\"event\":\"eval\",\"step\":6,\"accuracy\":0.75}\n");
    folder_steps("a", 4, 5, 2);
    History *history = folder_open();
    folder_check_rewards(history, 5, 4);
    assert_true(history_last(history, HISTORY_EVAL, "accuracy") == 0.5); /* that of step 6 is to come again */
    assert_int_equal(history_state(history)->step, 5);
    history_close(history);
}

/* The trainer is killed and resumed from step 3, between two looks: however far it has come since. */
static void test_a_file_that_is_cut_back(void **state)
{
    (void)state;
    for (int last = 3; last <= 20; last++) {
        folder_steps("w", 1, 3, 1);
        folder_traces("w", 1, 3, 2);
        struct stat events, traces;
        assert_int_equal(stat(folder_path("events.jsonl"), &events), 0);
        assert_int_equal(stat(folder_path("traces.jsonl"), &traces), 0);
        folder_steps("a", 4, 10, 1);
        folder_traces("a", 4, 10, 2);
        folder_put("events.jsonl", "a", "{\"event\":\"run_end\",\"step\":10,\"reason\":\"done\"}\n");
        History *history = folder_open();
        folder_check_rewards(history, 10, 100);
        assert_true(history_state(history)->ended);
        history_log_add(history, "kept");
        cut("events.jsonl", events.st_size);
        cut("traces.jsonl", traces.st_size);
        folder_steps("a", 4, last, 2);
        folder_traces("a", 4, last, 2);
        assert_false(history_update(history, 0));
        folder_check_rewards(history, last, 4);
        assert_int_equal(history_trace_count(history), 2 * last);
        assert_int_equal(history_trace(history, (size_t)(2 * last - 1))->step, last);
        assert_int_equal(history_state(history)->step, last);
        assert_int_equal(history_state(history)->skipped, 0);
        assert_false(history_state(history)->ended);
        assert_string_equal(history_log_line(history, history_log_count(history) - 1), "kept");
        history_close(history);
    }
}

/* rsync writes another file and renames it: the same run goes on. */
static void test_a_file_that_is_put_there_anew(void **state)
{
    (void)state;
    folder_steps("w", 1, 3, 1);
    History *history = folder_open();
    assert_int_equal(rename(folder_path("events.jsonl"), "/tmp/rlsp-history-old"), 0);
    history_update(history, 0);
    folder_check_rewards(history, 3, 100); /* gone for a moment */
    folder_steps("w", 1, 5, 1);
    history_update(history, 0);
    folder_check_rewards(history, 5, 100);
    assert_int_equal(unlink("/tmp/rlsp-history-old"), 0);
    assert_int_equal(unlink(folder_path("events.jsonl")), 0);
    folder_steps("w", 1, 8, 2); /* another run altogether */
    history_update(history, 0);
    folder_check_rewards(history, 8, 1);
    history_close(history);
}

static void test_small_steps_end_like_one(void **state)
{
    (void)state;
    folder_steps("w", 1, 30000, 1);
    folder_traces("w", 1, 20000, 2);
    History *history = history_open(folder, NULL);
    assert_non_null(history);
    int    turns = 0;
    double share = 0;
    while (history_update(history, 1e-9)) {
        assert_true(history_loaded(history) >= share && history_loaded(history) <= 1);
        share = history_loaded(history);
        turns++;
    }
    assert_true(turns > 5 && history_loaded(history) == 1);
    assert_int_equal(folder_rewards(history).count, 30000);
    assert_int_equal(history_trace_count(history), 40000);
    history_close(history);
}

/* --- the reader of events: what it gives, one after another */

/* Steps first to last, with the reward step * scale, and then no more. */
static void expect_steps(EventReader *reader, int first, int last, double scale)
{
    for (int step = first; step <= last; step++) {
        Event *event = event_reader_next(reader);
        assert_non_null(event);
        assert_int_equal(event_step(event), step);
        assert_true(event_number(event, "reward", 0) == step * scale);
        event_free(event);
    }
    assert_null(event_reader_next(reader));
}

static long bytes_of(const char *name)
{
    struct stat info;
    assert_int_equal(stat(folder_path(name), &info), 0);
    return (long)info.st_size;
}

static void test_a_reader_of_a_file_that_is_cut_back(void **state)
{
    (void)state;
    for (int last = 3; last <= 20; last++) {
        folder_steps("w", 1, 3, 1);
        const long kept = bytes_of("events.jsonl");
        folder_steps("a", 4, 10, 1);
        EventReader *reader = event_reader_open(folder_path("events.jsonl"), NULL);
        assert_non_null(reader);
        expect_steps(reader, 1, 10, 1);
        cut("events.jsonl", kept);
        folder_steps("a", 4, last, 2);
        expect_steps(reader, 4, last, 2);
        cut("events.jsonl", kept); /* and again; the look finds nothing new */
        assert_null(event_reader_next(reader));
        const long shorter = kept / 3; /* all lines of one length */
        cut("events.jsonl", shorter);
        folder_steps("a", 2, last, 3);
        expect_steps(reader, 2, last, 3);
        event_reader_close(reader);
    }
}

/* More lines than are remembered. */
static void test_a_reader_of_a_file_that_is_cut_back_far(void **state)
{
    (void)state;
    folder_steps("w", 1, 3, 1);
    const long kept = bytes_of("events.jsonl");
    folder_steps("a", 4, 3000, 1);
    EventReader *reader = event_reader_open(folder_path("events.jsonl"), NULL);
    assert_non_null(reader);
    expect_steps(reader, 1, 3000, 1);
    cut("events.jsonl", kept);
    expect_steps(reader, 1, 3, 1);
    folder_steps("a", 4, 4000, 2);
    expect_steps(reader, 4, 4000, 2);
    event_reader_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_run_that_begins),
        TEST(test_a_torn_line_is_waited_for),
        TEST(test_a_torn_line_becomes_another),
        TEST(test_lines_that_are_no_events),
        TEST(test_a_line_without_end),
        TEST(test_steps_come_again_in_the_file),
        TEST(test_a_file_that_is_cut_back),
        TEST(test_a_file_that_is_put_there_anew),
        TEST(test_small_steps_end_like_one),
        TEST(test_a_reader_of_a_file_that_is_cut_back),
        TEST(test_a_reader_of_a_file_that_is_cut_back_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
