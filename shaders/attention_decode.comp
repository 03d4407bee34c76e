// Attention of one new token per slot over its KV cache. A workgroup owns a
// (slot, query head); an invocation takes every workgroup-size-th key with its
// own online softmax, and the parts are merged at the end.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"
#include "reduce.glsl"

layout(std430, binding = 0) writeonly buffer O { vec2 o[]; };           // [slots, HEADS, PAIRS]
layout(std430, binding = 1) readonly buffer Qkv { vec2 qkv[]; };        // [slots, STRIDE]
layout(std430, binding = 2) readonly buffer K { vec2 k_cache[]; };      // [slots, max_length, KV_HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer V { vec2 v_cache[]; };      // [slots, max_length, KV_HEADS, PAIRS]
layout(std430, binding = 4) readonly buffer Lengths { int lengths[]; }; // [slots]

layout(push_constant) uniform Push
{
    uint  slots, max_length;
    float scale;
};

void main()
{
    uint group = linear_group();
    if (group >= slots * HEADS) {
        return;
    }
    uint head = group % HEADS, slot = group / HEADS, lane = gl_LocalInvocationID.x;
    uint length = min(uint(lengths[slot]), max_length);
    uint o_at = (slot * HEADS + head) * PAIRS;
    if (length == 0) {
        for (uint i = lane; i < PAIRS; i += gl_WorkGroupSize.x) {
            o[o_at + i] = vec2(0.0);
        }
        return;
    }
    uint base = slot * max_length * KV_HEADS * PAIRS + head / GROUP * PAIRS;
    uint q_at = slot * STRIDE + head * PAIRS;

    vec2 sum[PAIRS];
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        sum[i] = vec2(0.0);
    }
    float largest = NEVER, total = 0.0;
    for (uint block = 0; block < length; block += gl_WorkGroupSize.x) {
        uint key = block + lane;
        uint at = base + min(key, length - 1) * KV_HEADS * PAIRS;
        vec2 product = vec2(0.0);
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            product += qkv[q_at + i] * k_cache[at + i];
        }
        float score = key < length ? (product.x + product.y) * scale : NEVER;
        float grown = max(largest, score);
        float shrink = exp(largest - grown), weight = key < length ? exp(score - grown) : 0.0;
        largest = grown;
        total = total * shrink + weight;
        [[unroll]] for (uint i = 0; i < PAIRS; i++) {
            sum[i] = sum[i] * shrink + weight * v_cache[at + i];
        }
    }
    float all_largest = workgroup_max(largest);
    float share = exp(largest - all_largest);
    float inverse = 1.0 / workgroup_sum(total * share);
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        vec2 pair = vec2(workgroup_sum(sum[i].x * share), workgroup_sum(sum[i].y * share)) * inverse;
        if (lane == 0) {
            o[o_at + i] = pair;
        }
    }
}
