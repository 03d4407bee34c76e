// value = h . w + b; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

layout(std430, binding = 0) writeonly buffer Value { float value[]; }; // [tokens]
layout(std430, binding = 1) readonly buffer H { float h[]; };          // [tokens, width]
layout(std430, binding = 2) readonly buffer W { float w[]; };          // [width]
layout(std430, binding = 3) readonly buffer B { float b[]; };          // [1]

layout(push_constant) uniform Push { uint tokens, width; };

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < width; i += gl_WorkGroupSize.x) {
        sum += h[token * width + i] * w[i];
    }
    sum = workgroup_sum(sum);
    if (gl_LocalInvocationID.x == 0) {
        value[token] = sum + b[0];
    }
}
