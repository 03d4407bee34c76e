// Attention backward, for queries: delta = dO . O and
//   dq = scale sum_keys p (dO . v - delta) k,   p = exp(scale q . k - lse).
// An invocation owns one query of one head.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer DQkv { vec2 dqkv[]; };    // [tokens, STRIDE]
layout(std430, binding = 1) writeonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO { vec2 d_o[]; };        // [tokens, HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer O { vec2 o[]; };           // [tokens, HEADS, PAIRS]
layout(std430, binding = 4) readonly buffer Lse { float lse[]; };      // [tokens, HEADS]
layout(std430, binding = 5) readonly buffer Qkv { vec2 qkv[]; };       // [tokens, STRIDE]
layout(std430, binding = 6) readonly buffer Tiles { Tile tiles[]; };

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

    vec2 q[PAIRS], dout[PAIRS], dq[PAIRS];
    vec2 product = vec2(0.0);
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        uint at = (query * HEADS + head) * PAIRS + i;
        q[i] = qkv[query * STRIDE + head * PAIRS + i] * scale;
        dout[i] = d_o[at];
        product += dout[i] * o[at];
        dq[i] = vec2(0.0);
    }
    float row_delta = product.x + product.y, row_lse = lse[query * HEADS + head];
    for (uint step = tile.begin; step <= last; step++) {
        uint key = min(step, last) * STRIDE;
        vec2 score = vec2(0.0), dweight = vec2(0.0);
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            score += q[i] * qkv[key + key_at + i];
            dweight += dout[i] * qkv[key + value_at + i];
        }
        float weight = step <= query ? exp(score.x + score.y - row_lse) : 0.0;
        float dscore = weight * (dweight.x + dweight.y - row_delta);
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            dq[i] += dscore * qkv[key + key_at + i];
        }
    }
    if (gl_LocalInvocationID.x < tile.count) {
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            dqkv[query * STRIDE + head * PAIRS + i] = dq[i] * scale;
        }
        delta[query * HEADS + head] = row_delta;
    }
}
