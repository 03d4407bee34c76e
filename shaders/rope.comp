// Rotates the q and k heads of packed qkv in place, half-split form:
//   (x_i, x_(i+hd/2)) -> (x_i cos - x_(i+hd/2) sin, x_(i+hd/2) cos + x_i sin)
// or by the opposite angle (the backward). A workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"

layout(constant_id = 3) const bool INVERSE = false;
layout(constant_id = 4) const uint HALF = 8; // head_dim / 2, in units

layout(std430, binding = 0) buffer Qkv { float qkv[]; }; // [tokens, token_stride]
layout(std430, binding = 0) buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 1) readonly buffer Table { vec2 table[]; }; // [positions, head_dim / 2] cos, sin
layout(std430, binding = 1) readonly buffer Table4 { vec4 table4[]; };
layout(std430, binding = 2) readonly buffer Positions { int position[]; }; // [tokens]
layout(binding = 3) uniform textureBuffer qkv_texels;
layout(binding = 4) uniform textureBuffer table_texels;

layout(push_constant) uniform Push { uint tokens, rotated_heads, token_stride, positions; }; // token_stride in units

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    uint row = min(uint(position[token]), positions - 1) * HALF;
    for (uint i = gl_LocalInvocationID.x; i < rotated_heads * HALF; i += gl_WorkGroupSize.x) {
        uint head = i / HALF, unit = i % HALF;
        uint at = token * token_stride + head * 2 * HALF + unit;
        vec4 cosine, sine;
        if (UNIT == 4) { // two quads hold the cos, sin pairs of four angles
            uint turns = 2 * (row + unit);
            vec4 a = TEXELS ? texelFetch(table_texels, int(turns)) : table4[turns];
            vec4 b = TEXELS ? texelFetch(table_texels, int(turns + 1)) : table4[turns + 1];
            cosine = vec4(a.xz, b.xz);
            sine = vec4(a.yw, b.yw);
        } else {
            vec2 turn = table[row + unit];
            cosine = vec4(turn.x);
            sine = vec4(turn.y);
        }
        if (INVERSE) {
            sine = -sine;
        }
        vec4 low = LOAD(qkv_texels, qkv4, qkv, at), high = LOAD(qkv_texels, qkv4, qkv, at + HALF);
        precise vec4 turned_low = low * cosine - high * sine; // as in gemm_pairs.glsl, to the bit
        precise vec4 turned_high = high * cosine + low * sine;
        STORE(qkv4, qkv, at, turned_low)
        STORE(qkv4, qkv, at + HALF, turned_high)
    }
}
