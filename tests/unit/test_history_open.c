/* history: replay, newer versions, and directories that are no runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/run_folder.h"

/* --- replay */

static void test_replay(void **state)
{
    (void)state;
    folder_steps("w", 1, 1, 1);
    folder_put("events.jsonl", "a", "{\"event\":\"eval\",\"step\":1,\"accuracy\":0.5,\"time_unix\":1001.75}\n");
    folder_steps("a", 2, 4, 1);
    folder_put("events.jsonl", "a", "{\"event\":\"run_end\",\"step\":4,\"reason\":\"done\",\"time_unix\":1005}\n");
    folder_put(
        "traces.jsonl", "w",
        "{\"event\":\"trace\",\"step\":1,\"stage\":\"rl\"}\n{\"event\":\"trace\",\"step\":1,\"stage\":\"eval\"}\n"
        "{\"event\":\"trace\",\"step\":1,\"stage\":\"eval_greedy\"}\n{\"event\":\"trace\",\"step\":1,\"stage\":"
        "\"sample\"}\n"
        "{\"event\":\"trace\",\"step\":2,\"stage\":\"rl\"}\n{\"event\":\"trace\",\"step\":2,\"stage\":\"eval\"}\n{"
        "\"event\":\"trace\",\"step\":3,\"stage\":\"rl\"}\n"
        "{\"event\":\"trace\",\"step\":9,\"stage\":\"rl\"}\n");
    folder_put("log.txt", "w", "1970-01-01T00:16:41Z info: one\n  and more\n1970-01-01T00:16:43Z info: two\n");
    History *history = folder_open();
    assert_int_equal(history_trace_count(history), 8); /* one of an evaluation that has no event, one of no step */
    assert_int_equal(history_log_count(history), 3);
    const struct {
        double until;
        size_t steps, traces;
        int    evals, log;
    } at[] = {{1000, 0, 0, 0, 0},   {1001.4, 0, 0, 0, 2},   {1001.6, 1, 1, 0, 2},    {1001.8, 1, 4, 1, 2},
              {1002.5, 2, 5, 1, 2}, {1003.2, 2, 5, 1, 3},   {1004.7, 4, 7, 1, 3},    {1006, 4, 8, 1, 3},
              {1001.8, 1, 4, 1, 2}, {INFINITY, 4, 8, 1, 3}, {-INFINITY, 0, 0, 0, 0}, {1003.6, 3, 7, 1, 3}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        history_until(history, at[i].until);
        assert_false(history_update(history, 0));
        assert_int_equal(folder_rewards(history).count, at[i].steps);
        assert_int_equal(history_trace_count(history), at[i].traces);
        assert_int_equal(history_series(history, HISTORY_EVAL, 0).count, at[i].evals);
        assert_int_equal(history_log_count(history), at[i].log);
        assert_int_equal(history_state(history)->step, at[i].steps);
        assert_int_equal(history_state(history)->ended, at[i].until > 1005);
    }
    history_close(history);
}

/* A frame costs what is new in it. */
static void test_replay_goes_on_where_it_was(void **state)
{
    (void)state;
    enum { STEPS = 3000 };
    folder_steps("w", 1, STEPS, 1);
    folder_traces("w", 1, STEPS, 30);
    History *history = folder_open();
    history_until(history, -INFINITY);
    for (int step = 0; step <= STEPS; step++) {
        history_until(history, 1000.6 + step);
        assert_false(history_update(history, 0));
        assert_int_equal(folder_rewards(history).count, step);
        assert_int_equal(history_trace_count(history), 30 * step);
    }
    history_close(history);
}

/* --- newer versions, and what is no run */

static void check_refused(const char *path, const char *wanted)
{
    Error    error   = {0};
    History *history = history_open(path, &error);
    assert_null(history);
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    if (strstr(error.text, wanted) == NULL || strchr(error.text, '\n') != NULL) {
        fail_msg("%s", error.text);
    }
}

static void test_newer_formats(void **state)
{
    (void)state;
    folder_put("events.jsonl", "w", "{\"event\":\"run_start\",\"step\":0,\"format\":2}\n");
    check_refused(folder, "events.jsonl has format 2");
    folder_put("events.jsonl", "w", "{\"event\":\"run_start\",\"step\":0,\"format\":1}\n");
    History *history = folder_open();
    folder_put("events.jsonl", "a", "{\"event\":\"run_start\",\"step\":0,\"format\":3}\n");
    folder_steps("a", 1, 1, 1);
    for (int i = 0; i < 2; i++) {
        assert_false(history_update(history, 0));
        assert_int_equal(folder_rewards(history).count, 0);
        assert_int_equal(history_log_count(history), 1);
    }
    assert_non_null(strstr(history_log_line(history, 0), "newer"));
    history_close(history);
    folder_put("config.json", "w", "{\"format\":2,\"task\":{}}");
    check_refused(folder, "config.json has format 2");
}

static void test_what_is_no_run(void **state)
{
    (void)state;
    check_refused(folder, "the directory is empty");
    check_refused(folder_path("none"), "No such file");
    folder_put("notes.txt", "w", "x");
    check_refused(folder, "neither config.json nor events.jsonl (but notes.txt, for one)");
    check_refused(folder_path("notes.txt"), "is a file, not a run");
    assert_int_equal(mkdir(folder_path("inner"), 0777), 0);
    folder_put("inner/events.jsonl", "w", "");
    check_refused(folder, "holds runs, such as");
    folder_put("config.json", "w", "{\"model_type\":\"llama\"}");
    check_refused(folder, "but of a model");
    folder_put("config.json", "w", "{\"name\":");
    check_refused(folder, "config.json");
    assert_int_equal(mkdir(folder_path("events.jsonl"), 0777), 0);
    check_refused(folder, "cannot read");
    assert_int_equal(rmdir(folder_path("events.jsonl")), 0);
    assert_int_equal(mkfifo(folder_path("events.jsonl"), 0666), 0); /* nobody will ever write it */
    check_refused(folder, "it is no regular file");
}

/* The events say what there is: a config that is torn takes nothing from it. */
static void test_half_a_config(void **state)
{
    (void)state;
    folder_put("config.json", "w", "{\"name\":");
    folder_steps("w", 1, 2, 1);
    History *history = folder_open();
    folder_check_rewards(history, 2, 100);
    assert_int_equal(history_log_count(history), 1);
    assert_non_null(strstr(history_log_line(history, 0), "config.json"));
    history_close(history);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replay),        TEST(test_replay_goes_on_where_it_was),
        TEST(test_newer_formats), TEST(test_what_is_no_run),
        TEST(test_half_a_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
