/* Formats of frozen weights: rounding, error bounds, odd widths, values that are no numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/dtype.h"
#include "engine/io/quantize.h"
#include "engine/random.h"
#include "tests/support/dequantize.h"

static float *random_floats(uint64_t count, double scale, uint64_t seed)
{
    float *values = malloc(count * sizeof *values);
    Random random = random_stream(seed, RANDOM_INIT, 0, 0);
    for (uint64_t i = 0; i < count; i++) {
        values[i] = (float)(scale * random_normal(&random));
    }
    return values;
}

/* There and back; the caller frees. */
static float *through(WeightFormat format, const float *values, uint64_t rows, uint32_t columns)
{
    uint32_t *words                                   = calloc(rows * weight_row_words(format, columns) + 1, 4);
    uint32_t *scales                                  = calloc(rows * weight_row_scales(format, columns) + 1, 4);
    float    *back                                    = malloc(rows * columns * sizeof *back);
    words[rows * weight_row_words(format, columns)]   = 0xDEADBEEF; /* nothing may be written behind the rows */
    scales[rows * weight_row_scales(format, columns)] = 0xDEADBEEF;
    quantize_rows(format, values, rows, columns, words, scales);
    assert_int_equal(words[rows * weight_row_words(format, columns)], 0xDEADBEEF);
    assert_int_equal(scales[rows * weight_row_scales(format, columns)], 0xDEADBEEF);
    dequantize_rows(format, words, scales, rows, columns, back);
    free(words);
    free(scales);
    return back;
}

static double relative_rms(const float *got, const float *want, uint64_t count)
{
    double off = 0, all = 0;
    for (uint64_t i = 0; i < count; i++) {
        off += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        all += (double)want[i] * want[i];
    }
    return sqrt(off / all);
}

/* Bounds a little above what normal numbers give: 2^-9/sqrt(3) and the like for halves. */
static void error_of_normal_numbers(void **state)
{
    (void)state;
    static const double most[WEIGHT_FORMATS] = {0, 1.8e-3, 2.2e-4, 5.6e-3, 7.6e-2};
    const uint32_t      columns              = 4096;
    for (double scale = 1e-4; scale < 1e3; scale *= 100) {
        float *values = random_floats((uint64_t)64 * columns, scale, 7);
        for (WeightFormat f = 0; f < WEIGHT_FORMATS; f++) {
            float       *back  = through(f, values, 64, columns);
            const double error = relative_rms(back, values, (uint64_t)64 * columns);
            if (f != WEIGHT_F16 || scale > 1e-3) { /* a half's subnormals are coarser */
                printf("    %-4s at %g: relative RMS error %.3e (allowed %.1e)\n", weight_format_name(f), scale, error,
                       most[f]);
                assert_true(error <= most[f] && (error > 0) == (f != WEIGHT_F32));
            }
            free(back);
        }
        free(values);
    }
}

/* Every element of int8 is within half a step, and of int4 within half its widest step, of its block. */
static void error_of_every_element(void **state)
{
    (void)state;
    for (uint32_t columns = 1; columns < 100; columns += 7) {
        float *values = random_floats((uint64_t)9 * columns, 0.02, columns);
        for (WeightFormat f = WEIGHT_INT8; f <= WEIGHT_INT4; f++) {
            float *back = through(f, values, 9, columns);
            for (uint32_t i = 0; i < 9 * columns; i++) {
                const uint32_t row = i / columns, begin = i % columns / WEIGHT_BLOCK * WEIGHT_BLOCK;
                float          peak = 0;
                for (uint32_t j = begin; j < begin + WEIGHT_BLOCK && j < columns; j++) {
                    peak = fmaxf(peak, fabsf(values[row * columns + j]));
                }
                const float bound = f == WEIGHT_INT8 ? peak / 127 * 0.505f + peak * 0.004f : peak * 0.22f;
                assert_true(fabsf(back[i] - values[i]) <= bound);
            }
            free(back);
        }
        free(values);
    }
}

