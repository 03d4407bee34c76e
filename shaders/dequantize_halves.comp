// Part of a frozen weight in a 16-bit compute type, rounded, for products on matrix units: `rows` of its rows from
// first_row on, and of each `chunks` of eight neighbours from first_chunk on. A chunk per invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "rounding.glsl"
#define WEIGHT_FORMAT_ID 1
#define WEIGHT_BINDING 1
#include "weights.glsl"
layout(constant_id = 2) const uint COMPUTE = 1;

layout(std430, binding = 0) writeonly buffer Halves { uvec4 halves[]; }; // [rows, chunks]
layout(push_constant) uniform Push {
    uint rows, first_row, chunks, first_chunk;
    uint row_words, row_scales; // of the weight
};

uint pair(float low, float high)
{
    if (COMPUTE == COMPUTE_BF16 && WEIGHT_FORMAT >= INT8) { // scales are finite (engine/io/quantize.h)
        return bf16_pair_of_numbers(low, high);
    }
    return compute_bits(COMPUTE, low) | compute_bits(COMPUTE, high) << 16;
}

void main()
{
    const uint id = linear_id(), row = id / chunks, chunk = first_chunk + id % chunks;
    if (row >= rows) {
        return;
    }
    const uint at = (first_row + row) * row_words, scale_at = (first_row + row) * row_scales;
    const vec4 low = weight_quad(at, scale_at, 2 * chunk), high = weight_quad(at, scale_at, 2 * chunk + 1);
    halves[id] = uvec4(pair(low.x, low.y), pair(low.z, low.w), pair(high.x, high.y), pair(high.z, high.w));
}
