/* Matrix units round f32 to f16 by the card's own conversion where it is promised to be right, else by integer
 * operations. Both give the nearest number, ties to even, infinity from 65,520 on, NaN from NaN: for every f16, the
 * middles between neighbours, what lies just beside them, every exponent, and random bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ops/matmul_parts.h"
#include "engine/ops/weight.h"
#include "engine/random.h"
#include "tests/support/gpu_fixture.h"

/* A value lies alone in a row of zeros, so that a product with the unit matrix gives it, rounded, whatever it is. */
enum { WIDTH = 16, MOST = 220000 };

typedef struct Device {
    Gpu                 *gpu;
    GpuArena            *arena;
    GpuStream           *stream;
    const MatmulVariant *variant; /* gemm_coopmat in f16; NULL: the device has none */
    MatmulVariant        list[MATMUL_VARIANTS];
} Device;

static Device *device_open(GpuRounding rounding)
{
    Error   error  = {0};
    Device *device = fixture_alloc(sizeof *device);
    device->gpu =
        fixture_device(&(GpuOptions){.select = getenv("RLSP_TEST_DEVICE"), .validate = true, .rounding = rounding});
    device->stream  = gpu_stream_new(device->gpu, &error);
    const int count = matmul_variants(gpu_info(device->gpu), device->list);
    for (int i = 0; i < count; i++) { /* the last and smallest tiles compile soonest */
        if (device->list[i].kernel == KERNEL_COOPMAT && device->list[i].compute == COMPUTE_F16 &&
            device->list[i].lacks[0] == '\0') {
            device->variant = &device->list[i];
        }
    }
    assert_non_null(device->stream);
    return device;
}

static void device_close(Device *device)
{
    gpu_stream_free(device->stream);
    gpu_arena_free(device->arena);
    fixture_device_close(device->gpu);
}

/* Room for the spans of one product, in place of the last one's. */
static void new_arena(Device *device, uint64_t bytes)
{
    Error error = {0};
    gpu_arena_free(device->arena);
    device->arena = gpu_arena_new(device->gpu, "test", GPU_MEMORY_DEVICE, bytes, &error);
    assert_non_null(device->arena);
}

static GpuSpan upload(Device *device, const void *data, size_t bytes)
{
    Error         error = {0};
    const GpuSpan span  = gpu_arena_take(device->arena, bytes);
    assert_int_equal(gpu_upload(device->gpu, span, data, bytes, &error), STATUS_OK);
    return span;
}

