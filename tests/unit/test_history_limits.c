/* history: what a long run, many metrics, many traces and any text come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/history_parts.h"
#include "tests/support/run_folder.h"

/* --- series */

static void check_series(const MetricTable *table, double newest)
{
    assert_true(table->count > 0 && table->count <= HISTORY_POINTS);
    assert_true(table->steps[table->count - 1] == newest);
    for (size_t i = 0; i < table->count; i++) {
        assert_true(i == 0 || table->steps[i] > table->steps[i - 1]);
        assert_true(table->metrics[0].values[i] == (float)table->steps[i]);
    }
}

static void add_steps(MetricTable *table, int first, int last)
{
    for (int step = first; step <= last; step++) {
        metrics_begin(table);
        assert_true(metrics_put(table, "v", 1, step));
        assert_true(metrics_end(table, step));
    }
}

/* However long: bounded, evenly spread, the first and the newest among them. */
static void test_a_series_is_thinned_out(void **state)
{
    (void)state;
    MetricTable table = {0};
    assert_true(metrics_open(&table));
    add_steps(&table, 1, HISTORY_POINTS);
    assert_int_equal(table.count, HISTORY_POINTS);
    const int lengths[] = {HISTORY_POINTS + 1,
                           HISTORY_POINTS + 2,
                           HISTORY_POINTS + 3,
                           2 * HISTORY_POINTS - 1,
                           2 * HISTORY_POINTS,
                           2 * HISTORY_POINTS + 5,
                           1000003};
    int       done      = HISTORY_POINTS;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        add_steps(&table, done + 1, lengths[i]);
        done = lengths[i];
        check_series(&table, done);
        assert_true(table.count > HISTORY_POINTS / 2 && table.steps[0] == 1);
        for (size_t at = 1; at + 1 < table.count; at++) {
            assert_true(table.steps[at] - table.steps[at - 1] == (double)table.stride);
        }
    }
    /* trained again from somewhere: that point goes, those before it stay evenly spread */
    add_steps(&table, 600001, 600020);
    check_series(&table, 600020);
    for (size_t at = 1; at + 1 < table.count; at++) {
        assert_true(table.steps[at] - table.steps[at - 1] <= 2 * (double)table.stride);
    }
    add_steps(&table, 0, 3);
    check_series(&table, 3);
    metrics_close(&table);
}

static void test_many_metrics(void **state)
{
    (void)state;
    FILE *file = fopen(folder_path("events.jsonl"), "w");
    assert_non_null(file);
    for (int step = 1; step <= 3; step++) {
        fprintf(file, "{\"event\":\"rl_step\",\"step\":%d", step);
        for (int i = 0; i < 300; i++) { /* each time in another order */
            fprintf(file, ",\"metric_%d\":%d", i * 7 * step % 300, i * 7 * step % 300 + step);
        }
        fprintf(file, "}\n");
    }
    fprintf(file, "{\"event\":\"rl_step\",\"step\":4,\"inner\":{\"a\":5},\"%080d\":1}\n", 1);
    fclose(file);
    History *history = folder_open();
    assert_int_equal(history_metric_count(history, HISTORY_RL), HISTORY_METRICS);
    for (int m = 0; m < HISTORY_METRICS; m++) {
        const char         *name   = history_metric_name(history, HISTORY_RL, m);
        const HistorySeries series = history_series(history, HISTORY_RL, m);
        assert_int_equal(series.count, 4);
        assert_int_equal(history_metric(history, HISTORY_RL, name), m);
        for (int i = 0; i < 3; i++) {
            assert_true(series.value[i] == (float)(atoi(name + 7) + i + 1) || isnan(series.value[i]));
        }
        assert_true(isnan(series.value[3]));
    }
    assert_null(history_metric_name(history, HISTORY_RL, HISTORY_METRICS));
    assert_null(history_metric_name(history, HISTORY_RL, -1));
    assert_int_equal(history_series(history, HISTORY_RL, -1).count, 0);
    history_close(history);
}

