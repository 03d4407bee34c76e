// y = x rstd w with rstd = 1 / sqrt(mean(x^2) + eps), a workgroup per row. Row r
// lies at (r / per_token) * token_stride + offset + (r % per_token) * width in x
// and in y, which may be the same buffer.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

layout(std430, binding = 0) writeonly buffer Y { float y[]; };
layout(std430, binding = 1) writeonly buffer Rstd { float rstd[]; };    // [rows]
layout(std430, binding = 2) readonly buffer X { float x[]; };
layout(std430, binding = 3) readonly buffer Weight { float weight[]; }; // [width]

layout(push_constant) uniform Push
{
    uint  rows, width, per_token, token_stride, offset;
    float eps;
};

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint  base = row / per_token * token_stride + offset + row % per_token * width;
    uint  lane = gl_LocalInvocationID.x;
    float squares = 0.0;
    for (uint column = lane; column < width; column += gl_WorkGroupSize.x) {
        float value = x[base + column];
        squares += value * value;
    }
    float inverse = inversesqrt(workgroup_sum(squares) / float(width) + eps);
    for (uint column = lane; column < width; column += gl_WorkGroupSize.x) {
        y[base + column] = x[base + column] * inverse * weight[column];
    }
    if (lane == 0) {
        rstd[row] = inverse;
    }
}