/* Runs what was recorded, and downloads. */
static float *run(Device *device, GpuSpan c, size_t count)
{
    Error  error = {0};
    float *got   = fixture_alloc(count * sizeof *got);
    if (gpu_stream_run(device->stream, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(gpu_download(device->gpu, c, got, count * sizeof *got, &error), STATUS_OK);
    return got;
}

/* --- the numbers ---------------------------------------------------------------------------- */

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static size_t add_beside(float *values, size_t count, double x)
{
    const float f   = (float)x;
    values[count++] = f;
    values[count++] = nextafterf(f, 0);
    values[count++] = nextafterf(f, INFINITY);
    return count;
}

static size_t all_values(float values[MOST])
{
    size_t count = 0;
    for (uint32_t h = 0; h < 0x7c00; h++) { /* every f16 and the middle between it and the next one */
        const uint32_t exponent = h >> 10, step = exponent == 0 ? 1 : exponent;
        const double   unit = ldexp(1, (int)step - 25), x = ((h & 0x3ff) + (exponent == 0 ? 0 : 1024)) * unit;
        count = add_beside(values, count, x);
        count = add_beside(values, count, x + unit / 2);
    }
    static const uint32_t mantissas[] = {0,      1,      0xfff,    0x1000,   0x1001,  0x2fff,
                                         0x3000, 0x3001, 0x400000, 0x7fefff, 0x7fffff};
    for (uint32_t exponent = 0; exponent < 256; exponent++) { /* infinity and NaN among them */
        for (size_t i = 0; i < sizeof mantissas / sizeof *mantissas; i++) {
            values[count++] = float_of(exponent << 23 | mantissas[i]);
        }
    }
    Random random = random_stream(1, RANDOM_TEST, 0, 0);
    while (count < MOST) {
        values[count++] = float_of(random_u32(&random));
    }
    for (size_t i = 0; i < count; i++) { /* both signs, each of some of all kinds */
        values[i] = random_u32(&random) & 1 ? -values[i] : values[i];
    }
    return count;
}

/* The nearest f16, by double arithmetic. */
static double nearest(float x)
{
    if (isnan(x) || isinf(x) || x == 0) {
        return (double)x;
    }
    const int    exponent = ilogbf(x) > -14 ? ilogbf(x) : -14;
    const double rounded  = ldexp(nearbyint(ldexp((double)x, 10 - exponent)), exponent - 10);
    return fabs(rounded) > 65504 ? copysign(INFINITY, rounded) : rounded;
}

static bool same(double want, float got)
{
    return isnan(want) ? isnan(got) : want == (double)got;
}

/* --- products with the unit matrix ------------------------------------------------------------ */

/* Rounds as an A of f32 [count, WIDTH], or as a B. */
static void round_values(Device *device, const float *values, size_t count, bool as_b, bool denormals)
{
    float *rows = fixture_alloc(count * WIDTH * sizeof *rows), unit[WIDTH * WIDTH] = {0};
    for (size_t i = 0; i < count; i++) {
        rows[i * WIDTH + i % WIDTH] = values[i];
    }
    for (int i = 0; i < WIDTH; i++) {
        unit[i * WIDTH + i] = 1;
    }
    new_arena(device, (uint64_t)count * WIDTH * 9);
    const GpuSpan many = upload(device, rows, count * WIDTH * sizeof *rows), one = upload(device, unit, sizeof unit);
    const Matmul  p = {.layout  = MATMUL_NT,
                       .c       = gpu_arena_take(device->arena, count * WIDTH * sizeof(float)),
                       .a       = as_b ? one : many,
                       .b       = as_b ? many : one,
                       .compute = COMPUTE_F16,
                       .m       = as_b ? WIDTH : (uint32_t)count,
                       .n       = as_b ? (uint32_t)count : WIDTH,
                       .k       = WIDTH,
                       .variant = device->variant};
    gpu_stream_begin(device->stream);
    matmul(device->stream, &p);
    const float *got = run(device, p.c, count * WIDTH);
    for (size_t i = 0; i < count; i++) {
        const double want  = nearest(values[i]);
        const float  c     = as_b ? got[i % WIDTH * count + i] : got[i * WIDTH + i % WIDTH];
        const bool   small = fabs(want) < ldexp(1, -14);
        if (!same(want, c) && (denormals || !small || c != 0)) {
            fail_msg("%a as %s comes to %a instead of %a", (double)values[i], as_b ? "B" : "A", (double)c, want);
        }
    }
}

/* Whether the matrix unit takes a denormal half for what it is; what becomes of those is not a matter of rounding. */
static bool unit_keeps_denormals(Device *device)
{
    const uint32_t halves[WIDTH / 2] = {1};
    const float    unit[WIDTH]       = {1};
    new_arena(device, 1 << 16);
    const Matmul p = {.layout   = MATMUL_NT,
                      .c        = gpu_arena_take(device->arena, sizeof(float)),
                      .a        = upload(device, halves, sizeof halves),
                      .b        = upload(device, unit, sizeof unit),
                      .compute  = COMPUTE_F16,
                      .a_halves = true,
                      .m        = 1,
                      .n        = 1,
                      .k        = WIDTH,
                      .variant  = device->variant};
    gpu_stream_begin(device->stream);
    matmul(device->stream, &p);
    const bool keeps = run(device, p.c, 1)[0] == 0x1p-24f;
    if (!keeps) {
        print_message("denormal halves vanish in the matrix unit: what is rounded to them is not judged\n");
    }
    return keeps;
}

static bool has_units(Device *device)
{
    if (device->variant == NULL) {
        print_message("no products of f16 on matrix units here: nothing to round\n");
    }
    return device->variant != NULL;
}

/* The device's conversion, where it can be judged. */
static bool promised(const Device *device, bool *denormals)
{
    const GpuInfo *info = gpu_info(device->gpu);
    *denormals          = info->tier.fp16_rounding;
    if (!info->tier.fp16_rounding) {
        print_message("%s does not promise how it rounds to f16: %s\n", info->name,
                      info->type == GPU_CPU ? "denormal numbers may vanish" : "not judged");
    }
    return info->tier.fp16_rounding || info->type == GPU_CPU; /* lavapipe promises all but these */
}

static void rounds_to_the_nearest(GpuRounding rounding)
{
    float       *values = fixture_alloc(MOST * sizeof *values);
    const size_t count  = all_values(values);
    Device      *device = device_open(rounding);
    const bool   runs   = has_units(device);
    bool         whole = true, judged = runs;
    if (judged && rounding == GPU_ROUNDING_DEVICE) {
        judged = promised(device, &whole);
    }
    if (judged) {
        whole = unit_keeps_denormals(device) && whole;
        round_values(device, values, count, false, whole);
        round_values(device, values, count, true, whole);
    }
    device_close(device);
    if (!judged) {
        skip();
    }
}

static void by_integers(void **state)
{
    (void)state;
    rounds_to_the_nearest(GPU_ROUNDING_INTEGERS);
}

static void by_the_device(void **state)
{
    (void)state;
    rounds_to_the_nearest(GPU_ROUNDING_DEVICE);
}

/* --- weights ----------------------------------------------------------------------------------- */

enum { ROWS = 70, COLUMNS = 128, TOKENS = 40 };

static float *weight_product(Device *device, WeightFormat format, const float *weight, const float *a)
{
    const size_t words  = (size_t)ROWS * weight_row_words(format, COLUMNS),
                 scales = (size_t)ROWS * weight_row_scales(format, COLUMNS);
    uint32_t *data = fixture_alloc(words * 4), *scale_words = fixture_alloc((scales + 1) * 4);
    quantize_rows(format, weight, ROWS, COLUMNS, data, scale_words);
    new_arena(device, 1 << 20);
    const Weight w = {format,
                      ROWS,
                      COLUMNS,
                      upload(device, data, words * 4),
                      scales > 0 ? upload(device, scale_words, scales * 4) : (GpuSpan){0},
                      COMPUTE_F16};
    const Matmul p = {.layout  = MATMUL_NT,
                      .c       = gpu_arena_take(device->arena, TOKENS * ROWS * sizeof(float)),
                      .a       = upload(device, a, TOKENS * COLUMNS * sizeof *a),
                      .m       = TOKENS,
                      .n       = ROWS,
                      .k       = COLUMNS,
                      .variant = device->variant};
    gpu_stream_begin(device->stream);
    weight_matmul(device->stream, &p, &w);
    return run(device, p.c, TOKENS * ROWS);
}

/* Products of frozen weights in formats other than f16: the same bits either way. */
static void weights_are_the_same(void **state)
{
    (void)state;
    Device       *integers = device_open(GPU_ROUNDING_INTEGERS), *device = device_open(GPU_ROUNDING_DEVICE);
    const double *drawn  = fixture_doubles(ROWS * COLUMNS + TOKENS * COLUMNS, 1);
    float        *floats = fixture_alloc((ROWS * COLUMNS + TOKENS * COLUMNS) * sizeof *floats);
    bool          denormals, judged = has_units(device) && promised(device, &denormals);
    for (size_t i = 0; i < ROWS * COLUMNS + TOKENS * COLUMNS; i++) {
        floats[i] = (float)drawn[i];
    }
    for (WeightFormat format = WEIGHT_BF16; judged && format < WEIGHT_FORMATS; format++) {
        if (format != WEIGHT_F16) {
            const float *want = weight_product(integers, format, floats, floats + ROWS * COLUMNS);
            const float *got  = weight_product(device, format, floats, floats + ROWS * COLUMNS);
            if (memcmp(want, got, TOKENS * ROWS * sizeof *got) != 0) {
                fail_msg("products with a weight of %s have other bits", weight_format_name(format));
            }
        }
    }
    device_close(device);
    device_close(integers);
    if (!judged) {
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(by_integers), fixture_test(by_the_device),
                                       fixture_test(weights_are_the_same)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