/* int8 as it is defined, one weight at a time: what the vectors must come to, to the bit. */
static void plain_int8(const float *x, uint32_t columns, uint32_t *words, uint32_t *scales)
{
    memset(words, 0, (size_t)weight_row_words(WEIGHT_INT8, columns) * 4);
    memset(scales, 0, (size_t)weight_row_scales(WEIGHT_INT8, columns) * 4);
    for (uint32_t begin = 0; begin < columns; begin += WEIGHT_BLOCK) {
        const uint32_t count = columns - begin < WEIGHT_BLOCK ? columns - begin : WEIGHT_BLOCK,
                       b     = begin / WEIGHT_BLOCK;
        float peak           = 0;
        int   exponent;
        for (uint32_t i = begin; i < begin + count; i++) {
            peak = isfinite(x[i]) ? fmaxf(peak, fabsf(x[i])) : peak;
        }
        if (peak == 0) {
            continue;
        }
        const float scale = f32_from_bf16(bf16_from_f32(frexpf(peak, &exponent) / 127)), inverse = 1 / scale;
        for (uint32_t i = begin; i < begin + count; i++) {
            const float level = isfinite(x[i]) ? ldexpf(x[i], -exponent) * inverse : 0;
            words[i / 4] |= ((uint32_t)lrintf(fminf(fmaxf(level, -127), 127)) & 0xff) << i % 4 * 8;
        }
        scales[b / 2] |= (uint32_t)bf16_from_f32(ldexpf(scale, exponent)) << b % 2 * 16;
    }
}

static void int8_is_what_it_is_defined_as(void **state)
{
    (void)state;
    Random random = random_stream(11, RANDOM_INIT, 0, 0);
    for (int turn = 0; turn < 2000; turn++) {
        const uint32_t columns = 1 + random_below(&random, 200);
        float          x[200];
        uint32_t       words[2][8 * 7], scales[2][4];
        for (uint32_t i = 0; i < columns; i++) {
            /* of every size, few of them such as no weight is */
            x[i] = ldexpf((float)random_normal(&random),
                          turn % 4 == 0 ? (int)random_below(&random, 270) - 140 : turn % 90 - 45);
            x[i] = turn % 8 != 1              ? x[i]
                   : random_below(&random, 9) ? (float)(int)(x[i] * 8) * 0.5f /* ties */
                                              : (float[]){NAN, INFINITY, -INFINITY, 0, -0.0f}[i % 5];
        }
        plain_int8(x, columns, words[0], scales[0]);
        quantize_rows(WEIGHT_INT8, x, 1, columns, words[1], scales[1]);
        assert_memory_equal(words[0], words[1], (size_t)weight_row_words(WEIGHT_INT8, columns) * 4);
        assert_memory_equal(scales[0], scales[1], (size_t)weight_row_scales(WEIGHT_INT8, columns) * 4);
    }
}

/* No scale of a fine grid, of either sign, leaves much less of a block's error than the one that was searched for. */
static void int4_finds_its_scale(void **state)
{
    (void)state;
    enum { BLOCKS = 500, GRID = 400 };
    float *values = random_floats((uint64_t)BLOCKS * WEIGHT_BLOCK, 0.05, 3);
    float *back   = through(WEIGHT_INT4, values, BLOCKS, WEIGHT_BLOCK);
    double found = 0, least = 0;
    for (int block = 0; block < BLOCKS; block++) {
        const float *x = values + block * WEIGHT_BLOCK, *y = back + block * WEIGHT_BLOCK;
        double       off = 0, best = INFINITY;
        float        peak = 0;
        for (int i = 0; i < WEIGHT_BLOCK; i++) {
            off += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
            peak = fmaxf(peak, fabsf(x[i]));
        }
        for (int g = 0; g < 2 * GRID; g++) {
            const double scale = (g % 2 ? -1 : 1) * peak / 1183 * (0.5 + 0.6 * g / (2 * GRID));
            double       sum   = 0;
            for (int i = 0; i < WEIGHT_BLOCK; i++) {
                double nearest = INFINITY;
                for (int q = -8; q < 8; q++) {
                    nearest = fmin(nearest, fabs(x[i] - scale * q * (120 + q * q)));
                }
                sum += nearest * nearest;
            }
            best = fmin(best, sum);
        }
        found += off;
        least += best;
    }
    printf("    RMS error %.3f of the least that any scale leaves\n", sqrt(found / least));
    assert_true(found <= 1.03 * least);
    free(values);
    free(back);
}

