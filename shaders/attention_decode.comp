// Attention of rows of queries over the cache of their slots, for CPU devices (GPUs: attention_decode_grouped.comp). A
// workgroup owns a (row, query head, segment of SEGMENT keys); an invocation takes every workgroup-size-th key with
// its own online softmax, and the invocations' parts are merged at the end. With more than
// one segment the result is a part that attention_merge.comp finishes.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"
#include "reduce.glsl"
#include "rounding.glsl"

layout(constant_id = 8) const uint SEGMENT = 512;
layout(constant_id = 9) const bool PARTS_OUT = false;
layout(constant_id = 10) const uint CACHED = 0; // ComputeType of the cache; of 16 bits: a pair is a word

layout(std430, binding = 0) writeonly buffer O { float o[]; };           // [rows, HEADS, HEAD_DIM], or parts
layout(std430, binding = 1) readonly buffer Qkv2 { vec2 qkv2[]; };       // [rows, STRIDE]
layout(std430, binding = 1) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 2) readonly buffer K2 { vec2 k2[]; };           // [slots, KV_HEADS, max_length, PAIRS]
layout(std430, binding = 2) readonly buffer K4 { vec4 k4[]; };
layout(std430, binding = 2) readonly buffer KWords { uint k_words[]; };
layout(std430, binding = 3) readonly buffer V2 { vec2 v2[]; };           // the same
layout(std430, binding = 3) readonly buffer V4 { vec4 v4[]; };
layout(std430, binding = 3) readonly buffer VWords { uint v_words[]; };
layout(std430, binding = 4) readonly buffer Lengths { uint lengths[]; }; // [rows]; 0: idle
layout(std430, binding = 5) readonly buffer Slots { uint slots[]; };     // [rows]
layout(binding = 6) uniform textureBuffer qkv_texels;
layout(binding = 7) uniform textureBuffer k_texels;
layout(binding = 8) uniform textureBuffer v_texels;

layout(push_constant) uniform Push
{
    uint  first_row, rows, max_length, first_slot, slot_count, segments;
    float scale;
};

vec2 two(uint word)
{
    return CACHED == COMPUTE_BF16 ? vec2(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000u)) : unpackHalf2x16(word);
}

// Quad i of the row of the cache at pair `at`. The cache of 16 bits is never read as texels.
#define CACHE_QUAD(texels, quads, pairs, words, at, i)                                                                 \
    (CACHED == COMPUTE_F32 ? ROW_QUAD(texels, quads, pairs, at, i)                                                     \
                           : vec4(two(words[(at) + 2 * (i)]),                                                          \
                                  2 * (i) + 1 < PAIRS ? two(words[(at) + 2 * (i) + 1]) : vec2(0.0)))

const uint MERGED = 8;
const uint PART_STRIDE = gl_WorkGroupSize.x + 1;
shared float parts[4 * MERGED * PART_STRIDE];

void main()
{
    uint group = linear_group();
    if (group >= rows * HEADS * segments) {
        return;
    }
    uint segment = group % segments, head = group / segments % HEADS, lane = gl_LocalInvocationID.x;
    uint row = first_row + group / (segments * HEADS);
    uint length = min(lengths[row], max_length), slot = slots[row] - first_slot;
    uint begin = segment * SEGMENT, end = min(length, begin + SEGMENT);
    if (slot >= slot_count || (begin >= end && segment > 0)) {
        return;
    }
    uint o_at = PARTS_OUT ? group * (HEAD_DIM + 2) : (row * HEADS + head) * HEAD_DIM;
    if (length == 0) {
        for (uint i = lane; i < HEAD_DIM + (PARTS_OUT ? 2 : 0); i += gl_WorkGroupSize.x) {
            o[o_at + i] = 0.0;
        }
        return;
    }
    uint base = (slot * KV_HEADS + head / GROUP) * max_length * PAIRS;

    vec4 q[QUADS], sum[QUADS];
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
        q[i] = ROW_QUAD(qkv_texels, qkv4, qkv2, row * STRIDE + head * PAIRS, i) * (scale * LOG2_E);
        sum[i] = vec4(0.0);
    }
    float largest = NEVER, total = 0.0;
    for (uint block = begin; block < end; block += gl_WorkGroupSize.x) {
        uint key = block + lane;
        uint at = base + min(key, end - 1) * PAIRS;
        vec4 product = vec4(0.0);
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            product = fma(q[i], CACHE_QUAD(k_texels, k4, k2, k_words, at, i), product);
        }
        float score = key < end ? sum4(product) : NEVER;
        float grown = max(largest, score);
        float shrink = exp2(largest - grown), weight = key < end ? exp2(score - grown) : 0.0;
        largest = grown;
        total = total * shrink + weight;
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            sum[i] = fma(vec4(weight), CACHE_QUAD(v_texels, v4, v2, v_words, at, i), sum[i] * shrink);
        }
    }
    float whole_largest = workgroup_max(largest), share = exp2(largest - whole_largest);
    float whole_total = workgroup_sum(total * share);
    if (PARTS_OUT && lane == 0) {
        o[o_at + HEAD_DIM] = whole_largest;
        o[o_at + HEAD_DIM + 1] = whole_total;
    }
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
            o[o_at + 4 * first + i] = PARTS_OUT ? whole : whole / whole_total;
        }
        barrier();
    }
}
