/* What is rounded to halves before a product on matrix units: rows of f32, and parts of frozen weights. The kernels run
 * on every device, in both types. */
#include <math.h>
#include <stdio.h>

#include "engine/ops/weight_parts.h"
#include "tests/support/dequantize.h"
#include "tests/support/gpu_fixture.h"

/* Rows of f32 with a stride, from any place, to rows with zeros behind them. */
static void rounds_rows(void **state)
{
    enum { ROWS = 37, STRIDE = 25, BEFORE = 3, WIDEST = 24, PITCH = 24 };
    static const double odd[] = {0x1.01p0,  -0x1.03p0, 0x1.002p0, -0x1.006p0, 65519.0, 65520.0,  -1e30,      INFINITY,
                                 -INFINITY, 0x1.8p-24, -0x1p-25,  0x1.2p-25,  -0.0,    0x1p-126, 0x1.81p-126};
    (void)state;
    double *values = fixture_doubles(ROWS * STRIDE + BEFORE, 1);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        values[BEFORE + i * (STRIDE + 1)] = odd[i];
    }
    for (uint32_t width = WIDEST - 3; width <= WIDEST; width++) {
        for (ComputeType compute = COMPUTE_BF16; compute <= COMPUTE_F16; compute++) {
            const GpuSpan from = fixture_upload(values, ROWS * STRIDE + BEFORE), to = fixture_empty(ROWS * PITCH / 2);
            float        *want = fixture_alloc(ROWS * PITCH * sizeof *want);
            for (uint32_t i = 0; i < ROWS * PITCH; i++) {
                const uint32_t column = i % PITCH;
                want[i]               = column < width ? (float)values[BEFORE + i / PITCH * STRIDE + column] : 0;
            }
            matmul_record_halves(fixture_stream(), to, PITCH,
                                 gpu_span_slice(from, BEFORE * sizeof(float), ROWS * STRIDE * sizeof(float)), ROWS,
                                 width, STRIDE, compute);
            fixture_run();
            fixture_check_halves(compute_type_name(compute), (TypedSpan){to, compute}, want, ROWS * PITCH);
        }
    }
}

/* Part of a weight of each format: the host's numbers, rounded. */
static void dequantizes_parts(void **state)
{
    enum { ROWS = 70, COLUMNS = 150 };
    static const WeightPart parts[] = {{0, ROWS, 0, COLUMNS / 8}, {3, 50, 2, 15}, {69, 1, 17, 1}};
    (void)state;
    for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
        gpu_fixture_reset(NULL);
        const double *drawn = fixture_doubles(ROWS * COLUMNS, 2);
        float        *f32   = fixture_alloc(ROWS * COLUMNS * sizeof *f32);
        for (size_t i = 0; i < ROWS * COLUMNS; i++) { /* denormal f16 among them */
            f32[i] = (float)(drawn[i] * (i / COLUMNS % 7 == 0 ? 0x1p-20 : 1));
        }
        const size_t words  = (size_t)ROWS * weight_row_words(format, COLUMNS),
                     scales = (size_t)ROWS * weight_row_scales(format, COLUMNS);
        uint32_t *data = fixture_alloc(words * 4), *scale_words = fixture_alloc((scales + 1) * 4);
        quantize_rows(format, f32, ROWS, COLUMNS, data, scale_words);
        dequantize_rows(format, data, scale_words, ROWS, COLUMNS, f32);
        const GpuSpan stored = fixture_words(data, words);
        const Weight  weight = {.format  = format,
                                .rows    = ROWS,
                                .columns = COLUMNS,
                                .data    = stored,
                                .scales  = scales > 0 ? fixture_words(scale_words, scales) : stored};
        for (size_t i = 0; i < 2 * (sizeof parts / sizeof *parts); i++) {
            const WeightPart  part    = parts[i / 2];
            const ComputeType compute = i % 2 == 0 ? COMPUTE_BF16 : COMPUTE_F16;
            const size_t      count   = (size_t)part.rows * part.chunks * 8;
            const GpuSpan     to      = fixture_empty(count / 2);
            float            *want    = fixture_alloc(count * sizeof *want);
            for (size_t j = 0; j < count; j++) {
                const size_t width = part.chunks * 8, row = part.first_row + j / width;
                want[j] = f32[row * COLUMNS + part.first_chunk * 8 + j % width];
            }
            weight_dequantize_halves(fixture_stream(), to, &weight, compute, part);
            fixture_run();
            char name[60];
            snprintf(name, sizeof name, "%s to %s, part %zu", weight_format_name(format), compute_type_name(compute),
                     i / 2);
            fixture_check_halves(name, (TypedSpan){to, compute}, want, count);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(rounds_rows), fixture_test(dequantizes_parts)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
