// Element-wise helpers, one element per invocation:
//   y[i] = x[i]  |  y[i] += a x[i]  |  y[i] *= a  |  y[i] = x[i] + z[i]
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

const uint COPY = 0, AXPY = 1, SCALE = 2, ADD = 3;
layout(constant_id = 1) const uint MODE = 0;

layout(std430, binding = 0) buffer Y { float y[]; };          // [count]
layout(std430, binding = 1) readonly buffer X { float x[]; }; // [count]
layout(std430, binding = 2) readonly buffer Z { float z[]; }; // [count], ADD only

layout(push_constant) uniform Push
{
    uint  count;
    float a;
};

void main()
{
    uint i = linear_id();
    if (i >= count) {
        return;
    }
    if (MODE == COPY) {
        y[i] = x[i];
    } else if (MODE == AXPY) {
        y[i] += a * x[i];
    } else if (MODE == SCALE) {
        y[i] *= a;
    } else {
        y[i] = x[i] + z[i];
    }
}
