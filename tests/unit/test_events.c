/* events: lines, numbers, UTF-8, resuming, torn lines, the ring, a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/events.h"
#include "rlsp/run/json_line.h"

static char folder[64], events_path[100], traces_path[100];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/rlsp-events-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(events_path, sizeof events_path, "%s/events.jsonl", folder);
    snprintf(traces_path, sizeof traces_path, "%s/traces.jsonl", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove(folder, NULL) == STATUS_OK ? 0 : -1;
}

static Events *open_events(const EventsOffsets *resume)
{
    Error   error  = {0};
    Events *events = events_open(folder, resume, &error);
    if (events == NULL) {
        fail_msg("%s", error.text);
    }
    return events;
}

static char *slurp(const char *path)
{
    char  *text  = NULL;
    size_t bytes = 0;
    assert_int_equal(file_read(path, 1 << 24, &text, &bytes, NULL), STATUS_OK);
    return text;
}

static void emit(Events *events, int64_t step, double value)
{
    assert_int_equal(events_emit(events, "rl_step", step, (EventField[]){{"reward", value, NULL}}, 1, NULL), STATUS_OK);
}

static void trace(Events *events, int64_t step, const char *response)
{
    EventTrace record = {.stage           = "rl",
                         .step            = step,
                         .index           = 3,
                         .prompt          = "p\n",
                         .response        = response,
                         .verdict         = "no_answer",
                         .tokens          = 12,
                         .truncated       = true,
                         .reward          = -0.5,
                         .rewards         = (EventField[]){{"correct", -0.5, NULL}, {"explore", 0.25, NULL}},
                         .reward_count    = 2,
                         .behaviours      = (EventField[]){{"backtrack", 2, NULL}},
                         .behaviour_count = 1};
    assert_int_equal(events_trace(events, &record, NULL), STATUS_OK);
}

static void test_lines(void **state)
{
    (void)state;
    Events    *events   = open_events(NULL);
    EventField fields[] = {{"third", 1.0 / 3, NULL},
                           {"big", 123456789012.0, NULL},
                           {"nan", NAN, NULL},
                           {"text", 0, "a\"\n\x01\xff"},
                           {"minus", -0.0, NULL}};
    assert_int_equal(events_emit(events, "eval", 7, fields, 5, NULL), STATUS_OK);
    trace(events, 7, "r");
    events_close(events);
    char *text = slurp(events_path), *traces = slurp(traces_path);
    char *expected = "{\"event\":\"eval\",\"step\":7,\"third\":0.333333333,\"big\":123456789012,\"nan\":null,"
                     "\"text\":\"a\\\"\\n\\u0001\xef\xbf\xbd\",\"minus\":0,\"time_unix\":";
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    assert_string_equal(traces, "{\"event\":\"trace\",\"step\":7,\"stage\":\"rl\",\"index\":3,\"prompt\":\"p\\n\","
                                "\"response\":\"r\",\"answer\":null,\"verdict\":\"no_answer\",\"tokens\":12,"
                                "\"truncated\":true,\"reward\":-0.5,\"rewards\":{\"correct\":-0.5,\"explore\":0.25},"
                                "\"behaviours\":{\"backtrack\":2}}\n");
    free(text);
    free(traces);
}

/* Every float comes back as it was. */
static void test_floats_round_trip(void **state)
{
    (void)state;
    uint32_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 1664525u + 1013904223u;
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        JsonLine line = {0};
        json_line_number(&line, (double)value);
        const char *text = json_line_finish(&line);
        assert_true(strtof(text, NULL) == value);
        json_line_free(&line);
    }
}

static void count_number(void *context, const char *name, double value)
{
    double *sums = context;
    sums[0] += 1;
    sums[1] += strcmp(name, "rewards.explore") == 0 ? value : 0;
}