/* A metric that comes later, that is null, that lies in an inner object. */
static void test_metrics_that_are_not_always_there(void **state)
{
    (void)state;
    folder_put("events.jsonl", "w",
               "{\"event\":\"rl_step\",\"step\":1,\"a\":1}\n"
               "{\"event\":\"rl_step\",\"step\":2,\"b\":2,\"in\":{\"c\":3,\"t\":\"x\"},\"text\":\"x\",\"yes\":true}\n"
               "{\"event\":\"rl_step\",\"step\":3,\"a\":null,\"b\":1e300}\n");
    History *history = folder_open();
    assert_int_equal(history_metric_count(history, HISTORY_RL), 3);
    const char *names[]     = {"a", "b", "in.c"};
    const float values[][3] = {{1, NAN, NAN}, {NAN, 2, NAN}, {NAN, 3, NAN}};
    for (int m = 0; m < 3; m++) {
        const HistorySeries series = history_series(history, HISTORY_RL, m);
        assert_string_equal(history_metric_name(history, HISTORY_RL, m), names[m]);
        for (int i = 0; i < 3; i++) {
            assert_true(isnan(values[m][i]) ? isnan(series.value[i]) : values[m][i] == series.value[i]);
        }
    }
    assert_true(history_last(history, HISTORY_RL, "b") == 2);
    history_close(history);
}

/* --- the state of a run in two stages */

static void test_stages(void **state)
{
    (void)state;
    folder_put(
        "events.jsonl", "w",
        "{\"event\":\"phase_start\",\"step\":0,\"stage\":\"sft\",\"name\":\"sk\\u00edll\",\"steps\":30,\"done\":0,"
        "\"time_unix\":90}\n");
    History *history = folder_open();
    for (int step = 1; step <= 30; step++) {
        char line[200];
        snprintf(line, sizeof line,
                 "{\"event\":\"sft_step\",\"step\":%d,\"stage_step\":%d,\"loss\":%d,\"time_seconds\":%d}\n", step, step,
                 step, step);
        folder_put("events.jsonl", "a", line);
    }
    history_update(history, 0);
    const HistoryState *run = history_state(history);
    assert_string_equal(run->stage, "sft");
    assert_string_equal(run->phase, "sk\xc3\xadll");
    assert_true(run->stage_step == 30 && run->stage_steps == 30 && run->step == 30);
    assert_true(run->step_seconds == 20.5); /* 11 to 30 */
    assert_int_equal(history_series(history, HISTORY_SFT, 0).count, 30);
    folder_put("events.jsonl", "a",
               "{\"event\":\"phase_start\",\"step\":30,\"stage\":\"rl\",\"name\":\"rl\",\"steps\":9,\"done\":2}\n");
    history_update(history, 0);
    assert_true(run->stage_step == 2 && run->stage_steps == 9 && run->step_seconds == 0);
    folder_put("events.jsonl", "a",
               "{\"event\":\"rl_step\",\"step\":31,\"time_unix\":100}\n{\"event\":\"rl_step\",\"step\":32,\"time_"
               "unix\":104}\n");
    history_update(history, 0);
    assert_true(run->stage_step == 4 && run->step == 32 && run->step_seconds == 4); /* from one to the next */
    assert_true(run->first_time == 90 && run->last_time == 104);
    folder_put("events.jsonl", "a", "{\"event\":\"sft_step\",\"step\":33,\"time_seconds\":1}\n");
    history_update(history, 0);
    assert_true(run->step_seconds == 1); /* of one kind of steps, with or without a phase_start */
    history_close(history);
}

/* --- traces */

static void test_the_oldest_traces_are_let_go(void **state)
{
    (void)state;
    TraceIndex     index = {0};
    const uint64_t all   = HISTORY_TRACES + HISTORY_TRACES / 2;
    for (uint64_t i = 0; i < all; i++) {
        assert_true(traces_add(&index, &(HistoryTrace){.offset = i}));
    }
    assert_true(sizeof *index.entries <= 48 && index.capacity <= HISTORY_TRACES);
    assert_true(index.count <= HISTORY_TRACES && index.count > HISTORY_TRACES / 2);
    for (size_t i = 0; i < index.count; i++) {
        assert_true(index.entries[i].offset == all - index.count + i);
    }
    traces_close(&index);
}

#define TRACE "{\"event\":\"trace\",\"step\":1,"

static uint16_t flags_of(const char *fields)
{
    TraceIndex   index = {.repetition_max = 0.5};
    HistoryTrace trace;
    char         text[400];
    int          bytes = snprintf(text, sizeof text, TRACE "%s}\n", fields);
    assert_true(traces_read_line(&index, &(Line){.text = text, .bytes = (size_t)bytes}, &trace));
    return trace.flags;
}

