// Causal grouped-query attention, forward: o and the log-sum-exp of the scores.
// Keys are taken BLOCK at a time with an online softmax (Milakov and Gimelshein
// 2018), so that the accumulator is rescaled once per block.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"

layout(constant_id = 4) const uint BLOCK = 4;

layout(std430, binding = 0) writeonly buffer O { vec2 o[]; };      // [tokens, HEADS, PAIRS]
layout(std430, binding = 1) writeonly buffer Lse { float lse[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer Qkv { vec2 qkv[]; };   // [tokens, STRIDE]
layout(std430, binding = 3) readonly buffer Tiles { Tile tiles[]; };

layout(push_constant) uniform Push
{
    uint  tile_count;
    float scale;
};

void main()
{
    uint group = linear_group();
    if (group >= tile_count * HEADS) {
        return;
    }
    uint head = group % HEADS;
    Tile tile = tiles[group / HEADS];
    uint last = tile.first + tile.count - 1;
    uint query = min(tile.first + gl_LocalInvocationID.x, last);
    uint key_at = KEYS + head / GROUP * PAIRS, value_at = VALUES + head / GROUP * PAIRS;

    vec2 q[PAIRS], sum[PAIRS];
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        q[i] = qkv[query * STRIDE + head * PAIRS + i] * scale;
        sum[i] = vec2(0.0);
    }
    float largest = NEVER, total = 0.0;
    for (uint block = tile.begin; block <= last; block += BLOCK) {
        float score[BLOCK];
        float block_largest = largest;
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            uint at = min(block + j, last) * STRIDE + key_at;
            vec2 product = vec2(0.0);
            [[unroll]] for (uint i = 0; i < PAIRS; i++) {
                product += q[i] * qkv[at + i];
            }
            score[j] = block + j <= query ? product.x + product.y : NEVER;
            block_largest = max(block_largest, score[j]);
        }
        float shrink = exp(largest - block_largest);
        largest = block_largest;
        total *= shrink;
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            sum[i] *= shrink;
        }
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            uint  at = min(block + j, last) * STRIDE + value_at;
            float weight = exp(score[j] - largest);
            total += weight;
            [[unroll]] for (uint i = 0; i < PAIRS; i++) {
                sum[i] += weight * qkv[at + i];
            }
        }
    }
    if (gl_LocalInvocationID.x < tile.count) {
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            o[(query * HEADS + head) * PAIRS + i] = sum[i] / total;
        }
        lse[query * HEADS + head] = largest + log(total);
    }
}
