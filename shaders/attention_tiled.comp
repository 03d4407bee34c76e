// Attention forward for GPUs: o and the log-sum-exp of the scores, by an online softmax (Milakov and Gimelshein 2018)
// over tiles of keys in shared memory: include/attention_tiles.glsl. Scores are kept in units of log2 e, so that exp2 does.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer O { vec2 o[]; };      // [tokens, HEADS, PAIRS]
layout(std430, binding = 1) writeonly buffer Lse { float lse[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer Qkv2 { vec2 qkv2[]; }; // [tokens, STRIDE]
layout(std430, binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 3) readonly buffer Tiles { Tile tiles[]; };
#define SETS 1
#include "attention_tiles.glsl"

void main()
{
    if (!find_own(linear_group(), false)) {
        return;
    }
    float largest[PER_LANE], total[PER_LANE]; // of the totals, the invocation's part
    clear_sums();
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        largest[r] = NEVER;
        total[r] = 0.0;
    }
    for (uint block = begin; block <= own_last; block += OTHER) {
        scores(0, QUERY, KEY, block, own_last);
        [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
            [[unroll]] for (uint j = 0; j < 4; j++) {
                score[r][j] = block + 4 * x + j <= own_token(r) ? score[r][j] * (scale * LOG2_E) : NEVER;
            }
            parts[own_row(r) * ACROSS + x] = max(max(score[r].x, score[r].y), max(score[r].z, score[r].w));
        }
        barrier();
        [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
            const float grown = max(largest[r], largest_of_parts(r)), shrink = exp2(largest[r] - grown);
            score[r] = exp2(score[r] - grown);
            largest[r] = grown;
            total[r] = fma(total[r], shrink, sum4(score[r]));
            [[unroll]] for (uint w = 0; w < WIDE; w++) {
                sums[r * WIDE + w] *= shrink;
            }
        }
        accumulate(0, VALUE, block, own_last);
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        parts[own_row(r) * ACROSS + x] = total[r];
    }
    barrier();
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        if (own_token(r) <= own_last) {
            const uint row = own_token(r) * HEADS + head;
            const float whole = sum_of_parts(r);
            [[unroll]] for (uint w = 0; w < WIDE; w++) {
                const uint i = x + w * ACROSS;
                const vec4 quad = sums[r * WIDE + w] / whole;
                WRITE_QUAD(o, row * PAIRS, i, quad)
            }
            if (x == 0) {
                lse[row] = largest[r] * LN_2 + log(whole);
            }
        }
    }
}
