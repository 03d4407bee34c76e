/* How work is cut into submissions, and what a lost device leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/ops/matmul_choice.h"
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

static uint32_t submissions_of(GpuStream *stream, GpuSpan x, double flops)
{
    Error error = {0};
    gpu_stream_begin(stream);
    fixture_iota(stream, x, N, 0, gpu_groups(N, 64), flops);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    return gpu_stream_submissions(stream);
}

/* So many flops that a dispatch of them comes in a hundred submissions. */
static double flops_of_a_hundred(GpuStream *stream, GpuSpan x)
{
    double flops = 1e10;
    while (flops < 1e16 && submissions_of(stream, x, flops) < 100) {
        flops *= 1.1;
    }
    return flops;
}

/* A device that is known to be ten times as fast cuts ten times as rarely; what no device does is not believed. */
static void measured_rates_cut(void **state)
{
    (void)state;
    Gpu         *gpu      = open_device(0.01, false);
    Error        error    = {0};
    GpuArena    *arena    = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream   *stream   = gpu_stream_new(gpu, &error);
    GpuSpan      x        = gpu_arena_take(arena, N * 4);
    const double factor[] = {1, 10, 0.5, 1e9}, cuts[] = {1, 10, 0.5, 64};
    const double flops = flops_of_a_hundred(stream, x);
    for (int i = 0; i < 4; i++) {
        gpu_set_rates(gpu, factor[i] * flops, 0);
        gpu_stream_begin(stream);
        fixture_iota(stream, x, N, (float)i, gpu_groups(N, 64), flops);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
        printf("    rate x %g: %u submissions\n", factor[i], gpu_stream_submissions(stream));
        assert_in_range(gpu_stream_submissions(stream), (uint32_t)(90 / cuts[i]), (uint32_t)(110 / cuts[i]) + 2);
        check_iota(gpu, x, (float)i);
    }
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    fixture_device_close(gpu);
}

/* What is measured for choosing kernels says how fast the device is: f32's products do, others and untimed ones do not.
 */
static void timed_products_tell_the_rate(void **state)
{
    (void)state;
    Gpu           *gpu    = open_device(0.01, false);
    Error          error  = {0};
    GpuArena      *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream     *stream = gpu_stream_new(gpu, &error);
    GpuSpan        x      = gpu_arena_take(arena, N * 4);
    const double   flops  = flops_of_a_hundred(stream, x);
    const uint32_t usual  = submissions_of(stream, x, flops);
    MatmulProbe    probe;
    for (int compute = COMPUTE_F32; compute <= COMPUTE_BF16; compute++) {
        matmul_probe_begin(gpu_info(gpu), (ComputeType)compute, &probe);
        probe.side = 256;
        matmul_probe_rates(gpu, &probe); /* not timed */
        assert_int_equal(submissions_of(stream, x, flops), usual);
        probe.candidates[probe.chosen[MATMUL_LARGE]].seconds[MATMUL_LARGE] = 2.0 * 256 * 256 * 256 / (10 * flops);
        gpu_set_rates(gpu, 0, 0);
        matmul_probe_rates(gpu, &probe); /* ten times as fast */
        assert_in_range(submissions_of(stream, x, flops), compute == COMPUTE_F32 ? 8 : usual,
                        compute == COMPUTE_F32 ? 13 : usual);
        gpu_set_rates(gpu, 0, 0);
    }
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

/* A stream beside the others: its run goes on while they run, and is as good as theirs when it has been waited for. */
static void a_stream_runs_beside_others(void **state)
{
    (void)state;
    Error      error  = {0};
    Gpu       *gpu    = open_device(0, false);
    GpuArena  *arena  = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 4 << 20, &error);
    GpuStream *stream = gpu_stream_new(gpu, &error), *beside = gpu_stream_new_beside(gpu, &error);
    GpuSpan    x = gpu_arena_take(arena, N * 4), y = gpu_arena_take(arena, N * 4);
    int        asked = 0;
    assert_true(gpu_info(gpu)->tier.second_queue == (gpu_info(gpu)->queues > 1));
    assert_true(gpu_stream_done(beside)); /* nothing is under way */
    gpu_stream_begin(beside);
    fixture_iota(beside, y, N, 11, gpu_groups(N, 64), 0);
    assert_true(gpu_stream_done(beside));
    assert_int_equal(gpu_stream_submit(beside, &error), STATUS_OK);
    for (int i = 0; i < 4; i++) {
        gpu_stream_begin(stream);
        fixture_iota(stream, x, N, (float)i, gpu_groups(N, 64), 0);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
        check_iota(gpu, x, (float)i);
    }
    while (!gpu_stream_done(beside)) {
        asked++;
    }
    assert_int_equal(gpu_stream_wait(beside, &error), STATUS_OK);
    check_iota(gpu, y, 11);
    printf("    %u queues; asked %d times in vain\n", gpu_info(gpu)->queues, asked);
    gpu_stream_begin(stream); /* what one has written the other reads */
    gpu_copy(stream, x, y);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    check_iota(gpu, x, 11);
    gpu_stream_begin(beside);
    gpu_copy(beside, y, x);
    fixture_iota(beside, x, N, 5, gpu_groups(N, 64), 0);
    assert_int_equal(gpu_stream_run(beside, &error), STATUS_OK);
    check_iota(gpu, y, 11);
    assert_int_equal(gpu_stream_submit(beside, &error), STATUS_OK);
    gpu_lose(gpu); /* while it is under way: it ends, and nothing follows */
    assert_int_equal(gpu_stream_wait(beside, &error), STATUS_OK);
    assert_int_equal(gpu_stream_submit(beside, &error), STATUS_DEVICE_LOST);
    assert_true(gpu_stream_done(beside));
    gpu_stream_free(beside);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_long_dispatch_comes_in_parts),
                                       cmocka_unit_test(short_dispatches_share_submissions),
                                       cmocka_unit_test(measured_rates_cut),
                                       cmocka_unit_test(timed_products_tell_the_rate),
                                       cmocka_unit_test(a_lost_device_says_so),
                                       cmocka_unit_test(a_stream_runs_beside_others),
                                       cmocka_unit_test(an_unaligned_span_is_refused),
                                       cmocka_unit_test(a_write_that_is_not_said_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
