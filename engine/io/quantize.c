#include "engine/io/quantize.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "engine/io/dtype.h"

enum { INT8_MAX_LEVEL = 127, LONG_JOB = 1 << 16, MAX_THREADS = 8 };

static const char *const names[WEIGHT_FORMATS] = {"f32", "bf16", "f16", "int8", "int4"};

const char *weight_format_name(WeightFormat format)
{
    return names[format];
}

WeightFormat weight_format_find(const char *name)
{
    WeightFormat format = 0;
    while (format < WEIGHT_FORMATS && strcmp(names[format], name) != 0) {
        format++;
    }
    return format;
}

static uint32_t blocks_of(uint32_t columns)
{
    return (columns + WEIGHT_BLOCK - 1) / WEIGHT_BLOCK;
}

uint32_t weight_row_words(WeightFormat format, uint32_t columns)
{
    switch (format) {
    case WEIGHT_BF16:
    case WEIGHT_F16: return (columns + 7) / 8 * 4;
    case WEIGHT_INT8: return blocks_of(columns) * 8;
    case WEIGHT_INT4: return blocks_of(columns) * 4;
    case WEIGHT_F32:
    case WEIGHT_FORMATS: break;
    }
    return columns;
}

uint32_t weight_row_scales(WeightFormat format, uint32_t columns)
{
    return format == WEIGHT_INT8 || format == WEIGHT_INT4 ? (blocks_of(columns) + 1) / 2 : 0;
}

/* --- blocks --------------------------------------------------------------------------- */

/* The largest magnitude of a block, with its sign. */
static float peak_of(const float *x)
{
    float peak = 0.0f;
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        peak = fabsf(x[i]) > fabsf(peak) ? x[i] : peak;
    }
    return peak;
}

/* x [WEIGHT_BLOCK], of magnitudes about 1, to eight words; the bits of the scale times 2^exponent. */
static uint16_t pack_int8(const float *x, int exponent, uint32_t *words)
{
    const float scale = f32_from_bf16(bf16_from_f32(fabsf(peak_of(x)) / INT8_MAX_LEVEL)), inverse = 1.0f / scale;
    for (int w = 0; w < 8; w++) {
        uint32_t word = 0;
        for (int j = 0; j < 4; j++) {
            /* a scale that was rounded down may put the largest beyond the last level */
            const float level = fminf(fmaxf(x[4 * w + j] * inverse, -INT8_MAX_LEVEL), INT8_MAX_LEVEL);
            word |= ((uint32_t)(int32_t)lrintf(level) & 0xff) << 8 * j;
        }
        words[w] = word;
    }
    return bf16_from_f32(ldexpf(scale, exponent));
}

/* A block at one scale: the q (as floats, -8 to 7) of the nearest levels; the squared error, and in *fitted the
 * scale that fits these levels best. */
static float fit_int4(const float *x, float scale, float *q, float *fitted)
{
    /* half-way between levels */
    static const float bounds[15] = {-1327.5f, -1059.5f, -830.5f, -634.5f, -465.5f, -317.5f, -184.5f, -60.5f,
                                     60.5f,    184.5f,   317.5f,  465.5f,  634.5f,  830.5f,  1059.5f};
    const float        inverse    = 1.0f / scale;
    float              error = 0.0f, across = 0.0f, along = 0.0f;
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        q[i] = -8.0f;
    }
    for (int b = 0; b < 15; b++) {
        for (int i = 0; i < WEIGHT_BLOCK; i++) {
            q[i] += x[i] * inverse > bounds[b] ? 1.0f : 0.0f;
        }
    }
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        const float level = q[i] * (120.0f + q[i] * q[i]), off = x[i] - scale * level;
        error += off * off;
        across += x[i] * level;
        along += level * level;
    }
    *fitted = along > 0.0f ? across / along : 0.0f;
    return error;
}

/* x [WEIGHT_BLOCK], of magnitudes about 1, to four words; the bits of the scale times 2^exponent. The levels reach
 * further down than up, so that either sign of the scale may fit better; a scale under the one that reaches the peak
 * trades its error for all others'. */
static uint16_t pack_int4(const float *x, int exponent, uint32_t *words)
{
    static const float starts[3] = {1.02f, 0.93f, 0.84f};
    const float        peak      = peak_of(x);
    float              best = INFINITY, best_scale = 0.0f, q[WEIGHT_BLOCK], best_q[WEIGHT_BLOCK] = {0};
    for (int start = 0; start < 6; start++) {
        float scale = peak / (start % 2 ? 1183.0f : -1472.0f) * starts[start / 2];
        for (int pass = 0; pass < 2; pass++) { /* once from the start, once from what fitted its levels best */
            const float used = f32_from_bf16(bf16_from_f32(scale));
            if (used == 0.0f) {
                break;
            }
            const float error = fit_int4(x, used, q, &scale);
            if (error < best) {
                best       = error;
                best_scale = used;
                memcpy(best_q, q, sizeof q);
            }
        }
    }
    for (int w = 0; w < 4; w++) {
        words[w] = 0;
        for (int j = 0; j < 8; j++) {
            words[w] |= (uint32_t)((int)best_q[8 * w + j] + 8) << 4 * j;
        }
    }
    return bf16_from_f32(ldexpf(best_scale, exponent));
}

/* --- rows ------------------------------------------------------------------------------ */

