// Attention backward, for keys and values, after attention_backward_q:
//   dv = sum_queries p dO,   dk = scale sum_queries p (dO . v - delta) q
// over the later queries of the sequence and the query heads of the group. An
// invocation owns one key of one key head.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer DQkv { vec2 dqkv[]; };   // [tokens, STRIDE]
layout(std430, binding = 1) readonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO { vec2 d_o[]; };       // [tokens, HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer Lse { float lse[]; };     // [tokens, HEADS]
layout(std430, binding = 4) readonly buffer Qkv { vec2 qkv[]; };      // [tokens, STRIDE]
layout(std430, binding = 5) readonly buffer Tiles { Tile tiles[]; };

layout(push_constant) uniform Push
{
    uint  tile_count;
    float scale;
};

void main()
{
    uint group = linear_group();
    if (group >= tile_count * KV_HEADS) {
        return;
    }
    uint kv_head = group % KV_HEADS;
    Tile tile = tiles[group / KV_HEADS];
    uint key = min(tile.first + gl_LocalInvocationID.x, tile.first + tile.count - 1);
    uint key_at = key * STRIDE + KEYS + kv_head * PAIRS, value_at = key * STRIDE + VALUES + kv_head * PAIRS;

    vec2 k[PAIRS], v[PAIRS], dk[PAIRS], dv[PAIRS];
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        k[i] = qkv[key_at + i] * scale;
        v[i] = qkv[value_at + i];
        dk[i] = vec2(0.0);
        dv[i] = vec2(0.0);
    }
    // One loop over (query, head of the group), query-major.
    uint steps = (tile.end - tile.first) * GROUP;
    for (uint step = 0; step < steps; step++) {
        uint safe_step = min(step, steps - 1);
        uint query = tile.first + safe_step / GROUP, head = kv_head * GROUP + safe_step % GROUP;
        uint q_at = query * STRIDE + head * PAIRS, row = query * HEADS + head;
        vec2 score = vec2(0.0), dweight = vec2(0.0);
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            score += k[i] * qkv[q_at + i];
            dweight += v[i] * d_o[row * PAIRS + i];
        }
        float weight = key <= query ? exp(score.x + score.y - lse[row]) : 0.0;
        float dscore = weight * (dweight.x + dweight.y - delta[row]);
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            dv[i] += weight * d_o[row * PAIRS + i];
            dk[i] += dscore * qkv[q_at + i];
        }
    }
    if (gl_LocalInvocationID.x < tile.count) {
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            dqkv[key_at + i] = dk[i] * scale;
            dqkv[value_at + i] = dv[i];
        }
    }
}
