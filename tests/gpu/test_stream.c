/* The Vulkan layer: devices, memory, streams, barriers, replay, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/vk/stream.h"
#include "tests/support/gpu_fixture.h"

static Gpu *open_device(void)
{
    return fixture_device(&(GpuOptions){.validate = true});
}

static void iota(GpuStream *stream, GpuSpan x, uint32_t count, float start)
{
    fixture_iota(stream, x, count, start, gpu_groups(count, 64), 0);
}

static void lists_and_refuses_devices(void **state)
{
    (void)state;
    Error   error = {0};
    GpuInfo infos[8];
    int     n = gpu_list(infos, 8, &error);
    assert_true(n > 0);
    assert_null(gpu_open(&(GpuOptions){.select = "no such card"}, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "no such card"));
    error = (Error){0};
    assert_null(gpu_open(&(GpuOptions){.select = "99"}, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
}

/* Writes, overwrites, copies within one recording come out in order, and the
 * recording can be run again. */
static void runs_in_order_and_replays(void **state)
{
    (void)state;
    Error      error  = {0};
    Gpu       *gpu    = open_device();
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 3 << 20, &error);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    enum { N = 200000 };
    GpuSpan a = gpu_arena_take(arena, N * 4), b = gpu_arena_take(arena, N * 4);
    gpu_stream_begin(stream);
    iota(stream, a, N, 0.0f);
    gpu_copy(stream, b, a);
    iota(stream, a, N, 5.0f);
    gpu_fill(stream, gpu_span_slice(b, 0, 16), 0);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    static float host[N];
    for (int round = 0; round < 2; round++) {
        assert_int_equal(gpu_download(gpu, a, host, sizeof host, &error), STATUS_OK);
        for (int i = 0; i < N; i++) {
            assert_true(host[i] == (float)i + 5.0f);
        }
        assert_int_equal(gpu_download(gpu, b, host, sizeof host, &error), STATUS_OK);
        for (int i = 0; i < N; i++) {
            assert_true(host[i] == (i < 4 ? 0.0f : (float)i));
        }
        memset(host, 0, sizeof host);
        assert_int_equal(gpu_upload(gpu, a, host, sizeof host, &error), STATUS_OK);
        assert_int_equal(gpu_upload(gpu, b, host, sizeof host, &error), STATUS_OK);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    }
    assert_true(gpu_memory_peak(gpu) >= 3 << 20);
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    assert_int_equal(gpu_memory_used(gpu),
                     gpu_info(gpu)->reads_staged ? 16 << 20 : 0); /* the device's own buffer stays */
    fixture_device_close(gpu);
}

/* 70,000 dispatches of a recording that bind 700 different ranges, each time with other values: the last ones stay. */
static void many_dispatches_bind_the_same(void **state)
{
    (void)state;
    enum { RANGES = 700, TURNS = 100, N = 64 };
    Error      error  = {0};
    Gpu       *gpu    = gpu_open(&(GpuOptions){0}, &error); /* without validation: it takes a minute */
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, RANGES * N * 4, &error);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    GpuSpan    all    = gpu_arena_take(arena, RANGES * N * 4);
    for (int recording = 0; recording < 2; recording++) {
        gpu_stream_begin(stream);
        for (int turn = 0; turn < TURNS; turn++) {
            for (int range = 0; range < RANGES; range++) { /* the second recording's ranges are half as long */
                const uint32_t count = N >> recording;
                iota(stream, gpu_span_slice(all, (uint64_t)range * N * 4, count * 4), count,
                     (float)(turn * RANGES + range));
            }
        }
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
        static float host[RANGES * N];
        assert_int_equal(gpu_download(gpu, all, host, sizeof host, &error), STATUS_OK);
        for (int i = 0; i < RANGES * N; i++) {
            assert_true(host[i] == (float)((TURNS - 1) * RANGES + i / N + i % N));
        }
    }
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    gpu_close(gpu);
}

