// dh += dvalue w; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) buffer Dh { float dh[]; };                    // [tokens, width]
layout(std430, binding = 1) readonly buffer DValue { float dvalue[]; };   // [tokens]
layout(std430, binding = 2) readonly buffer W { float w[]; };             // [width]

layout(push_constant) uniform Push { uint tokens, width; };

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    float d = dvalue[token];
    for (uint i = gl_LocalInvocationID.x; i < width; i += gl_WorkGroupSize.x) {
        dh[token * width + i] += d * w[i];
    }
}
