/* What the driver that interprets SPIR-V tells (tests/tools/interpreter): run it by tests/tools/interpreted.sh. On
 * other devices there is nothing to test. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/vk/stream.h"
#include "tests/support/gpu_fixture.h"

enum { N = 128 };

/* Numbers `count` floats of a span of N. */
static Status number(uint32_t count)
{
    Error      error  = {0};
    Gpu       *gpu    = gpu_open(&(GpuOptions){.select = getenv("RLSP_TEST_DEVICE")}, &error);
    GpuArena  *arena  = gpu != NULL ? gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 65536, &error) : NULL;
    GpuStream *stream = arena != NULL ? gpu_stream_new(gpu, &error) : NULL;
    if (stream == NULL) {
        return STATUS_FAILED;
    }
    gpu_stream_begin(stream);
    fixture_iota(stream, gpu_arena_take(arena, N * 4), count, 0, gpu_groups(count, 64), 0);
    const Status status = gpu_stream_run(stream, &error);
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    gpu_close(gpu);
    return status;
}

/* The same in a process of its own, with an option more: how it ended, and what it said. */
static int number_apart(uint32_t count, const char *option, char *said, size_t size)
{
    char options[256];
    snprintf(options, sizeof options, "%s,%s", option, getenv("RLSP_INTERPRETER"));
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv("RLSP_INTERPRETER", options, 1);
        _exit((int)number(count));
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length + 1 < size && (got = read(ends[0], said + length, size - 1 - length)) > 0;) {
        length += (size_t)got;
    }
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Told without opening it: a driver reads its options once a process. */
static bool is_interpreter(void)
{
    return getenv("RLSP_INTERPRETER") != NULL;
}

/* One float over the end of what is bound, in a buffer that goes on: no card's driver says a word. */
static void tells_writes_behind_what_is_bound(void **state)
{
    (void)state;
    char said[4096];
    if (!is_interpreter()) {
        skip();
    }
    assert_int_equal(number_apart(N, "tell=0", said, sizeof said), STATUS_OK);
    assert_string_equal(said, "");
    const int status = number_apart(N + 1, "tell=0", said, sizeof said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "rlsp interpreter: fill_iota: "));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
}

/* As a card's watchdog ends it. */
static void loses_the_device_to_a_shader_that_does_not_end(void **state)
{
    (void)state;
    char said[4096];
    if (!is_interpreter()) {
        skip();
    }
    const int status = number_apart(N, "steps=4", said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_DEVICE_LOST);
    assert_non_null(strstr(said, "rlsp interpreter: fill_iota: "));
    assert_non_null(strstr(said, "it does not end within 4 steps, the device is lost\n"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_writes_behind_what_is_bound),
                                       cmocka_unit_test(loses_the_device_to_a_shader_that_does_not_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
