// dtable[ids[u]] += the sum of dy over the tokens order[starts[u] .. starts[u+1]),
// always in that order. A workgroup does COLUMNS columns of one unique id; where
// it has more invocations than columns, the tokens are dealt out over them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const uint COLUMNS = 8;

layout(std430, binding = 0) buffer DTable { float dtable[]; };           // [rows, width], from first_row
layout(std430, binding = 1) readonly buffer Dy { float dy[]; };          // [tokens, width]
layout(std430, binding = 2) readonly buffer Ids { uint unique_ids[]; };  // [unique]
layout(std430, binding = 3) readonly buffer Starts { uint starts[]; };   // [unique + 1]
layout(std430, binding = 4) readonly buffer Order { uint order[]; };     // [tokens]

layout(push_constant) uniform Push { uint unique, width, column_blocks, first_row, rows; };

shared float parts[256];

void main()
{
    uint group = linear_group();
    if (group >= unique * column_blocks) {
        return;
    }
    uint u = group / column_blocks;
    uint row = unique_ids[u] - first_row;
    if (row >= rows) {
        return;
    }
    uint lane = gl_LocalInvocationID.x;
    uint column = (group % column_blocks) * COLUMNS + lane % COLUMNS;
    uint safe_column = min(column, width - 1);
    uint begin = starts[u], end = starts[u + 1];
    uint step = gl_WorkGroupSize.x / COLUMNS;
    float sum = 0.0;
    for (uint i = begin + lane / COLUMNS; i < end; i += step) {
        sum += dy[order[min(i, end - 1)] * width + safe_column];
    }
    if (step > 1) {
        parts[lane] = sum;
        barrier();
        if (lane >= COLUMNS) {
            return;
        }
        for (uint part = 1; part < step; part++) {
            sum += parts[part * COLUMNS + lane];
        }
    }
    if (column < width) {
        dtable[row * width + column] += sum;
    }
}
