// Attention backward for GPUs, for queries: delta = dO . O and
//   dq = scale sum_keys p (dO . v - delta) k,   p = exp(scale q . k - lse),
// over tiles of keys in shared memory: include/attention_tiles.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer DQkv { vec2 dqkv[]; };    // [tokens, STRIDE]
layout(std430, binding = 1) writeonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO2 { vec2 do2[]; };       // [tokens, HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer DO4 { vec4 do4[]; };
layout(std430, binding = 3) readonly buffer O2 { vec2 o2[]; };         // [tokens, HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer O4 { vec4 o4[]; };
layout(std430, binding = 4) readonly buffer Lse { float lse[]; };      // [tokens, HEADS]
layout(std430, binding = 5) readonly buffer Qkv2 { vec2 qkv2[]; };     // [tokens, STRIDE]
layout(std430, binding = 5) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 6) readonly buffer Tiles { Tile tiles[]; };
#define HAS_OUTPUT_GRADIENT
#define SETS 2
#include "attention_tiles.glsl"

void main()
{
    if (!find_own(linear_group(), false)) {
        return;
    }
    float row_lse[PER_LANE], row_delta[PER_LANE];
    clear_sums();
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        const uint row = min(own_token(r), own_last) * HEADS + head;
        vec4 product = vec4(0.0);
        [[unroll]] for (uint w = 0; w < WIDE; w++) {
            const uint i = x + w * ACROSS;
            if (i < QUADS) {
                product = fma(ROW_OF(do4, do2, row * PAIRS, i), ROW_OF(o4, o2, row * PAIRS, i), product);
            }
        }
        parts[own_row(r) * ACROSS + x] = sum4(product);
        row_lse[r] = lse[row] * LOG2_E;
    }
    barrier();
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        row_delta[r] = sum_of_parts(r);
    }
    // They lie in shared memory, where registers are needed for other things.
    barrier();
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        if (x < 2) {
            parts[own_row(r) * ACROSS + x] = x == 0 ? row_delta[r] : row_lse[r];
        }
    }
    for (uint block = begin; block <= own_last; block += OTHER) {
        scores(0, QUERY, KEY, block, own_last);
        scores(1, OUTPUT_GRADIENT, VALUE, block, own_last);
        [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
            const float delta_r = parts[own_row(r) * ACROSS], lse_r = parts[own_row(r) * ACROSS + 1];
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const bool seen = block + 4 * x + j <= own_token(r);
                const float weight = seen ? exp2(fma(score[r][j], scale * LOG2_E, -lse_r)) : 0.0;
                score[r][j] = weight * (score[PER_LANE + r][j] - delta_r);
            }
        }
        barrier();
        accumulate(0, KEY, block, own_last);
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        if (own_token(r) <= own_last) {
            [[unroll]] for (uint w = 0; w < WIDE; w++) {
                const uint i = x + w * ACROSS;
                const vec4 quad = sums[r * WIDE + w] * scale;
                WRITE_QUAD(dqkv, own_token(r) * STRIDE + head * PAIRS, i, quad)
            }
            if (x == 0) {
                delta[own_token(r) * HEADS + head] = parts[own_row(r) * ACROSS];
            }
        }
    }
}
