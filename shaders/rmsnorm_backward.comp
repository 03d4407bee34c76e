// dx (=, or += where ADD) rstd (g - xhat mean(g xhat)) with g = dy w and
// xhat = x rstd; a workgroup per row, rows laid out as in rmsnorm.comp. dx may be
// the same buffer as dy where not ADD.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"
#include "units.glsl"

layout(constant_id = 3) const bool ADD = false;

layout(std430, binding = 0) buffer Dx { float dx[]; };
layout(std430, binding = 0) buffer Dx4 { vec4 dx4[]; };
layout(std430, binding = 1) readonly buffer Dy { float dy[]; };
layout(std430, binding = 1) readonly buffer Dy4 { vec4 dy4[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer X4 { vec4 x4[]; };
layout(std430, binding = 3) readonly buffer W { float w[]; }; // [width]
layout(std430, binding = 3) readonly buffer W4 { vec4 w4[]; };
layout(std430, binding = 4) readonly buffer Rstd { float rstd[]; }; // [rows]
layout(binding = 5) uniform textureBuffer dx_texels;
layout(binding = 6) uniform textureBuffer dy_texels;
layout(binding = 7) uniform textureBuffer x_texels;
layout(binding = 8) uniform textureBuffer w_texels;

layout(push_constant) uniform Push { uint rows, width, per_token, token_stride, offset; }; // as in rmsnorm.comp

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint  base = row / per_token * token_stride + offset + row % per_token * width;
    uint  lane = gl_LocalInvocationID.x;
    float inverse = rstd[row];
    vec4  products = vec4(0.0); // dy w x
    for (uint i = lane; i < width; i += gl_WorkGroupSize.x) {
        vec4 g = LOAD(dy_texels, dy4, dy, base + i) * LOAD(w_texels, w4, w, i);
        products = fma(g, LOAD(x_texels, x4, x, base + i), products);
    }
    float sum = workgroup_sum((products.x + products.y) + (products.z + products.w));
    float pull = sum * inverse * inverse / float(width * UNIT);
    for (uint i = lane; i < width; i += gl_WorkGroupSize.x) {
        vec4 g = LOAD(dy_texels, dy4, dy, base + i) * LOAD(w_texels, w4, w, i);
        vec4 value = inverse * (g - LOAD(x_texels, x4, x, base + i) * pull);
        if (ADD) {
            value += LOAD(dx_texels, dx4, dx, base + i);
        }
        STORE(dx4, dx, base + i, value)
    }
}
