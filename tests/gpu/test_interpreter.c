/* What the driver that interprets SPIR-V tells (tests/tools/interpreter): run it by tests/tools/interpreted.sh. On
 * other devices there is nothing to test. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/vk/stream.h"
#include "tests/support/gpu_fixture.h"

enum { N = 128 };

/* Numbers `count` floats of a span of N; false: it could not. */
static bool number(uint32_t count)
{
    Error      error  = {0};
    Gpu       *gpu    = gpu_open(&(GpuOptions){.select = getenv("RLSP_TEST_DEVICE")}, &error);
    GpuArena  *arena  = gpu != NULL ? gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 65536, &error) : NULL;
    GpuStream *stream = arena != NULL ? gpu_stream_new(gpu, &error) : NULL;
    if (stream == NULL) {
        return false;
    }
    gpu_stream_begin(stream);
    fixture_iota(stream, gpu_arena_take(arena, N * 4), count, 0, gpu_groups(count, 64), 0);
    const bool ran = gpu_stream_run(stream, &error) == STATUS_OK;
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    gpu_close(gpu);
    return ran;
}

/* The same in a process of its own: how it ended, and what it said. */
static int number_apart(uint32_t count, char *said, size_t size)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        _exit(number(count) ? 0 : 1);
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

static bool is_interpreter(void)
{
    GpuInfo infos[8];
    Error   error = {0};
    return gpu_list(infos, 8, &error) == 1 && strstr(infos[0].name, "rlsp interpreter") != NULL;
}

/* One float over the end of what is bound, in a buffer that goes on: no card's driver says a word. */
static void tells_writes_behind_what_is_bound(void **state)
{
    (void)state;
    char said[4096];
    if (!is_interpreter()) {
        skip();
    }
    assert_int_equal(number_apart(N, said, sizeof said), 0);
    assert_string_equal(said, "");
    const int status = number_apart(N + 1, said, sizeof said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "rlsp interpreter: fill_iota: "));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_writes_behind_what_is_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