static void pack_halves(WeightFormat format, const float *x, uint32_t columns, uint32_t *words)
{
    memset(words, 0, (size_t)weight_row_words(format, columns) * 4);
    for (uint32_t i = 0; i < columns; i++) {
        const uint16_t bits = format == WEIGHT_BF16 ? bf16_from_f32(x[i]) : f16_from_f32(x[i]);
        words[i / 2] |= (uint32_t)bits << 16 * (i % 2);
    }
}

static void pack_blocks(WeightFormat format, const float *x, uint32_t columns, uint32_t *words, uint32_t *scales)
{
    memset(scales, 0, (size_t)weight_row_scales(format, columns) * 4);
    for (uint32_t b = 0; b < blocks_of(columns); b++) {
        float          block[WEIGHT_BLOCK] = {0};
        const uint32_t first = b * WEIGHT_BLOCK, rest = columns - first, block_words = format == WEIGHT_INT8 ? 8 : 4;
        int            exponent;
        for (uint32_t i = 0; i < WEIGHT_BLOCK && i < rest; i++) {
            block[i] = isfinite(x[first + i]) ? x[first + i] : 0.0f;
        }
        const float peak = frexpf(peak_of(block), &exponent);
        if (peak == 0.0f) { /* levels of 0 */
            memset(words + block_words * b, format == WEIGHT_INT8 ? 0 : 0x88, (size_t)block_words * 4);
            continue;
        }
        for (uint32_t i = 0; i < WEIGHT_BLOCK; i++) { /* squares neither overflow nor vanish */
            block[i] = ldexpf(block[i], -exponent);
        }
        const uint16_t bits = format == WEIGHT_INT8 ? pack_int8(block, exponent, words + 8 * b)
                                                    : pack_int4(block, exponent, words + 4 * b);
        scales[b / 2] |= (uint32_t)bits << 16 * (b % 2);
    }
}

typedef struct Job {
    WeightFormat format;
    const float *values;
    uint64_t     first, last; /* rows */
    uint32_t     columns;
    uint32_t    *words, *scales;
} Job;

static void *run_job(void *argument)
{
    const Job     *job         = argument;
    const uint64_t pitch       = weight_row_words(job->format, job->columns);
    const uint64_t scale_pitch = weight_row_scales(job->format, job->columns);
    for (uint64_t row = job->first; row < job->last; row++) {
        const float *x     = job->values + row * job->columns;
        uint32_t    *words = job->words + row * pitch;
        if (job->format == WEIGHT_F32) {
            memcpy(words, x, (size_t)job->columns * 4);
        } else if (scale_pitch == 0) {
            pack_halves(job->format, x, job->columns, words);
        } else {
            pack_blocks(job->format, x, job->columns, words, job->scales + row * scale_pitch);
        }
    }
    return NULL;
}

void quantize_rows(WeightFormat format, const float *values, uint64_t rows, uint32_t columns, uint32_t *words,
                   uint32_t *scales)
{
    const bool long_job = format == WEIGHT_INT4 && rows * columns >= LONG_JOB; /* 50 ns a weight: worth threads */
    const int  threads  = long_job ? MAX_THREADS : 1;
    Job        jobs[MAX_THREADS];
    pthread_t  ids[MAX_THREADS];
    bool       started[MAX_THREADS] = {false};
    for (int t = 0; t < threads; t++) {
        jobs[t]    = (Job){format, values, rows * t / threads, rows * (t + 1) / threads, columns, words, scales};
        started[t] = t > 0 && pthread_create(&ids[t], NULL, run_job, &jobs[t]) == 0;
    }
    for (int t = 0; t < threads; t++) {
        if (!started[t]) {
            run_job(&jobs[t]);
        }
    }
    for (int t = 0; t < threads; t++) {
        if (started[t]) {
            pthread_join(ids[t], NULL);
        }
    }
}

static float value_of(WeightFormat format, const uint32_t *words, const uint32_t *scales, uint32_t column)
{
    if (format == WEIGHT_BF16 || format == WEIGHT_F16) {
        const uint16_t bits = (uint16_t)(words[column / 2] >> 16 * (column % 2));
        return format == WEIGHT_BF16 ? f32_from_bf16(bits) : f32_from_f16(bits);
    }
    const uint32_t block = column / WEIGHT_BLOCK;
    const float    scale = f32_from_bf16((uint16_t)(scales[block / 2] >> 16 * (block % 2)));
    if (format == WEIGHT_INT8) {
        return scale * (float)(int8_t)(words[column / 4] >> 8 * (column % 4));
    }
    const int q = (int)(words[column / 8] >> 4 * (column % 8) & 15) - 8;
    return scale * (float)(q * (120 + q * q));
}

void dequantize_rows(WeightFormat format, const uint32_t *words, const uint32_t *scales, uint64_t rows,
                     uint32_t columns, float *values)
{
    const uint64_t pitch = weight_row_words(format, columns), scale_pitch = weight_row_scales(format, columns);
    for (uint64_t row = 0; row < rows; row++) {
        if (format == WEIGHT_F32) {
            memcpy(values + row * columns, words + row * pitch, (size_t)columns * 4);
            continue;
        }
        for (uint32_t column = 0; column < columns; column++) {
            values[row * columns + column] = value_of(format, words + row * pitch, scales + row * scale_pitch, column);
        }
    }
}
