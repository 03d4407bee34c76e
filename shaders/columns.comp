// Sums over rows, stage one: partial[chunk, column] = the sum over the chunk's
// rows, in order, of
//   SUM:   y            (bias gradients)
//   SCALE: y s          (value head: s = dv[row])
//   NORM:  y x s        (RMSNorm weight: y = dy, s = rstd[row])
// An invocation owns one column of one chunk. Row r lies at (r / per_token) *
// token_stride + offset + (r % per_token) * width.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

const uint SUM = 0, SCALE = 1, NORM = 2;
layout(constant_id = 1) const uint MODE = 0;

layout(std430, binding = 0) writeonly buffer Partial { float partial[]; }; // [chunks, width]
layout(std430, binding = 1) readonly buffer Y { float y[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; }; // NORM only
layout(std430, binding = 3) readonly buffer S { float s[]; }; // [rows], SCALE and NORM

layout(push_constant) uniform Push { uint rows, width, per_token, token_stride, offset, chunk_rows, chunks, column_blocks; };

void main()
{
    uint group = linear_group();
    uint chunk = group / column_blocks;
    if (chunk >= chunks) {
        return;
    }
    uint column = (group % column_blocks) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint safe_column = min(column, width - 1);
    uint begin = chunk * chunk_rows, end = min(begin + chunk_rows, rows);
    float sum = 0.0;
    for (uint i = begin; i < end; i++) {
        uint row = min(i, rows - 1);
        uint at = row / per_token * token_stride + offset + row % per_token * width + safe_column;
        if (MODE == SUM) {
            sum += y[at];
        } else if (MODE == SCALE) {
            sum += y[at] * s[row];
        } else {
            sum += y[at] * (x[at] * s[row]);
        }
    }
    if (column < width) {
        partial[chunk * width + column] = sum;
    }
}
