/* Rounding to blocks of 32 that share a scale. The loops have no branches and run over whole blocks, so that compilers
 * make vectors of them: int8 takes a nanosecond a weight or less, int4's search three or four (SPEED.md). */
#include "engine/io/quantize_blocks.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "engine/io/dtype.h"
#include "engine/io/quantize.h"
#include "engine/vectors.h"

enum { INT8_MAX_LEVEL = 127 };

/* A block whose largest magnitude is brought into [.5, 1), so that squares neither overflow nor vanish. */
typedef struct Block {
    float x[WEIGHT_BLOCK];
    float peak;     /* the largest magnitude; 0: all are 0     */
    int   exponent; /* of the factor 2^exponent that was taken out */
    bool  positive; /* the largest magnitude is of a positive one */
} Block;

/* 2^exponent, of a normal number. */
static INLINED float power_of_two(int exponent)
{
    return f32_from_bits((uint32_t)(exponent + 127) << 23);
}

static INLINED bool is_plain(int exponent)
{
    return exponent > -100 && exponent < 100;
}

/* Magnitudes as integers are in the order of the floats. What is not finite counts as 0. */
static INLINED void read_block(Block *block, const float *from)
{
    int32_t bits[WEIGHT_BLOCK], largest = 0, largest_positive = 0;
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        const int32_t value = (int32_t)f32_bits(from[i]), magnitude = value & 0x7FFFFFFF;
        bits[i]          = magnitude < 0x7F800000 ? value : 0;
        largest          = (bits[i] & 0x7FFFFFFF) > largest ? bits[i] & 0x7FFFFFFF : largest;
        largest_positive = bits[i] > largest_positive ? bits[i] : largest_positive;
    }
    block->positive = largest_positive == largest;
    block->exponent = (largest >> 23) - 126;
    if (is_plain(block->exponent)) {
        const float factor = power_of_two(-block->exponent);
        block->peak        = f32_from_bits((uint32_t)largest) * factor;
        for (int i = 0; i < WEIGHT_BLOCK; i++) {
            block->x[i] = f32_from_bits((uint32_t)bits[i]) * factor;
        }
    } else {
        block->peak = frexpf(f32_from_bits((uint32_t)largest), &block->exponent);
        for (int i = 0; i < WEIGHT_BLOCK; i++) {
            block->x[i] = ldexpf(f32_from_bits((uint32_t)bits[i]), -block->exponent);
        }
    }
}

/* The bits of a scale that was found for the block with its factor taken out. */
static INLINED uint16_t scale_bits(const Block *block, float scale)
{
    const int e = block->exponent;
    return bf16_from_f32(is_plain(e) ? scale * power_of_two(e) : ldexpf(scale, e));
}

static INLINED float round_scale(float scale)
{
    return f32_from_bf16(bf16_from_f32(scale));
}

/* To eight words. */
static INLINED uint16_t pack_int8(const Block *block, uint32_t *words)
{
    const float to_nearest = 0x1.8p23f; /* a float this large has no digits after the point, and its last bits count */
    const float scale = round_scale(block->peak / INT8_MAX_LEVEL), inverse = 1.0f / scale;
    uint8_t     bytes[WEIGHT_BLOCK];
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        /* a scale that was rounded down may put the largest beyond the last level */
        int32_t level = (int32_t)(f32_bits(block->x[i] * inverse + to_nearest) - f32_bits(to_nearest));
        level         = level > -INT8_MAX_LEVEL ? level : -INT8_MAX_LEVEL;
        bytes[i]      = (uint8_t)(level < INT8_MAX_LEVEL ? level : INT8_MAX_LEVEL);
    }
    for (int w = 0; w < WEIGHT_BLOCK / 4; w++) {
        const uint8_t *b = bytes + 4 * w;
        words[w]         = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
    return scale_bits(block, scale);
}

/* --- int4 -------------------------------------------------------------------------------- */

