// Attention backward for GPUs, for keys and values, after attention_tiled_backward_q:
//   dv = sum_queries p dO,   dk = scale sum_queries p (dO . v - delta) q
// over the later queries of the sequence and the query heads of the group, in tiles of queries in shared memory:
// include/attention_tiles.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer DQkv { vec2 dqkv[]; };   // [tokens, STRIDE]
layout(std430, binding = 1) readonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO2 { vec2 do2[]; };      // [tokens, HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer DO4 { vec4 do4[]; };
layout(std430, binding = 3) readonly buffer Lse { float lse[]; };     // [tokens, HEADS]
layout(std430, binding = 4) readonly buffer Qkv2 { vec2 qkv2[]; };    // [tokens, STRIDE]
layout(std430, binding = 4) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 5) readonly buffer Tiles { Tile tiles[]; };
#define HAS_OUTPUT_GRADIENT
#define SETS 2
#include "attention_tiles.glsl"

void main()
{
    if (!find_own(linear_group(), true)) {
        return;
    }
    clear_sums();
    // One loop over blocks and heads: with one inside the other Intel's compiler copies the sums, and spills.
    const uint turns = (end - own_first + OTHER - 1) / OTHER * GROUP;
    for (uint turn = 0; turn < turns; turn++) {
        const uint block = own_first + turn / GROUP * OTHER;
        head = kv_head * GROUP + turn % GROUP;
        scores(0, KEY, QUERY, block, end - 1);
        scores(1, VALUE, OUTPUT_GRADIENT, block, end - 1);
        [[unroll]] for (uint j = 0; j < 4; j++) {
            const uint query = block + 4 * x + j, row = min(query, end - 1) * HEADS + head;
            const float row_lse = lse[row] * LOG2_E, row_delta = delta[row];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                const bool seen = own_token(r) <= query && query < end;
                score[r][j] = seen ? exp2(fma(score[r][j], scale * LOG2_E, -row_lse)) : 0.0;
                score[PER_LANE + r][j] = score[r][j] * (score[PER_LANE + r][j] - row_delta);
            }
        }
        barrier();
        accumulate(0, OUTPUT_GRADIENT, block, end - 1);
        barrier();
        accumulate(1, QUERY, block, end - 1);
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        if (own_token(r) <= own_last) {
            const uint row = own_token(r) * STRIDE;
            [[unroll]] for (uint w = 0; w < WIDE; w++) {
                const uint i = x + w * ACROSS;
                const vec4 key_quad = sums[(PER_LANE + r) * WIDE + w] * scale, value_quad = sums[r * WIDE + w];
                WRITE_QUAD(dqkv, row + KEYS + kv_head * PAIRS, i, key_quad)
                WRITE_QUAD(dqkv, row + VALUES + kv_head * PAIRS, i, value_quad)
            }
        }
    }
}
