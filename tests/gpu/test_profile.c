/* --profile: kernels, copies and idle time add up to the time by the clock; flops and bytes are those of the shapes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/ops/matmul.h"
#include "engine/vk/stream.h"

enum { M = 96, N = 64, K = 128, RUNS = 3, FILL = 4096 };

static struct {
    Gpu       *gpu;
    GpuArena  *arena;
    GpuStream *stream;
} test;

static int open_device(void **state)
{
    (void)state;
    Error error = {0};
    test.gpu    = gpu_open(&(GpuOptions){.validate = true, .profile = true}, &error);
    test.arena  = test.gpu != NULL ? gpu_arena_new(test.gpu, "test", GPU_MEMORY_DEVICE, 16 << 20, &error) : NULL;
    test.stream = test.arena != NULL ? gpu_stream_new(test.gpu, &error) : NULL;
    if (test.stream == NULL) {
        print_error("no device for the test: %s\n", error.text);
        return -1;
    }
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    const int messages = gpu_validation_count(test.gpu);
    if (messages > 0) {
        print_error("%d validation messages; the first: %s\n", messages, gpu_validation_first(test.gpu));
    }
    gpu_stream_free(test.stream);
    gpu_arena_free(test.arena);
    gpu_close(test.gpu);
    if (messages > 0) {
        exit(EXIT_FAILURE); /* cmocka leaves a failed group tear-down out of its result */
    }
    return 0;
}

