// value = h . w + b; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"
#include "units.glsl"

layout(std430, binding = 0) writeonly buffer Value { float value[]; }; // [tokens]
layout(std430, binding = 1) readonly buffer H { float h[]; };          // [tokens, width]
layout(std430, binding = 1) readonly buffer H4 { vec4 h4[]; };
layout(std430, binding = 2) readonly buffer W { float w[]; }; // [width]
layout(std430, binding = 2) readonly buffer W4 { vec4 w4[]; };
layout(std430, binding = 3) readonly buffer B { float b[]; }; // [1]
layout(binding = 4) uniform textureBuffer h_texels;
layout(binding = 5) uniform textureBuffer w_texels;

layout(push_constant) uniform Push { uint tokens, width; }; // width in units

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    vec4 products = vec4(0.0);
    for (uint i = gl_LocalInvocationID.x; i < width; i += gl_WorkGroupSize.x) {
        products = fma(LOAD(h_texels, h4, h, token * width + i), LOAD(w_texels, w4, w, i), products);
    }
    float sum = workgroup_sum((products.x + products.y) + (products.z + products.w));
    if (gl_LocalInvocationID.x == 0) {
        value[token] = sum + b[0];
    }
}
