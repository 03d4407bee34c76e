/* How work is cut into submissions, and what a lost device leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/vk/stream.h"
#include "tests/support/gpu_fixture.h"

enum { N = 300000 };

static Gpu *open_device(double submit_seconds, bool as_gpu)
{
    return fixture_device(&(GpuOptions){
        .select = getenv("RLSP_TEST_DEVICE"), .validate = true, .submit_seconds = submit_seconds, .as_gpu = as_gpu});
}

static void check_iota(Gpu *gpu, GpuSpan x, float start)
{
    static float host[N];
    Error        error = {0};
    assert_int_equal(gpu_download(gpu, x, host, sizeof host, &error), STATUS_OK);
    for (int i = 0; i < N; i++) {
        if (host[i] != (float)i + start) {
            fail_msg("element %d is %g, not %g", i, (double)host[i], (double)i + (double)start);
        }
    }
}

/* A dispatch of many workgroups in a row, and one whose workgroups are folded over y, each said to take some hundred
 * times as long as a submission may: both come in parts, and all of each is done, in order. */
static void a_long_dispatch_comes_in_parts(void **state)
{
    (void)state;
    static const GpuGroups groups[] = {{(N + 63) / 64, 1, 1}, {64, (N / 64 + 63) / 64, 1}};
    for (int i = 0; i < 2; i++) {
        Error      error  = {0};
        Gpu       *gpu    = open_device(0.01, false);
        GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
        GpuStream *stream = gpu_stream_new(gpu, &error);
        GpuSpan    x = gpu_arena_take(arena, N * 4), y = gpu_arena_take(arena, N * 4);
        gpu_stream_begin(stream);
        fixture_iota(stream, x, N, 1, groups[i], 5e12);
        fixture_iota(stream, x, N, 7, groups[i], 1);
        gpu_copy(stream, y, x);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
        assert_in_range(gpu_stream_submissions(stream), i == 0 ? 50 : 40, 12000);
        check_iota(gpu, y, 7);
        gpu_stream_begin(stream);
        fixture_iota(stream, y, N, 3, groups[i], 5e12);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK); /* and again */
        check_iota(gpu, y, 3);
        gpu_stream_free(stream);
        gpu_arena_free(arena);
        fixture_device_close(gpu);
    }
}

/* Many short dispatches share a submission until it is full. */
static void short_dispatches_share_submissions(void **state)
{
    (void)state;
    Error      error  = {0};
    Gpu       *gpu    = open_device(1, false);
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    GpuSpan    x      = gpu_arena_take(arena, N * 4);
    gpu_stream_begin(stream);
    for (int i = 0; i < 40; i++) {
        fixture_iota(stream, x, N, (float)i, gpu_groups(N, 64), 1e6);
    }
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    assert_int_equal(gpu_stream_submissions(stream), 1);
    check_iota(gpu, x, 39);
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    fixture_device_close(gpu);
}

/* One clear line, and nothing of what its memory may hold by then. */
static void a_lost_device_says_so(void **state)
{
    (void)state;
    Error      error   = {0};
    Gpu       *gpu     = open_device(0, false);
    GpuArena  *arena   = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream *stream  = gpu_stream_new(gpu, &error);
    GpuSpan    x       = gpu_arena_take(arena, N * 4);
    float      host[4] = {-1, -1, -1, -1};
    gpu_stream_begin(stream);
    fixture_iota(stream, x, N, 0, gpu_groups(N, 64), 0);
    gpu_lose(gpu);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_DEVICE_LOST);
    assert_non_null(strstr(error.text, "the device was lost"));
    assert_non_null(strstr(error.text, "--resume"));
    error = (Error){0};
    assert_int_equal(gpu_download(gpu, x, host, sizeof host, &error), STATUS_DEVICE_LOST);
    assert_true(host[0] == -1);
    error = (Error){0};
    assert_int_equal(gpu_upload(gpu, x, host, sizeof host, &error), STATUS_DEVICE_LOST);
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    fixture_device_close(gpu);
}

/* Where no device need let it bind. */
static void an_unaligned_span_is_refused(void **state)
{
    (void)state;
    Error      error  = {0};
    Gpu       *gpu    = open_device(0, true);
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    GpuSpan    x      = gpu_arena_take(arena, N * 4);
    gpu_stream_begin(stream);
    fixture_iota(stream, gpu_span_slice(x, 128, 64), 16, 0, gpu_groups(16, 64), 0);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "starts at byte 128"));
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    fixture_device_close(gpu);
}

/* A dispatch that says that it only reads what its kernel may write: barriers would be missing. */
static void a_write_that_is_not_said_is_refused(void **state)
{
    (void)state;
    Error          error   = {0};
    Gpu           *gpu     = open_device(0, false);
    GpuArena      *arena   = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream     *stream  = gpu_stream_new(gpu, &error);
    const uint32_t push[2] = {16, 0};
    gpu_stream_begin(stream);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "fill_iota",
                                        .spec       = {64},
                                        .spec_count = 1,
                                        .bind       = {gpu_read(gpu_arena_take(arena, 64))},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = {1, 1, 1}});
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "'fill_iota' may write binding 0"));
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    fixture_device_close(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_dispatch_comes_in_parts), cmocka_unit_test(short_dispatches_share_submissions),
        cmocka_unit_test(a_lost_device_says_so), cmocka_unit_test(an_unaligned_span_is_refused),
        cmocka_unit_test(a_write_that_is_not_said_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