/* Magnitudes in units of peak / UNIT, which fit 16 bits with room for the sign: the search for a scale and the choice
 * of levels need no more, and there are twice as many to a vector. */
enum { UNIT = 16384 };

typedef struct Magnitudes {
    int16_t m[WEIGHT_BLOCK];      /* >= 0                                                    */
    int16_t toward[WEIGHT_BLOCK]; /* with a sign: positive are those on the eighth level's side */
} Magnitudes;

static INLINED void read_magnitudes(Magnitudes *magnitudes, const Block *block)
{
    const float factor = (block->positive ? UNIT : -UNIT) / block->peak;
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        const int32_t value   = (int32_t)(block->x[i] * factor);
        magnitudes->toward[i] = (int16_t)value;
        magnitudes->m[i]      = (int16_t)(value < 0 ? -value : value);
    }
}

static INLINED void turn(Magnitudes *magnitudes)
{
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        magnitudes->toward[i] = (int16_t)-magnitudes->toward[i];
    }
}

/* Half-way between levels q (120 + q^2), in the magnitudes' units at a scale. A scale is at most UNIT / 1183
 * times 1.02, which starts the search, and 1.53 times that where it fits levels that are too small: all of it fits 16
 * bits. */
typedef struct Bounds {
    int16_t at[8];
} Bounds;

static INLINED Bounds bounds_of(float scale)
{
    static const float bounds[8] = {60.5f, 184.5f, 317.5f, 465.5f, 634.5f, 830.5f, 1059.5f, 1327.5f};
    Bounds             result;
    for (int b = 0; b < 8; b++) {
        result.at[b] = (int16_t)(int32_t)(scale * bounds[b]);
    }
    return result;
}

static const int16_t level_steps[8] = {121, 127, 139, 157, 181, 211, 247, 289}, one_steps[8] = {1, 1, 1, 1, 1, 1, 1, 1};

/* The sum of the steps up to a magnitude: with level_steps its level, with one_steps its q. */
static INLINED int16_t steps_to(const Magnitudes *magnitudes, int i, const Bounds *bounds, const int16_t *steps)
{
    const int16_t m = magnitudes->m[i], none = 0;
    int16_t       sum = magnitudes->toward[i] > bounds->at[7] ? steps[7] : none;
    sum               = (int16_t)(sum + (m > bounds->at[0] ? steps[0] : none));
    sum               = (int16_t)(sum + (m > bounds->at[1] ? steps[1] : none));
    sum               = (int16_t)(sum + (m > bounds->at[2] ? steps[2] : none));
    sum               = (int16_t)(sum + (m > bounds->at[3] ? steps[3] : none));
    sum               = (int16_t)(sum + (m > bounds->at[4] ? steps[4] : none));
    sum               = (int16_t)(sum + (m > bounds->at[5] ? steps[5] : none));
    return (int16_t)(sum + (m > bounds->at[6] ? steps[6] : none));
}

/* How much of the squares is explained by the nearest levels at a scale, if *fitted, the scale that fits these levels
 * best, multiplies them. */
static INLINED float explained(const Magnitudes *magnitudes, float scale, float *fitted)
{
    const Bounds bounds = bounds_of(scale);
    int16_t      level[WEIGHT_BLOCK];
    int32_t across = 0, along = 0; /* at most 32 * 16384 * 1472, which fits; along > 0: the peak is no level of 0 */
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        level[i] = steps_to(magnitudes, i, &bounds, level_steps);
    }
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        across += (int32_t)magnitudes->m[i] * (int32_t)level[i];
    }
    for (int i = 0; i < WEIGHT_BLOCK; i++) {
        along += (int32_t)level[i] * (int32_t)level[i];
    }
    *fitted = (float)across / (float)along;
    return (float)across * *fitted;
}

