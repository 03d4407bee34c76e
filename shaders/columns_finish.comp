// Sums over rows, stage two: out[column] += the sum of partial[., column] in order.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) buffer Out { float result[]; };               // [width]
layout(std430, binding = 1) readonly buffer Partial { float partial[]; }; // [chunks, width]

layout(push_constant) uniform Push { uint width, chunks; };

void main()
{
    uint column = linear_id();
    uint safe_column = min(column, width - 1);
    float sum = 0.0;
    for (uint chunk = 0; chunk < chunks; chunk++) {
        sum += partial[min(chunk, chunks - 1) * width + safe_column];
    }
    if (column < width) {
        result[column] += sum;
    }
}
