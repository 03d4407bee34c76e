// y[token] = table[ids[token]] for the ids that lie in the bound rows of the
// table, f32 or a frozen weight; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#define WEIGHT_FORMAT_ID 1
#define WEIGHT_BINDING 3
#include "weights.glsl"

layout(std430, binding = 0) writeonly buffer Y { float y[]; };        // [tokens, width]
layout(std430, binding = 1) readonly buffer Table { float table[]; }; // [rows, width], from first_row; read if F32
layout(std430, binding = 2) readonly buffer Ids { int ids[]; };       // [tokens]

layout(push_constant) uniform Push { uint tokens, width, first_row, rows, row_words, row_scales; };

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
        y[token * width + column] = WEIGHT_FORMAT == F32 ? table[row * width + column]
                                                         : weight_quad(row * row_words, row * row_scales, column >> 2)[column & 3];
    }
}