/* Skips a test of times on a device that has none. */
static void need_timestamps(void)
{
    if (!gpu_info(test.gpu)->tier.timestamps) {
        skip();
    }
}

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void run_stream(void)
{
    Error error = {0};
    if (gpu_stream_run(test.stream, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

static GpuProfileRow row_named(const char *part)
{
    GpuProfileRow rows[64], found = {.kernel = NULL};
    const int     count = gpu_profile_rows(test.gpu, rows, 64);
    for (int i = 0; i < count; i++) {
        if (strncmp(rows[i].kernel, part, strlen(part)) == 0 && rows[i].flops >= found.flops) {
            found = rows[i];
        }
    }
    return found;
}

static void counts_flops_and_bytes(void **state)
{
    (void)state;
    need_timestamps();
    const uint64_t workspace = matmul_workspace(test.stream, MATMUL_NT, M, N, K);
    const GpuSpan  a = gpu_arena_take(test.arena, M * K * 4), b = gpu_arena_take(test.arena, N * K * 4);
    const GpuSpan  c = gpu_arena_take(test.arena, M * N * 4), filled = gpu_arena_take(test.arena, FILL);
    const Matmul   product = {.layout    = MATMUL_NT,
                              .a         = a,
                              .b         = b,
                              .c         = c,
                              .m         = M,
                              .n         = N,
                              .k         = K,
                              .workspace = workspace > 0 ? gpu_arena_take(test.arena, workspace) : (GpuSpan){0}};
    gpu_stream_begin(test.stream);
    gpu_fill(test.stream, a, 0x3f800000);
    gpu_fill(test.stream, filled, 7);
    gpu_copy(test.stream, b, gpu_span_slice(a, 0, N * K * 4));
    matmul(test.stream, &product);
    gpu_profile_reset(test.gpu);
    for (int i = 0; i < RUNS; i++) { /* a recording that is run again counts again */
        run_stream();
    }
    const GpuProfileRow gemm = row_named("gemm"), fill = row_named("fill"), copy = row_named("copy");
    assert_non_null(gemm.kernel);
    assert_near(gemm.flops, RUNS * 2.0 * M * N * K, 0.5);
    assert_true(gemm.bytes >= RUNS * 4.0 * (M * K + N * K + M * N)); /* packed panels may be longer */
    assert_true(gemm.bytes <= RUNS * 8.0 * (M * K + N * K + M * N));
    assert_int_equal(fill.calls, 2 * RUNS);
    assert_near(fill.bytes, RUNS * (M * K * 4.0 + FILL), 0.5);
    assert_int_equal(copy.calls, RUNS);
    assert_near(copy.bytes, RUNS * 2.0 * N * K * 4, 0.5);
    assert_near(copy.flops, 0, 0);
}

/* Every layout, and shapes that fit no fast kernel, so that the one for all shapes counts too. */
static void counts_the_flops_of_every_product(void **state)
{
    (void)state;
    need_timestamps();
    static const uint32_t shapes[][3] = {{64, 64, 64}, {61, 33, 7}, {5, 64, 64}, {96, 130, 200}};
    for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const uint32_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
            GpuProfileRow  rows[64];
            double         flops     = 0;
            const uint64_t workspace = matmul_workspace(test.stream, (MatmulLayout)layout, m, n, k);
            const Matmul   product   = {.layout    = (MatmulLayout)layout,
                                        .a         = gpu_arena_take(test.arena, m * k * 4),
                                        .b         = gpu_arena_take(test.arena, n * k * 4),
                                        .c         = gpu_arena_take(test.arena, m * n * 4),
                                        .m         = m,
                                        .n         = n,
                                        .k         = k,
                                        .workspace = workspace > 0 ? gpu_arena_take(test.arena, workspace) : (GpuSpan){0}};
            gpu_stream_begin(test.stream);
            matmul(test.stream, &product);
            gpu_profile_reset(test.gpu);
            run_stream();
            const int count = gpu_profile_rows(test.gpu, rows, 64);
            for (int row = 0; row < count; row++) {
                flops += rows[row].flops;
            }
            if (fabs(flops - 2.0 * m * n * k) > 0.5) {
                fail_msg("layout %d, %u x %u x %u: %.0f flops counted", layout, m, n, k, flops);
            }
        }
    }
}

static void a_range_bound_twice_counts_once(void **state)
{
    (void)state;
    need_timestamps();
    const uint32_t count = 1000;
    const struct {
        uint32_t count;
        float    start;
    } push          = {count, 1.0f};
    const GpuSpan x = gpu_arena_take(test.arena, count * 4);
    gpu_stream_begin(test.stream);
    GpuDispatch dispatch = {.kernel     = "fill_iota",
                            .spec       = {64},
                            .spec_count = 1,
                            .bind       = {gpu_write(x), gpu_write(x), gpu_read(gpu_span_slice(x, 0, 256))},
                            .push       = &push,
                            .push_size  = sizeof push,
                            .groups     = gpu_groups(count, 64)};
    gpu_dispatch(test.stream, &dispatch);
    dispatch.bytes = GPU_UNKNOWN; /* of one call: then of all together nothing is known */
    gpu_profile_reset(test.gpu);
    run_stream();
    assert_near(row_named("fill_iota").bytes, count * 4.0 + 256, 0.5);
    gpu_stream_begin(test.stream);
    gpu_stream_flops(test.stream, 5);
    gpu_dispatch(test.stream, &dispatch);
    gpu_stream_flops(test.stream, 0);
    gpu_dispatch(test.stream, &dispatch);
    gpu_profile_reset(test.gpu);
    run_stream();
    assert_near(row_named("fill_iota").bytes, 0, 0);
    assert_near(row_named("fill_iota").flops, 5, 0);
}

static void parts_add_up_to_the_clock(void **state)
{
    (void)state;
    need_timestamps();
    const struct timespec pause = {0, 60000000};
    const GpuSpan         a = gpu_arena_take(test.arena, 256 << 10), b = gpu_arena_take(test.arena, 256 << 10);
    gpu_stream_begin(test.stream);
    for (int i = 0; i < 8; i++) {
        gpu_copy(test.stream, i % 2 == 0 ? b : a, i % 2 == 0 ? a : b);
    }
    run_stream();
    const double start = clock_now();
    gpu_profile_reset(test.gpu);
    for (int i = 0; i < RUNS; i++) { /* the host keeps the device waiting */
        nanosleep(&pause, NULL);
        run_stream();
    }
    const double     took = clock_now() - start;
    const GpuProfile sum  = gpu_profile(test.gpu);
    GpuProfileRow    rows[8];
    double           kernels = 0;
    for (int i = 0, n = gpu_profile_rows(test.gpu, rows, 8); i < n; i++) {
        kernels += rows[i].seconds;
    }
    assert_int_equal(sum.runs, RUNS);
    assert_int_equal(sum.kernels, RUNS * 8);
    assert_int_equal(sum.untimed, 0);
    assert_near(kernels, sum.kernel_seconds, 1e-9);
    assert_near(sum.kernel_seconds + sum.gap_seconds + sum.idle_seconds, sum.wall_seconds, 1e-9);
    assert_true(sum.kernel_seconds > 0 && sum.gap_seconds >= -1e-6);
    assert_true(sum.wall_seconds <= took && sum.wall_seconds > RUNS * 0.06);
    assert_true(sum.idle_seconds >= RUNS * 0.0599); /* timestamps are in the clock's seconds, or this fails */
}

static void says_what_it_could_not_time(void **state)
{
    (void)state;
    need_timestamps();
    const GpuSpan a = gpu_arena_take(test.arena, 256);
    gpu_stream_begin(test.stream);
    for (int i = 0; i < 8192 + 5; i++) {
        gpu_fill(test.stream, a, 1);
    }
    gpu_profile_reset(test.gpu);
    run_stream();
    const GpuProfile sum = gpu_profile(test.gpu);
    assert_int_equal(sum.kernels, 8192);
    assert_int_equal(sum.untimed, 5);
    gpu_profile_reset(test.gpu);
    assert_near(gpu_profile(test.gpu).wall_seconds, 0, 0);
    assert_int_equal(gpu_profile_rows(test.gpu, &(GpuProfileRow){0}, 1), 0);
}

/* A device without timestamps runs all the same. */
static void without_timestamps_nothing_is_timed(void **state)
{
    (void)state;
    if (gpu_info(test.gpu)->tier.timestamps) {
        skip();
    }
    const GpuSpan filled = gpu_arena_take(test.arena, FILL);
    gpu_profile_reset(test.gpu);
    gpu_stream_begin(test.stream);
    gpu_fill(test.stream, filled, 7);
    run_stream();
    assert_int_equal(gpu_profile_rows(test.gpu, &(GpuProfileRow){0}, 1), 0);
    assert_near(gpu_profile(test.gpu).wall_seconds, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_flops_and_bytes),          cmocka_unit_test(counts_the_flops_of_every_product),
        cmocka_unit_test(a_range_bound_twice_counts_once), cmocka_unit_test(parts_add_up_to_the_clock),
        cmocka_unit_test(says_what_it_could_not_time),     cmocka_unit_test(without_timestamps_nothing_is_timed),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
