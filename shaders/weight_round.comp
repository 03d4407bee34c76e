// The 16-bit copy of a matrix that is trained in f32: rows of words (engine/io/quantize.h), the padding zero. A word
// per invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "rounding.glsl"
layout(constant_id = 1) const uint COMPUTE = 1;

layout(std430, binding = 0) writeonly buffer Words { uint words[]; };    // [rows, row_words]
layout(std430, binding = 1) readonly buffer Values { float values[]; };  // [rows, columns]
layout(push_constant) uniform Push { uint rows, columns, row_words; };

void main()
{
    const uint id = linear_id(), row = id / row_words, column = id % row_words * 2, at = row * columns + column;
    if (row >= rows) {
        return;
    }
    const uint low = column < columns ? compute_bits(COMPUTE, values[at]) : 0;
    const uint high = column + 1 < columns ? compute_bits(COMPUTE, values[at + 1]) : 0;
    words[id] = low | high << 16;
}
