/* control: commands over a pipe, torn and hostile lines, a full pipe, a closed end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/utf8.h"
#include "rlsp/run/control.h"

static int      in; /* the dashboard's end */
static Control *control;
static char     text[CONTROL_TEXT_MAX + 1];

static int open_pipe(void **state)
{
    (void)state;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    if (pipe(ends) != 0) {
        return -1;
    }
    in      = ends[1];
    control = control_new(ends[0]);
    return control != NULL ? 0 : -1;
}

static int close_pipe(void **state)
{
    (void)state;
    control_free(control);
    if (in >= 0) {
        close(in);
    }
    return 0;
}

static void put(const char *bytes)
{
    assert_int_equal(write(in, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}

static void expect(ControlCommand command)
{
    assert_int_equal(control_next(control, text, sizeof text), command);
}

static void send_command(ControlCommand command, const char *prompt)
{
    Error error = {0};
    if (control_send(in, command, prompt, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void test_all_commands(void **state)
{
    (void)state;
    expect(CONTROL_NONE); /* nothing there: no waiting */
    send_command(CONTROL_PAUSE, "not a prompt");
    send_command(CONTROL_RESUME, NULL);
    send_command(CONTROL_CHECKPOINT, NULL);
    send_command(CONTROL_SAMPLE, "Numbers 3,7,20. Target 53.\n");
    send_command(CONTROL_STOP, NULL);
    expect(CONTROL_PAUSE);
    assert_string_equal(text, "");
    expect(CONTROL_RESUME);
    expect(CONTROL_CHECKPOINT);
    expect(CONTROL_SAMPLE);
    assert_string_equal(text, "Numbers 3,7,20. Target 53.\n");
    expect(CONTROL_STOP);
    assert_string_equal(text, "");
    expect(CONTROL_NONE);
    Error error = {0};
    assert_int_equal(control_send(in, CONTROL_NONE, NULL, &error), STATUS_BAD_INPUT);
    assert_int_equal(control_send(in, (ControlCommand)99, NULL, NULL), STATUS_BAD_INPUT);
    expect(CONTROL_NONE);
}

static void test_torn_lines(void **state)
{
    (void)state;
    put("pau");
    expect(CONTROL_NONE);
    put("se");
    expect(CONTROL_NONE);
    put("\nsample \"a");
    expect(CONTROL_PAUSE);
    expect(CONTROL_NONE);
    put(" b\"\nst");
    expect(CONTROL_SAMPLE);
    assert_string_equal(text, "a b");
    /* A line that was never finished takes no other with it, if control_send sends that. */
    send_command(CONTROL_RESUME, NULL);
    expect(CONTROL_RESUME);
    expect(CONTROL_NONE);
}

static void test_unknown_lines(void **state)
{
    (void)state;
    put("\n\nresum\nresumes\npause now\nPAUSE\n pause\nnone\nsample\nsample \nsample x\nsample \"x\nsample 5\nsample "
        "[\"x\"]\nsample \"x\"y\nsample \"\\u0000\"\nsample \"\\ud800\"\nsample \"\xff\"\nstop\r\n\x01\x02\n");
    expect(CONTROL_NONE);
    assert_int_equal(write(in, "pause\0\nstop\n", 12), 12);
    expect(CONTROL_STOP);
}

/* Whatever a user pastes arrives as it was, or, where it is not UTF-8, as something that is. */
static void test_hostile_prompts(void **state)
{
    (void)state;
    const char *const prompts[] = {
        "", "\"", "\\", "a\nstop\n", "\x1b[2J\x07\x7f", "\t\r\n", "Zahl ≤ 数 🙂", "sample \"x\""};
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        send_command(CONTROL_SAMPLE, prompts[i]);
        expect(CONTROL_SAMPLE);
        assert_string_equal(text, prompts[i]);
        expect(CONTROL_NONE);
    }
    send_command(CONTROL_SAMPLE, "a\xff\xc0z");
    expect(CONTROL_SAMPLE);
    assert_string_equal(text, "a\xef\xbf\xbd\xef\xbf\xbdz");
    send_command(CONTROL_SAMPLE, NULL);
    expect(CONTROL_SAMPLE);
    assert_string_equal(text, "");
}

static void test_long_prompts(void **state)
{
    (void)state;
    char *prompt = malloc(CONTROL_TEXT_MAX + 2);
    memset(prompt, 1, CONTROL_TEXT_MAX + 1); /* six bytes each on the way */
    prompt[CONTROL_TEXT_MAX + 1] = '\0';
    Error error                  = {0};
    assert_int_equal(control_send(in, CONTROL_SAMPLE, prompt, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "8193"));
    expect(CONTROL_NONE);
    prompt[CONTROL_TEXT_MAX] = '\0';
    send_command(CONTROL_SAMPLE, prompt);
    expect(CONTROL_SAMPLE);
    assert_string_equal(text, prompt);
    /* cut between characters */
    for (size_t i = 0; i < CONTROL_TEXT_MAX; i += 4) {
        memcpy(prompt + i, "🙂", 4);
    }
    for (size_t size = 1; size < 12; size++) {
        char small[12] = "???????????";
        send_command(CONTROL_SAMPLE, prompt);
        assert_int_equal(control_next(control, small, size), CONTROL_SAMPLE);
        assert_int_equal(strlen(small), (size - 1) / 4 * 4);
        assert_int_equal(utf8_check(small, strlen(small)), strlen(small));
        assert_true(size == 11 || small[size] == '?');
    }
    send_command(CONTROL_SAMPLE, prompt);
    assert_int_equal(control_next(control, NULL, 0), CONTROL_SAMPLE);
    free(prompt);
}

/* A line without an end is skipped in bounded memory; what comes after it counts. */
static void test_endless_line(void **state)
{
    (void)state;
    char block[4096];
    memset(block, 'x', sizeof block);
    memcpy(block, "sample \"", 8);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write(in, block, sizeof block), sizeof block);
        expect(CONTROL_NONE);
        memset(block, 'x', 8);
    }
    put("\"\npause\n");
    expect(CONTROL_PAUSE);
    expect(CONTROL_NONE);
    /* Nor is the end of a skipped line a command, wherever the skipping began. */
    for (int left = CONTROL_LINE_MAX; left > 0; left -= (int)sizeof block) {
        const size_t bytes = left < (int)sizeof block ? (size_t)left : sizeof block;
        assert_int_equal(write(in, block, bytes), (ssize_t)bytes);
        expect(CONTROL_NONE);
    }
    put("stop\nresume\n");
    expect(CONTROL_RESUME);
    expect(CONTROL_NONE);
}

static void test_closed_end(void **state)
{
    (void)state;
    put("pause\nstop\nresu");
    assert_false(control_closed(control));
    close(in);
    in = -1;
    assert_true(control_wait(control, 5));
    expect(CONTROL_PAUSE); /* what was sent before still counts */
    assert_false(control_closed(control));
    expect(CONTROL_STOP);
    expect(CONTROL_NONE);
    assert_true(control_closed(control));
    const double start = seconds(CLOCK_MONOTONIC);
    assert_false(control_wait(control, 5));
    assert_true(seconds(CLOCK_MONOTONIC) - start < 1);
}

static void test_waiting(void **state)
{
    (void)state;
    const double start = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
    assert_false(control_wait(control, 0.2));
    assert_true(seconds(CLOCK_MONOTONIC) - start >= 0.19);
    assert_true(seconds(CLOCK_PROCESS_CPUTIME_ID) - busy < 0.05); /* asleep */
    pid_t child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        _exit(write(in, "resume\n", 7) != 7);
    }
    assert_true(control_wait(control, 30));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(seconds(CLOCK_MONOTONIC) - start < 20);
    expect(CONTROL_RESUME);
    /* Two at once: the second needs no more waiting. */
    put("pause\nresume\n");
    expect(CONTROL_PAUSE);
    assert_true(control_wait(control, 30));
    expect(CONTROL_RESUME);
    assert_false(control_wait(control, 0));
}

/* A trainer that does not read: a sender gives up within two seconds, says so, and later commands come through. */
static void test_full_pipe(void **state)
{
    (void)state;
    Error  error = {0};
    Status status;
    int    sent = 0;
    char   prompt[1000];
    memset(prompt, 'p', sizeof prompt - 1);
    prompt[sizeof prompt - 1] = '\0';
    const double start        = seconds(CLOCK_MONOTONIC);
    while ((status = control_send(in, CONTROL_SAMPLE, prompt, &error)) == STATUS_OK && sent < 100000) {
        sent++;
    }
    assert_int_equal(status, STATUS_FAILED);
    assert_non_null(strstr(error.text, "between steps"));
    assert_true(sent >= 3); /* a pipe has room for a page at the least */
    assert_true(seconds(CLOCK_MONOTONIC) - start < 4);
    for (int i = 0; i < sent; i++) {
        expect(CONTROL_SAMPLE);
        assert_string_equal(text, prompt);
    }
    expect(CONTROL_NONE);
    send_command(CONTROL_STOP, NULL);
    expect(CONTROL_STOP);
    /* a prompt larger than one write() takes in whole, torn by a full pipe */
    char *large = malloc(CONTROL_TEXT_MAX + 1);
    memset(large, 1, CONTROL_TEXT_MAX);
    large[CONTROL_TEXT_MAX] = '\0';
    for (sent = 0; control_send(in, CONTROL_SAMPLE, large, NULL) == STATUS_OK; sent++) {
    }
    for (int i = 0; i < sent; i++) {
        expect(CONTROL_SAMPLE);
        assert_string_equal(text, large);
    }
    expect(CONTROL_NONE);
    send_command(CONTROL_PAUSE, NULL);
    expect(CONTROL_PAUSE);
    free(large);
}

static void test_trainer_gone(void **state)
{
    (void)state;
    Error error = {0};
    control_free(control);
    control = NULL;
    assert_int_equal(control_send(in, CONTROL_PAUSE, NULL, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "has ended"));
    error = (Error){0};
    assert_int_equal(control_send(-1, CONTROL_PAUSE, NULL, &error), STATUS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_commands, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_torn_lines, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_unknown_lines, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_hostile_prompts, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_long_prompts, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_endless_line, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_closed_end, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_waiting, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_full_pipe, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_trainer_gone, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
