// dh += dvalue w; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"

layout(std430, binding = 0) buffer Dh { float dh[]; }; // [tokens, width]
layout(std430, binding = 0) buffer Dh4 { vec4 dh4[]; };
layout(std430, binding = 1) readonly buffer DValue { float dvalue[]; }; // [tokens]
layout(std430, binding = 2) readonly buffer W { float w[]; };           // [width]
layout(std430, binding = 2) readonly buffer W4 { vec4 w4[]; };
layout(binding = 3) uniform textureBuffer dh_texels;
layout(binding = 4) uniform textureBuffer w_texels;

layout(push_constant) uniform Push { uint tokens, width; }; // width in units

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    float d = dvalue[token];
    for (uint i = gl_LocalInvocationID.x; i < width; i += gl_WorkGroupSize.x) {
        uint at = token * width + i;
        vec4 value = fma(vec4(d), LOAD(w_texels, w4, w, i), LOAD(dh_texels, dh4, dh, at));
        STORE(dh4, dh, at, value)
    }
}
