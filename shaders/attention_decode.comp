// Attention of one new token per slot over its KV cache. A workgroup owns a
// (slot, query head); an invocation takes every workgroup-size-th key with its
// own online softmax, and the invocations' parts are merged at the end.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"
#include "reduce.glsl"

layout(std430, binding = 0) writeonly buffer O { float o[]; };          // [slots, HEADS, HEAD_DIM]
layout(std430, binding = 1) readonly buffer Qkv2 { vec2 qkv2[]; };      // [slots, STRIDE]
layout(std430, binding = 1) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 2) readonly buffer K2 { vec2 k2[]; };          // [slots, max_length, KV_HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer K4 { vec4 k4[]; };
layout(std430, binding = 3) readonly buffer V2 { vec2 v2[]; };          // [slots, max_length, KV_HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer V4 { vec4 v4[]; };
layout(std430, binding = 4) readonly buffer Lengths { int lengths[]; }; // [slots]
layout(binding = 5) uniform textureBuffer qkv_texels;
layout(binding = 6) uniform textureBuffer k_texels;
layout(binding = 7) uniform textureBuffer v_texels;

layout(push_constant) uniform Push
{
    uint  slots, max_length;
    float scale;
};

const uint MERGED = 8;
const uint PART_STRIDE = gl_WorkGroupSize.x + 1;
shared float parts[4 * MERGED * PART_STRIDE];

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
        for (uint i = lane; i < HEAD_DIM; i += gl_WorkGroupSize.x) {
            o[o_at * 2 + i] = 0.0;
        }
        return;
    }
    uint base = slot * max_length * KV_HEADS * PAIRS + head / GROUP * PAIRS;

    vec4 q[QUADS], sum[QUADS];
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
        q[i] = ROW_QUAD(qkv_texels, qkv4, qkv2, slot * STRIDE + head * PAIRS, i) * (scale * LOG2_E);
        sum[i] = vec4(0.0);
    }
    float largest = NEVER, total = 0.0;
    for (uint block = 0; block < length; block += gl_WorkGroupSize.x) {
        uint key = block + lane;
        uint at = base + min(key, length - 1) * KV_HEADS * PAIRS;
        vec4 product = vec4(0.0);
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            product = fma(q[i], ROW_QUAD(k_texels, k4, k2, at, i), product);
        }
        float score = key < length ? sum4(product) : NEVER;
        float grown = max(largest, score);
        float shrink = exp2(largest - grown), weight = key < length ? exp2(score - grown) : 0.0;
        largest = grown;
        total = total * shrink + weight;
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            sum[i] = fma(vec4(weight), ROW_QUAD(v_texels, v4, v2, at, i), sum[i] * shrink);
        }
    }
    float share = exp2(largest - workgroup_max(largest));
    share /= workgroup_sum(total * share);
    // Lanes hand their parts over, a few quads at a time; then lane i adds up float i of them.
    [[unroll]] for (uint first = 0; first < QUADS; first += MERGED) {
        [[unroll]] for (uint i = 0; i < MERGED && first + i < QUADS; i++) {
            vec4 part = sum[first + i] * share;
            parts[(4 * i + 0) * PART_STRIDE + lane] = part.x;
            parts[(4 * i + 1) * PART_STRIDE + lane] = part.y;
            parts[(4 * i + 2) * PART_STRIDE + lane] = part.z;
            parts[(4 * i + 3) * PART_STRIDE + lane] = part.w;
        }
        barrier();
        for (uint i = lane; i < 4 * min(MERGED, QUADS - first) && 4 * first + i < HEAD_DIM; i += gl_WorkGroupSize.x) {
            float whole = 0.0;
            for (uint j = 0; j < gl_WorkGroupSize.x; j++) {
                whole += parts[i * PART_STRIDE + j];
            }
            o[o_at * 2 + 4 * first + i] = whole;
        }
        barrier();
    }
}