static void test_flags(void **state)
{
    (void)state;
    assert_int_equal(flags_of("\"verdict\":\"correct\",\"answer\":\"1\""), HISTORY_CORRECT | HISTORY_ANSWERED);
    assert_int_equal(flags_of("\"verdict\":\"wrong\",\"answer\":\"1\""), HISTORY_ANSWERED);
    assert_int_equal(flags_of("\"verdict\":\"no_answer\",\"answer\":null"), 0);
    assert_int_equal(flags_of("\"verdict\":\"unknown\",\"answer\":\"1\",\"stage\":\"sample\""),
                     HISTORY_ANSWERED | HISTORY_SAMPLE);
    assert_int_equal(flags_of("\"stage\":\"eval_T=0.7\""), HISTORY_EVALUATION);
    assert_int_equal(flags_of("\"truncated\":true"), HISTORY_TRUNCATED);
    assert_int_equal(flags_of("\"truncated\":false,\"x\":{\"truncated\":true,\"verdict\":\"correct\"}"), 0);
    assert_int_equal(flags_of("\"behaviours\":{\"backtracks\":2,\"checks\":1,\"valid\":3,\"distinct\":3}"),
                     HISTORY_BACKTRACK | HISTORY_CHECK);
    assert_int_equal(flags_of("\"behaviours\":{\"backtracks\":0,\"valid\":3,\"distinct\":2}"), HISTORY_REPEATS);
    assert_int_equal(flags_of("\"rewards\":{\"repetition\":0.6}"), HISTORY_REPEATS);
    assert_int_equal(flags_of("\"behaviours\":{\"repetition\":0.4}"), 0);
    assert_int_equal(flags_of("\"rewards\":{\"backtracks\":1,\"checks\":1}"), 0);
}

static void test_searching_texts(void **state)
{
    (void)state;
    const char *prompt   = "Numbers 4,5.\\nTarget \\\"84\\\"";
    const char *response = "Caf\\u00e9 \\ud83d\\ude00 back\\\\slash na\xc3\xafve Wait\\tmore";
    char        line[600];
    snprintf(line, sizeof line,
             TRACE "\"reason\":\"elsewhere\",\"prompt\":\"%s\",\"response\":\"%s\",\"answer\":\"secret\"}\n", prompt,
             response);
    folder_put("events.jsonl", "w", "");
    folder_put("traces.jsonl", "w", line);
    folder_put("traces.jsonl", "a", TRACE "\"prompt\":\"other\",\"response\":null}\n");
    History    *history  = folder_open();
    const char *inside[] = {
        "",           "Numbers",    "4,5.\nTarget", "\"84\"", "caf\xc3\xa9", "CAF", "\xf0\x9f\x98\x80 b", "back\\slash",
        "wait\tMORE", "\xc3\xafve", "more"};
    const char *outside[] = {"elsewhere", "secret",   "u00e9",    "\\n",         "ntarget",
                             "84\\",      "moreover", "response", "CAF\xc3\x89", "prompt"};
    assert_int_equal(history_trace_count(history), 2);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        if (!history_trace_contains(history, 0, inside[i])) {
            fail_msg("%s was not found", inside[i]);
        }
    }
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        if (history_trace_contains(history, 0, outside[i])) {
            fail_msg("%s was found", outside[i]);
        }
    }
    assert_true(history_trace_contains(history, 1, "oTHEr"));
    assert_false(history_trace_contains(history, 2, "other"));
    Event *event = history_trace_read(history, 0);
    assert_string_equal(event_text(event, "prompt"), "Numbers 4,5.\nTarget \"84\"");
    event_free(event);
    history_close(history);
    history = folder_open(); /* it is cut back before it is looked at */
    folder_put("traces.jsonl", "w", "{}\n");
    assert_null(history_trace_read(history, 0));
    assert_false(history_trace_contains(history, 1, "other"));
    folder_put("traces.jsonl", "w", "\n"); /* lines that begin elsewhere */
    folder_put("traces.jsonl", "a", line);
    assert_null(history_trace_read(history, 0));
    folder_put("traces.jsonl", "w", line);
    assert_true(history_trace_contains(history, 0, "caf"));
    history_update(history, 0);
    *strchr(line, '4') = '3'; /* another problem */
    folder_put("traces.jsonl", "w", line);
    assert_null(history_trace_read(history, 0));
    *strchr(line, '3') = '4';
    folder_put("traces.jsonl", "w", line);
    assert_non_null(event = history_trace_read(history, 0));
    event_free(event);
    history_close(history);
}

/* Lines of any length, read from either end. */
static void test_reading_traces_in_any_order(void **state)
{
    (void)state;
    enum { TRACES = 400 };
    folder_put("events.jsonl", "w", "");
    FILE *file = fopen(folder_path("traces.jsonl"), "w");
    assert_non_null(file);
    for (int i = 0; i < TRACES; i++) {
        fprintf(file, "{\"event\":\"trace\",\"step\":%d,\"response\":\"number <%d> %0*d\"}\n", i, i,
                i % 50 == 7 ? 900000 : 3000, 1);
    }
    fclose(file);
    History *history = folder_open();
    assert_int_equal(history_trace_count(history), TRACES);
    for (int turn = 0; turn < 3 * TRACES; turn++) {
        const int i = turn < TRACES ? turn : turn < 2 * TRACES ? 2 * TRACES - 1 - turn : turn * 37 % TRACES;
        char      text[32];
        snprintf(text, sizeof text, "number <%d>", i);
        assert_true(history_trace_contains(history, (size_t)i, text));
        if (turn % 10 == 0) {
            Event *event = history_trace_read(history, (size_t)i);
            assert_int_equal(event_step(event), i);
            event_free(event);
        }
    }
    history_close(history);
}