/* The scale, among several, that leaves the least squared error. There are levels further out on one side than on the
 * other, so that either sign of the scale may fit better; a scale under the one that reaches the peak trades its error
 * for all others'. The best of six is fitted once more. Leaves the eighth level on the side that fits. */
static INLINED float search_scale(Magnitudes *magnitudes, bool *turned)
{
    static const float starts[3] = {1.02f, 0.93f, 0.84f};
    float              gains[6], fitted[6];
    for (int start = 0; start < 3; start++) {
        gains[start] = explained(magnitudes, UNIT / 1472.0f * starts[start], &fitted[start]);
    }
    turn(magnitudes);
    for (int start = 0; start < 3; start++) {
        gains[3 + start] = explained(magnitudes, UNIT / 1183.0f * starts[start], &fitted[3 + start]);
    }
    int best = 0;
    for (int start = 1; start < 6; start++) {
        best = gains[start] > gains[best] ? start : best;
    }
    *turned = best >= 3;
    if (!*turned) {
        turn(magnitudes);
    }
    float again;
    return explained(magnitudes, fitted[best], &again) >= gains[best] ? again : fitted[best];
}

/* To four words. */
static INLINED uint16_t pack_int4(const Block *block, uint32_t *words)
{
    Magnitudes magnitudes;
    bool       turned;
    read_magnitudes(&magnitudes, block);
    const float  factor = block->peak / UNIT;
    const float  scale  = round_scale(search_scale(&magnitudes, &turned) * factor);
    const Bounds bounds = bounds_of(scale / factor);
    uint8_t      q[WEIGHT_BLOCK];
    for (int i = 0; i < WEIGHT_BLOCK; i++) { /* the eighth level is -8 */
        const int16_t count = steps_to(&magnitudes, i, &bounds, one_steps);
        q[i]                = (uint8_t)(8 + (magnitudes.toward[i] > 0 ? -count : count));
    }
    for (int w = 0; w < 4; w++) {
        words[w] = 0;
        for (int j = 0; j < 8; j++) {
            words[w] |= (uint32_t)q[8 * w + j] << 4 * j;
        }
    }
    return scale_bits(block, block->positive != turned ? -scale : scale);
}

/* --- rows ---------------------------------------------------------------------------------- */

static INLINED uint32_t pack_block(bool int4, const float *x, uint32_t *words)
{
    Block block;
    read_block(&block, x);
    if (block.peak == 0.0f) { /* levels of 0 */
        memset(words, int4 ? 0x88 : 0, int4 ? 16 : 32);
        return 0;
    }
    return int4 ? pack_int4(&block, words) : pack_int8(&block, words);
}

static INLINED void pack_row(bool int4, const float *x, uint32_t columns, uint32_t *words, uint32_t *scales)
{
    const uint32_t whole = columns / WEIGHT_BLOCK, block_words = int4 ? 4 : 8;
    memset(scales, 0, (size_t)weight_row_scales(WEIGHT_INT8, columns) * 4);
    for (uint32_t b = 0; b < whole; b++) {
        scales[b / 2] |= pack_block(int4, x + (size_t)b * WEIGHT_BLOCK, words + b * block_words) << 16 * (b % 2);
    }
    if (columns % WEIGHT_BLOCK > 0) {
        float rest[WEIGHT_BLOCK] = {0};
        memcpy(rest, x + (size_t)whole * WEIGHT_BLOCK, columns % WEIGHT_BLOCK * sizeof *rest);
        scales[whole / 2] |= pack_block(int4, rest, words + whole * block_words) << 16 * (whole % 2);
    }
}

VECTOR_CLONES
void quantize_int8_row(const float *x, uint32_t columns, uint32_t *words, uint32_t *scales)
{
    pack_row(false, x, columns, words, scales);
}

VECTOR_CLONES
void quantize_int4_row(const float *x, uint32_t columns, uint32_t *words, uint32_t *scales)
{
    pack_row(true, x, columns, words, scales);
}
