// y = x rstd w with rstd = 1 / sqrt(mean(x^2) + eps), a workgroup per row. Row r
// lies at (r / per_token) * token_stride + offset + (r % per_token) * width in x
// and in y, which may be the same buffer.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"
#include "units.glsl"
#include "rounding.glsl"
layout(constant_id = 3) const uint STORED = 0; // ComputeType of y; halves where it is not f32

layout(std430, binding = 0) writeonly buffer Y { float y[]; };
layout(std430, binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(std430, binding = 0) writeonly buffer Y2 { uvec2 y2[]; };
layout(std430, binding = 1) writeonly buffer Rstd { float rstd[]; }; // [rows]
layout(std430, binding = 2) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer X4 { vec4 x4[]; };
layout(std430, binding = 3) readonly buffer W { float w[]; }; // [width]
layout(std430, binding = 3) readonly buffer W4 { vec4 w4[]; };
layout(binding = 4) uniform textureBuffer x_texels;
layout(binding = 5) uniform textureBuffer w_texels;

layout(push_constant) uniform Push
{
    uint  rows, width, per_token, token_stride, offset; // all but rows and per_token in units
    float eps;
};

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint base = row / per_token * token_stride + offset + row % per_token * width;
    uint lane = gl_LocalInvocationID.x;
    vec4 squares = vec4(0.0);
    for (uint i = lane; i < width; i += gl_WorkGroupSize.x) {
        vec4 value = LOAD(x_texels, x4, x, base + i);
        squares = fma(value, value, squares);
    }
    float sum = workgroup_sum((squares.x + squares.y) + (squares.z + squares.w));
    float inverse = inversesqrt(sum / float(width * UNIT) + eps);
    for (uint i = lane; i < width; i += gl_WorkGroupSize.x) {
        vec4 value = LOAD(x_texels, x4, x, base + i) * inverse * LOAD(w_texels, w4, w, i);
        STORE_AS(STORED, y2, y4, y, base + i, value)
    }
    if (lane == 0) {
        rstd[row] = inverse;
    }
}
