// dx (=, or += where ADD) rstd (g - xhat mean(g xhat)) with g = dy w and
// xhat = x rstd; a workgroup per row, rows laid out as in rmsnorm.comp. dx may be
// the same buffer as dy where not ADD.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

layout(constant_id = 1) const bool ADD = false;

layout(std430, binding = 0) buffer Dx { float dx[]; };
layout(std430, binding = 1) readonly buffer Dy { float dy[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; };
layout(std430, binding = 3) readonly buffer Weight { float weight[]; }; // [width]
layout(std430, binding = 4) readonly buffer Rstd { float rstd[]; };     // [rows]

layout(push_constant) uniform Push { uint rows, width, per_token, token_stride, offset; };

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint  base = row / per_token * token_stride + offset + row % per_token * width;
    uint  lane = gl_LocalInvocationID.x;
    float inverse = rstd[row];
    float dot_product = 0.0; // of dy w and x
    for (uint column = lane; column < width; column += gl_WorkGroupSize.x) {
        dot_product += dy[base + column] * weight[column] * x[base + column];
    }
    float mean = workgroup_sum(dot_product) * inverse / float(width);
    for (uint column = lane; column < width; column += gl_WorkGroupSize.x) {
        float value = inverse * (dy[base + column] * weight[column] - x[base + column] * inverse * mean);
        dx[base + column] = ADD ? dx[base + column] + value : value;
    }
}
