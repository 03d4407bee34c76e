// The B of gemm_coopmat.glsl as a frozen weight of n rows (NT) or k rows (NN), in a format other than the one that is
// multiplied. A step's words are carried as they are stored, and dequantized and rounded on their way into shared
// memory. The host sets B_HALVES: a chunk of eight is no more than a vector of words.
#ifndef GEMM_FROZEN_GLSL
#define GEMM_FROZEN_GLSL

#define WEIGHT_FORMAT_ID 12
#define WEIGHT_BINDING 2 // as B
#define WEIGHT_SCALES_BINDING 5
#include "weights.glsl"
layout(std430, binding = 2) readonly buffer BPairs { uvec2 b2[]; };

float b_scales[B_CARRIED];

// As fetch(): rows and columns of the weight. Rows are whole blocks, so that chunks are whole vectors wherever they end.
void fetch_frozen(uint row0, uint column0, uint rows, uint columns)
{
    const uint row_scales = ((LAYOUT == NT ? k : n) + 63) / 64; // words, of two blocks of 32 each
    [[unroll]] for (uint i = 0; i < B_CARRIED; i++) {
        const uint chunk = gl_LocalInvocationID.x + i * THREADS;
        const uint row = row0 + chunk / B_CHUNKS, column = column0 + chunk % B_CHUNKS * CHUNK;
        uvec4 words = uvec4(0);
        float scale = 0.0;
        if (chunk < B_ROWS * B_CHUNKS && row < rows && column < columns) {
            scale = weight_scale(row * row_scales, column / 4);
            if (WEIGHT_FORMAT == INT4) {
                words.x = b[row * ldb + column / 8];
            } else if (WEIGHT_FORMAT == INT8) {
                words.xy = b2[row * (ldb / 2) + column / 8];
            } else {
                words = b4[row * (ldb / 4) + column / 8];
            }
        }
        b_carried[i] = words;
        b_scales[i] = scale;
    }
}

void put_down_frozen(uint stage)
{
    const uint first = stage * STAGE + A_ROWS * A_PITCH;
    [[unroll]] for (uint i = 0; i < B_CARRIED; i++) {
        const uint chunk = gl_LocalInvocationID.x + i * THREADS;
        const uvec4 words = b_carried[i];
        const float scale = b_scales[i];
        vec4 low, high;
        if (WEIGHT_FORMAT == INT4) {
            low = weight_unpack(words.x, 0, scale);
            high = weight_unpack(words.x, 1, scale);
        } else if (WEIGHT_FORMAT == INT8) {
            low = weight_unpack(words.x, 0, scale);
            high = weight_unpack(words.y, 1, scale);
        } else {
            low = vec4(weight_unpack(words.x, 0, 1.0).xy, weight_unpack(words.y, 0, 1.0).xy);
            high = vec4(weight_unpack(words.z, 1, 1.0).xy, weight_unpack(words.w, 1, 1.0).xy);
        }
        uvec4 value = round_chunk(low, high);
        if (WEIGHT_FORMAT >= INT8) { // scales are finite (engine/io/quantize.h)
            value = uvec4(HALVES_OF_NUMBERS(low.x, low.y), HALVES_OF_NUMBERS(low.z, low.w),
                          HALVES_OF_NUMBERS(high.x, high.y), HALVES_OF_NUMBERS(high.z, high.w));
        }
        if (chunk < B_ROWS * B_CHUNKS) {
            tiles[first + chunk / B_CHUNKS * B_PITCH + chunk % B_CHUNKS] = value;
        }
    }
}

#endif
