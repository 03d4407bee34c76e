// An operand rounded to the compute type: rows [rows, width] of f32 or halves to rows `pitch` apart, of f32 as the kernels
// that read f32 take it, or PACKED, halves for matrix units (two to a word, zeros behind the width). Two neighbours per
// invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "rounding.glsl"
layout(constant_id = 1) const uint COMPUTE = 0;
layout(constant_id = 2) const bool HALVES = false;
layout(constant_id = 3) const bool PACKED = false;

layout(std430, binding = 0) writeonly buffer Rounded { float rounded[]; }; // [rows, pitch]
layout(std430, binding = 0) writeonly buffer RoundedWords { uint rounded_words[]; };
layout(std430, binding = 1) readonly buffer Words { uint words[]; };
layout(push_constant) uniform Push {
    uint rows, width, stride, pitch;
    uint before; // elements before the first one
};

float value_at(uint i)
{
    return HALVES ? compute_value(COMPUTE, half_of(words[i >> 1], i)) : compute_rounded(COMPUTE, uintBitsToFloat(words[i]));
}

void main()
{
    const uint id = linear_id(), pairs = PACKED ? pitch / 2 : (width + 1) / 2, row = id / pairs, column = id % pairs * 2;
    if (row >= rows) {
        return;
    }
    const uint from = before + row * stride + column, to = row * pitch + column;
    if (PACKED) {
        const uint low = column < width ? compute_bits(COMPUTE, uintBitsToFloat(words[from])) : 0;
        const uint high = column + 1 < width ? compute_bits(COMPUTE, uintBitsToFloat(words[from + 1])) : 0;
        rounded_words[id] = low | high << 16;
        return;
    }
    rounded[to] = value_at(from);
    if (column + 1 < width) {
        rounded[to + 1] = value_at(from + 1);
    }
}
