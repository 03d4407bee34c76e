// Element-wise helpers, one unit per invocation:
//   y[i] = x[i]  |  y[i] += a x[i]  |  y[i] *= a  |  y[i] = x[i] + z[i]
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"

const uint COPY = 0, AXPY = 1, SCALE = 2, ADD = 3;
layout(constant_id = 3) const uint MODE = 0;

layout(std430, binding = 0) buffer Y { float y[]; }; // [count]
layout(std430, binding = 0) buffer Y4 { vec4 y4[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; }; // [count]
layout(std430, binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(std430, binding = 2) readonly buffer Z { float z[]; }; // [count], ADD only
layout(std430, binding = 2) readonly buffer Z4 { vec4 z4[]; };
layout(binding = 3) uniform textureBuffer y_texels;
layout(binding = 4) uniform textureBuffer x_texels;
layout(binding = 5) uniform textureBuffer z_texels;

layout(push_constant) uniform Push
{
    uint  count; // in units
    float a;
};

void main()
{
    uint i = linear_id();
    if (i >= count) {
        return;
    }
    vec4 value;
    if (MODE == COPY) {
        value = LOAD(x_texels, x4, x, i);
    } else if (MODE == AXPY) {
        value = fma(vec4(a), LOAD(x_texels, x4, x, i), LOAD(y_texels, y4, y, i));
    } else if (MODE == SCALE) {
        value = LOAD(y_texels, y4, y, i) * a;
    } else {
        value = LOAD(x_texels, x4, x, i) + LOAD(z_texels, z4, z, i);
    }
    STORE(y4, y, i, value)
}
