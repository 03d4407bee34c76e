// GATHER: y[row] = x[index[row]]; SCATTER_ADD: y[index[row]] += x[row] (unique
// indices). A workgroup per row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

const uint GATHER = 0, SCATTER_ADD = 1;
layout(constant_id = 1) const uint MODE = 0;

layout(std430, binding = 0) buffer Y { float y[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer Index { int index[]; }; // [rows]

layout(push_constant) uniform Push { uint rows, width; };

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint packed = row * width, far = uint(index[row]) * width;
    for (uint column = gl_LocalInvocationID.x; column < width; column += gl_WorkGroupSize.x) {
        if (MODE == GATHER) {
            y[packed + column] = x[far + column];
        } else {
            y[far + column] += x[packed + column];
        }
    }
}