/* What a format can hold comes back to the bit. */
static void exact_where_it_can_be(void **state)
{
    (void)state;
    float values[64];
    for (int i = 0; i < 64; i++) {
        values[i] = (float)(i % 2 ? -i : i) * 0.03125f; /* bf16 and f16 hold these */
    }
    for (WeightFormat f = WEIGHT_F32; f <= WEIGHT_F16; f++) {
        float *back = through(f, values, 1, 64);
        assert_memory_equal(back, values, sizeof values);
        free(back);
    }
    for (WeightFormat f = WEIGHT_INT8; f <= WEIGHT_INT4; f++) { /* what was quantized once stays as it is */
        float *once = through(f, values, 2, 32), *twice = through(f, once, 2, 32);
        if (f == WEIGHT_INT8) {
            assert_true(relative_rms(twice, once, 64) < 2e-3); /* the scale is found again to its rounding */
        } else {
            assert_true(relative_rms(twice, once, 64) < 1e-6);
        }
        free(once);
        free(twice);
    }
    const float zeros[40] = {0};
    for (WeightFormat f = 0; f < WEIGHT_FORMATS; f++) {
        float *back = through(f, zeros, 1, 40);
        assert_memory_equal(back, zeros, sizeof zeros);
        free(back);
    }
}

/* Numbers that are none, too large or too small for a scale do no harm to their neighbours. */
static void what_is_no_number(void **state)
{
    (void)state;
    float values[96];
    for (int i = 0; i < 96; i++) {
        values[i] = 0.5f + (float)i / 96;
    }
    values[3]  = NAN;
    values[40] = INFINITY;
    for (int i = 64; i < 96; i++) {
        values[i] = i % 2 ? 1e-42f : 3e-40f;
    }
    for (WeightFormat f = WEIGHT_INT8; f <= WEIGHT_INT4; f++) {
        float *back = through(f, values, 1, 96);
        for (int i = 0; i < 96; i++) {
            const float want = i == 3 || i == 40 ? 0 : values[i];
            assert_true(isfinite(back[i]) && fabsf(back[i] - want) <= 0.25f);
        }
        free(back);
    }
    for (int i = 0; i < 96; i++) {
        values[i] = i % 3 ? 3e38f : -1e38f;
    }
    for (WeightFormat f = WEIGHT_INT8; f <= WEIGHT_INT4; f++) {
        float *back = through(f, values, 1, 96);
        for (int i = 0; i < 96; i++) {
            assert_true(isfinite(back[i]) && fabsf(back[i] - values[i]) < 5e37f);
        }
        free(back);
    }
}

static void names(void **state)
{
    (void)state;
    for (WeightFormat f = 0; f < WEIGHT_FORMATS; f++) {
        assert_int_equal(weight_format_find(weight_format_name(f)), f);
    }
    assert_int_equal(weight_format_find("int2"), WEIGHT_FORMATS);
    assert_int_equal(weight_format_find(""), WEIGHT_FORMATS);
    assert_true(weight_row_words(WEIGHT_INT4, 4096) * 32 + weight_row_scales(WEIGHT_INT4, 4096) * 32 == 4.5 * 4096);
    assert_true(weight_row_words(WEIGHT_INT8, 4096) * 32 + weight_row_scales(WEIGHT_INT8, 4096) * 32 == 8.5 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(error_of_normal_numbers),
                                       cmocka_unit_test(error_of_every_element),
                                       cmocka_unit_test(int8_is_what_it_is_defined_as),
                                       cmocka_unit_test(int4_finds_its_scale),
                                       cmocka_unit_test(exact_where_it_can_be),
                                       cmocka_unit_test(what_is_no_number),
                                       cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
