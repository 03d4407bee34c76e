// y[token] = table[ids[token]] for the ids that lie in the bound rows of the
// table; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer Y { float y[]; };        // [tokens, width]
layout(std430, binding = 1) readonly buffer Table { float table[]; }; // [rows, width], from first_row
layout(std430, binding = 2) readonly buffer Ids { int ids[]; };       // [tokens]

layout(push_constant) uniform Push { uint tokens, width, first_row, rows; };

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    uint row = uint(ids[token]) - first_row; // wraps to a large number below first_row
    if (row >= rows) {
        return;
    }
    for (uint column = gl_LocalInvocationID.x; column < width; column += gl_WorkGroupSize.x) {
        y[token * width + column] = table[row * width + column];
    }
}
