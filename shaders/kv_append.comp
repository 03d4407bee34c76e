// Writes the keys and values of one new token per slot into the cache at
// position lengths[slot] - 1; a workgroup per slot.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer K { float k_cache[]; };   // [slots, max_length, kv_width]
layout(std430, binding = 1) writeonly buffer V { float v_cache[]; };   // [slots, max_length, kv_width]
layout(std430, binding = 2) readonly buffer Qkv { float qkv[]; };      // [slots, q_width + 2 kv_width]
layout(std430, binding = 3) readonly buffer Lengths { int lengths[]; }; // [slots]

layout(push_constant) uniform Push { uint slots, max_length, q_width, kv_width; };

void main()
{
    uint slot = linear_group();
    if (slot >= slots) {
        return;
    }
    uint length = uint(lengths[slot]);
    if (length == 0 || length > max_length) {
        return;
    }
    uint to = (slot * max_length + length - 1) * kv_width, from = slot * (q_width + 2 * kv_width) + q_width;
    for (uint i = gl_LocalInvocationID.x; i < kv_width; i += gl_WorkGroupSize.x) {
        k_cache[to + i] = qkv[from + i];
        v_cache[to + i] = qkv[from + kv_width + i];
    }
}
