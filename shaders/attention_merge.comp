// Puts together what the segments of a (row, head) came to: parts are [rows, heads, segments,
// head_dim + 2], of each the weighted values, the largest score (in units of log2 e) and the
// sum of weights. A workgroup per (row, head).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer O { float o[]; };           // [rows, heads, head_dim]
layout(std430, binding = 1) readonly buffer Parts { float parts[]; };
layout(std430, binding = 2) readonly buffer Lengths { uint lengths[]; }; // [rows]

layout(push_constant) uniform Push { uint first_row, rows, heads, head_dim, segments, segment, max_length; };

void main()
{
    uint group = linear_group();
    if (group >= rows * heads) {
        return;
    }
    uint row = first_row + group / heads, used = (min(lengths[row], max_length) + segment - 1) / segment;
    uint from = group * segments * (head_dim + 2), to = (row * heads + group % heads) * head_dim;
    float largest = used > 0 ? parts[from + head_dim] : 0.0;
    for (uint s = 1; s < used; s++) {
        largest = max(largest, parts[from + s * (head_dim + 2) + head_dim]);
    }
    float total = 0.0;
    for (uint s = 0; s < used; s++) {
        uint at = from + s * (head_dim + 2) + head_dim;
        total += parts[at + 1] * exp2(parts[at] - largest);
    }
    for (uint i = gl_LocalInvocationID.x; i < head_dim; i += gl_WorkGroupSize.x) {
        float sum = 0.0;
        for (uint s = 0; s < used; s++) {
            uint at = from + s * (head_dim + 2);
            sum += parts[at + i] * exp2(parts[at + head_dim] - largest);
        }
        o[to + i] = used > 0 ? sum / total : 0.0;
    }
}
