// Dropout, one unit per invocation: y[i] = keep x[i] / (1 - rate)  |  y[i] += that. Whether element i of the whole
// tensor is kept is word i % 4 of Philox block i / 4, so that forward, backward and recomputation agree.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "philox.glsl"

const uint RANDOM_DROPOUT = 14; // as in engine/random.h
layout(constant_id = 1) const uint UNIT = 4;
layout(constant_id = 2) const bool ADDS = false;
#include "rounding.glsl"
layout(constant_id = 3) const uint STORED = 0; // ComputeType of x; halves where it is not f32, and then UNIT is 4

layout(std430, binding = 0) buffer Y { float y[]; }; // [count]
layout(std430, binding = 0) buffer Y4 { vec4 y4[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; }; // [count]
layout(std430, binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(std430, binding = 1) readonly buffer X2 { uvec2 x2[]; };

layout(push_constant) uniform Push
{
    uint  count, first; // in units; `first` is where this piece starts in the tensor
    uint  key_low, key_high, row, step;
    float rate, scale;
};

vec4 quad(uint i)
{
    if (STORED == COMPUTE_F32) {
        return x4[i];
    }
    const uvec2 two = x2[i];
    return vec4(compute_value(STORED, two.x & 0xffffu), compute_value(STORED, two.x >> 16),
                compute_value(STORED, two.y & 0xffffu), compute_value(STORED, two.y >> 16));
}

void main()
{
    uint i = linear_id();
    if (i >= count) {
        return;
    }
    uint  at = first + i;
    uvec4 words = philox4x32(uvec4(UNIT == 4 ? at : at / 4, row, step, RANDOM_DROPOUT), uvec2(key_low, key_high));
    if (UNIT == 4) {
        vec4 kept = vec4(uniform24(words.x) < rate ? 0.0 : scale, uniform24(words.y) < rate ? 0.0 : scale,
                         uniform24(words.z) < rate ? 0.0 : scale, uniform24(words.w) < rate ? 0.0 : scale);
        y4[i] = ADDS ? fma(kept, quad(i), y4[i]) : kept * quad(i);
    } else {
        float kept = uniform24(words[at % 4]) < rate ? 0.0 : scale;
        y[i] = ADDS ? fma(kept, x[i], y[i]) : kept * x[i];
    }
}