static void test_reading(void **state)
{
    (void)state;
    Events *events = open_events(NULL);
    emit(events, 1, 0.5);
    Error        error  = {0};
    EventReader *reader = event_reader_open(events_path, &error);
    Event       *event  = event_reader_next(reader);
    assert_non_null(event);
    assert_string_equal(event_type(event), "rl_step");
    assert_int_equal(event_step(event), 1);
    assert_true(event_number(event, "reward", 9) == 0.5);
    assert_true(event_number(event, "none", 9) == 9);
    assert_null(event_text(event, "reward"));
    assert_true(event_has(event, "time_unix"));
    event_free(event);
    assert_null(event_reader_next(reader));
    emit(events, 2, 0.75); /* it grows */
    event = event_reader_next(reader);
    assert_int_equal(event_step(event), 2);
    event_free(event);
    assert_null(event_reader_next(reader));
    event_reader_close(reader);

    trace(events, 2, "text");
    reader = event_reader_open(traces_path, &error);
    event  = event_reader_next(reader);
    assert_string_equal(event_type(event), "trace");
    assert_string_equal(event_text(event, "response"), "text");
    assert_null(event_text(event, "answer"));
    assert_true(event_number(event, "truncated", 0) == 1);
    assert_true(event_number(event, "rewards.explore", 0) == 0.25);
    double sums[2] = {0, 0};
    event_each_number(event, count_number, sums);
    assert_true(sums[0] == 7 && sums[1] == 0.25);
    event_free(event);
    event_reader_close(reader);
    events_close(events);
    assert_null(event_reader_open("/nonexistent/events.jsonl", &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
}

static void append(const char *path, const char *text)
{
    FILE *out = fopen(path, "a");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void test_torn_line(void **state)
{
    (void)state;
    Events *events = open_events(NULL);
    emit(events, 1, 1);
    events_close(events);
    append(events_path,
           "no event\n[1]\n{\"event\":3}\n{\"event\":\"rl_step\",\"step\":7}\n{\"event\":\"rl_step\",\"st");
    EventReader *reader = event_reader_open(events_path, NULL);
    event_free(event_reader_next(reader));
    Event *event = event_reader_next(reader); /* none of the three lines before it is one */
    assert_non_null(event);
    assert_int_equal(event_step(event), 7);
    event_free(event);
    assert_null(event_reader_next(reader)); /* the last line goes on */
    /* A writer cuts the torn line off; the reader goes on behind it. */
    events = open_events(NULL);
    emit(events, 2, 2);
    event = event_reader_next(reader);
    assert_non_null(event);
    assert_int_equal(event_step(event), 2);
    event_free(event);
    event_reader_close(reader);
    events_close(events);
    char *text = slurp(events_path);
    assert_null(strstr(text, "\"st{"));
    assert_non_null(strstr(text, "\"step\":7}\n{\"event\":\"rl_step\",\"step\":2"));
    free(text);
    /* A file that is one torn line, longer than a block. */
    text = malloc(9001);
    memset(text, 'x', 9000);
    text[9000] = '\0';
    assert_int_equal(file_write_atomic(events_path, text, 9000, NULL), STATUS_OK);
    free(text);
    events_close(open_events(NULL));
    text = slurp(events_path);
    assert_string_equal(text, "");
    free(text);
}

static void test_resume(void **state)
{
    (void)state;
    Events       *events  = open_events(NULL);
    EventsOffsets offsets = {0};
    emit(events, 1, 1);
    trace(events, 1, "one");
    assert_int_equal(events_sync(events, &offsets, NULL), STATUS_OK);
    char *before = slurp(traces_path);
    assert_int_equal(offsets.traces, strlen(before));
    emit(events, 2, 2);
    trace(events, 2, "two");
    events_close(events);
    EventReader *reader = event_reader_open(events_path, NULL);
    event_free(event_reader_next(reader));
    event_free(event_reader_next(reader));
    events      = open_events(&offsets);
    char *after = slurp(traces_path);
    assert_string_equal(before, after);
    assert_null(event_reader_next(reader)); /* sees that the file was cut back */
    emit(events, 2, 2.5);
    Event *again = event_reader_next(reader);
    assert_non_null(again);
    assert_true(event_step(again) == 2 && event_number(again, "reward", 0) == 2.5);
    event_free(again);
    event_reader_close(reader);
    events_close(events);
    char *text = slurp(events_path);
    assert_non_null(strstr(text, "\"step\":2,\"reward\":2.5"));
    assert_null(strstr(text, "\"step\":2,\"reward\":2,"));
    free(text);
    free(before);
    free(after);
    /* Lines that are missing are not passed over. */
    Error error = {0};
    offsets.events += 1000;
    assert_null(events_open(folder, &offsets, &error));
    assert_int_equal(error.status, STATUS_FAILED);
    assert_non_null(strstr(error.text, "events.jsonl"));
}

static void test_ring(void **state)
{
    (void)state;
    Events  *events = open_events(NULL);
    uint64_t cursor = 0;
    assert_null(events_ring_next(events, false, &cursor));
    emit(events, 1, 1);
    Event *event = events_ring_next(events, false, &cursor);
    assert_int_equal(event_step(event), 1);
    event_free(event);
    assert_null(events_ring_next(events, false, &cursor));
    assert_null(events_ring_next(events, true, &(uint64_t){0}));
    for (int i = 2; i <= 5000; i++) {
        emit(events, i, 1);
    }
    int count = 0, last = 0;
    while ((event = events_ring_next(events, false, &cursor)) != NULL) {
        assert_true(last == 0 || event_step(event) == last + 1);
        last = (int)event_step(event);
        count++;
        event_free(event);
    }
    assert_int_equal(last, 5000);
    assert_int_equal(count, 2048);
    events_close(events);
}

static void *write_many(void *context)
{
    for (int i = 0; i < 500; i++) {
        emit(context, i, i);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    Events   *events = open_events(NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, events), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    EventReader *reader = event_reader_open(events_path, NULL);
    Event       *event;
    int          count = 0;
    while ((event = event_reader_next(reader)) != NULL) {
        count++;
        event_free(event);
    }
    assert_int_equal(count, 2000);
    event_reader_close(reader);
    events_close(events);
}

static void test_log(void **state)
{
    (void)state;
    char    path[100];
    Events *events = open_events(NULL);
    emit(events, 4, 1);
    events_log(events, "info", "hello %d", 5);
    events_log(events, "warning", "careful");
    events_notice(events, "paused %s", "now");
    const EventsOffsets offsets = events_offsets(events);
    trace(events, 4, "r");
    assert_true(events_offsets(events).events == offsets.events);
    assert_true(events_offsets(events).traces > offsets.traces && offsets.traces == 0);
    events_close(events);
    snprintf(path, sizeof path, "%s/log.txt", folder);
    char *text = slurp(path);
    assert_non_null(strstr(text, "info: hello 5\n"));
    assert_non_null(strstr(text, "info: paused now\n"));
    free(text);
    text = slurp(events_path);
    assert_int_equal(strlen(text), offsets.events);
    assert_non_null(strstr(text, "{\"event\":\"log\",\"step\":4,\"level\":\"info\",\"text\":\"paused now\""));
    assert_non_null(strstr(text, "{\"event\":\"log\",\"step\":4,\"level\":\"warning\",\"text\":\"careful\""));
    assert_null(strstr(text, "hello"));
    free(text);
}

/* A disk that is full in the middle of a line (a file size limit acts the same way). */
static void test_full_disk(void **state)
{
    (void)state;
    Events *events = open_events(NULL);
    emit(events, 1, 1);
    char         *before = slurp(events_path);
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit          = old;
    limit.rlim_cur = strlen(before) + 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    Error  error  = {0};
    Status status = events_emit(events, "rl_step", 2, NULL, 0, &error);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, STATUS_FAILED);
    assert_non_null(strstr(error.text, "events.jsonl"));
    char *after = slurp(events_path);
    assert_string_equal(before, after);
    free(before);
    free(after);
    emit(events, 2, 2); /* and on, once there is room */
    events_close(events);
}

static void test_bad_places(void **state)
{
    (void)state;
    Error error = {0};
    assert_null(events_open("/nonexistent/run", NULL, &error));
    assert_int_equal(error.status, STATUS_FAILED);
    assert_non_null(strstr(error.text, "/nonexistent/run/events.jsonl"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines), TEST(test_floats_round_trip), TEST(test_reading), TEST(test_torn_line), TEST(test_resume),
        TEST(test_ring),  TEST(test_threads),           TEST(test_log),     TEST(test_full_disk), TEST(test_bad_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