/* --- the log */

static void test_log(void **state)
{
    (void)state;
    folder_put(
        "events.jsonl", "w",
        "{\"event\":\"log\",\"step\":1,\"level\":\"warning\",\"text\":\"from \\u00e9vents\",\"time_unix\":86400.5}\n");
    History *history = folder_open();
    assert_int_equal(history_log_count(history), 1);
    assert_string_equal(history_log_line(history, 0), "1970-01-02T00:00:00Z warning: from \xc3\xa9vents");
    history_log_add(history, "from the trainer\n");
    assert_string_equal(history_log_line(history, 1), "from the trainer");
    FILE *file = fopen(folder_path("log.txt"), "w");
    assert_non_null(file);
    for (int i = 0; i < HISTORY_LOG_LINES + 10; i++) {
        fprintf(file, "line %d\r\n", i);
    }
    fprintf(file, "torn");
    fclose(file);
    folder_put("events.jsonl", "a",
               "{\"event\":\"log\",\"step\":1,\"level\":\"error\",\"text\":\"twice\",\"time_unix\":1}\n");
    history_update(history, 0);
    assert_int_equal(history_log_count(history), HISTORY_LOG_LINES);
    assert_string_equal(history_log_line(history, 0), "line 10");
    char last[32];
    snprintf(last, sizeof last, "line %d", HISTORY_LOG_LINES + 9);
    assert_string_equal(history_log_line(history, HISTORY_LOG_LINES - 1), last);
    assert_null(history_log_line(history, HISTORY_LOG_LINES));
    assert_null(history_log_line(history, -1));
    folder_put("log.txt", "a", " no more\n");
    folder_put("events.jsonl", "a", "{\"event\":\"log\",\"step\":1,\"level\":\"error\",\"text\":\"twice\"}\n");
    history_update(history, 0);
    assert_string_equal(history_log_line(history, HISTORY_LOG_LINES - 1), "torn no more");
    snprintf(last, sizeof last, "line %d", HISTORY_LOG_LINES + 9);
    assert_string_equal(history_log_line(history, HISTORY_LOG_LINES - 2), last); /* log.txt has the events' texts */
    history_close(history);
}

/* Of a log that is long only the end is read, from a line's start. */
static void test_long_log(void **state)
{
    (void)state;
    folder_put("events.jsonl", "w", "");
    FILE *file = fopen(folder_path("log.txt"), "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fprintf(file, "%05d %06000d\n", i, 1);
    }
    fclose(file);
    History  *history = folder_open();
    const int count   = history_log_count(history);
    assert_true(count > 600 && count < 1000);
    for (int i = 0; i < count; i++) {
        assert_int_equal(atoi(history_log_line(history, i)), 1000 - count + i);
    }
    history_close(history);
}

static void test_time_of_a_log_line(void **state)
{
    (void)state;
    assert_true(log_time("1970-01-01T00:00:00Z", 20) == 0);
    assert_true(log_time("2000-02-29T12:34:56Z info", 25) == 951827696);
    assert_true(log_time("2026-11-24T14:38:41Z info", 25) == 1795531121);
    assert_true(log_time("2100-03-01T00:00:00Z", 20) == 4107542400);
    assert_true(isnan(log_time("2026-11-24T14:38:41", 19)) && isnan(log_time("2026-13-24T14:38:41Z", 20)) &&
                isnan(log_time("", 0)));
    char stamp[32];
    log_stamp(951827696.7, stamp);
    assert_string_equal(stamp, "2000-02-29T12:34:56Z");
    log_stamp(NAN, stamp);
    assert_string_equal(stamp, "1970-01-01T00:00:00Z");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_series_is_thinned_out),
        TEST(test_many_metrics),
        TEST(test_metrics_that_are_not_always_there),
        TEST(test_stages),
        TEST(test_the_oldest_traces_are_let_go),
        TEST(test_flags),
        TEST(test_searching_texts),
        TEST(test_reading_traces_in_any_order),
        TEST(test_log),
        TEST(test_long_log),
        TEST(test_time_of_a_log_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