static void reports_errors_of_a_recording(void **state)
{
    (void)state;
    Error      error  = {0};
    Gpu       *gpu    = open_device();
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_HOST, 4096, &error);
    GpuSpan    a      = gpu_arena_take(arena, 256);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    gpu_stream_begin(stream);
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "no_such_kernel", .bind = {gpu_write(a)}, .groups = {1, 1, 1}});
    iota(stream, a, 1, 0.0f);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "no_such_kernel"));
    gpu_stream_begin(stream); /* and is usable afterwards */
    iota(stream, a, 64, 3.0f);
    error = (Error){0};
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    assert_true(((float *)gpu_span_map(a))[63] == 66.0f);
    assert_null(gpu_arena_new(gpu, "too much", GPU_MEMORY_DEVICE, (uint64_t)1 << 50, &error));
    assert_int_equal(error.status, STATUS_OUT_OF_MEMORY);
    assert_non_null(strstr(error.text, "too much"));
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    gpu_close(gpu); /* the absurd size is itself a validation message */
}

static void count_call(void *user)
{
    ++*(int *)user;
}

/* Somebody who watches hears of every wait and of every kernel that is compiled, until he is named no more. */
static void tells_of_work(void **state)
{
    (void)state;
    Error      error  = {0};
    int        calls  = 0;
    Gpu       *gpu    = open_device();
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_HOST, 4096, &error);
    GpuSpan    a      = gpu_arena_take(arena, 256);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    gpu_on_work(gpu, count_call, &calls);
    gpu_stream_begin(stream);
    iota(stream, a, 64, 3.0f);
    assert_int_equal(calls, 1); /* compiled */
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    const int after = calls;
    assert_true(after >= 2);
    gpu_on_work(gpu, NULL, NULL);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    assert_int_equal(calls, after);
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    gpu_close(gpu);
}

/* Subgroups of a size that no kernel can have, or more of them than fit a workgroup: no driver is shown that. */
static void refuses_subgroups(void **state)
{
    (void)state;
    Gpu           *gpu    = open_device();
    const GpuInfo *info   = gpu_info(gpu);
    Error          error  = {0};
    GpuArena      *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_HOST, 8192, &error);
    GpuSpan        a      = gpu_arena_take(arena, 8192);
    GpuStream     *stream = gpu_stream_new(gpu, &error);
    const uint32_t least = info->min_subgroup, most = info->max_subgroups * least;
    const struct {
        uint32_t    threads, subgroup;
        const char *said; /* NULL: taken */
    } cases[] = {{64, 2 * info->max_subgroup, "asks for subgroups of"},
                 {64, 1, least > 1 ? "asks for subgroups of" : NULL},
                 {most + least, least, "(maxComputeWorkgroupSubgroups)"},
                 {least + 1, least, least > 1 ? "(maxComputeWorkgroupSubgroups)" : NULL},
                 {most < 1024 ? most : 1024, least, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool fits = cases[i].said == NULL && info->tier.subgroup_size_control;
        if (cases[i].said == NULL && cases[i].threads > info->max_workgroup) {
            continue;
        }
        const struct {
            uint32_t count;
            float    start;
        } push = {cases[i].threads, 1.0f};
        error  = (Error){0};
        gpu_stream_begin(stream);
        gpu_dispatch(stream, &(GpuDispatch){.kernel     = "fill_iota",
                                            .spec       = {cases[i].threads},
                                            .spec_count = 1,
                                            .subgroup   = cases[i].subgroup,
                                            .bind       = {gpu_write(a)},
                                            .push       = &push,
                                            .push_size  = sizeof push,
                                            .groups     = {1, 1, 1}});
        assert_int_equal(gpu_stream_run(stream, &error), fits ? STATUS_OK : STATUS_FAILED);
        if (fits) {
            assert_true(((float *)gpu_span_map(a))[cases[i].threads - 1] == (float)cases[i].threads);
        } else {
            assert_non_null(strstr(error.text, "fill_iota"));
            assert_non_null(
                strstr(error.text, info->tier.subgroup_size_control ? cases[i].said : "lets no kernel ask"));
        }
    }
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    fixture_device_close(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_and_refuses_devices),
                                       cmocka_unit_test(runs_in_order_and_replays),
                                       cmocka_unit_test(many_dispatches_bind_the_same),
                                       cmocka_unit_test(reports_errors_of_a_recording),
                                       cmocka_unit_test(tells_of_work),
                                       cmocka_unit_test(refuses_subgroups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
