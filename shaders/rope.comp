// Rotates the q and k heads of packed qkv in place, half-split form:
//   (x_i, x_(i+hd/2)) -> (x_i cos - x_(i+hd/2) sin, x_(i+hd/2) cos + x_i sin)
// or by the opposite angle (the backward). A workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const bool INVERSE = false;
layout(constant_id = 2) const uint HALF = 32; // head_dim / 2

layout(std430, binding = 0) buffer Qkv { float qkv[]; };                  // [tokens, token_stride]
layout(std430, binding = 1) readonly buffer Table { vec2 table[]; };      // [positions, HALF] cos, sin
layout(std430, binding = 2) readonly buffer Positions { int position[]; }; // [tokens]

layout(push_constant) uniform Push { uint tokens, rotated_heads, token_stride, positions; };

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    uint row = min(uint(position[token]), positions - 1) * HALF;
    for (uint i = gl_LocalInvocationID.x; i < rotated_heads * HALF; i += gl_WorkGroupSize.x) {
        uint  head = i / HALF, pair = i % HALF;
        uint  at = token * token_stride + head * 2 * HALF + pair;
        vec2  turn = table[row + pair];
        float sine = INVERSE ? -turn.y : turn.y;
        float low = qkv[at], high = qkv[at + HALF];
        qkv[at] = low * turn.x - high * sine;
        qkv[at + HALF] = high * turn.x + low * sine;
    }
}
