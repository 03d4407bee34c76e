// Sums over rows, stage one: partial[chunk, column] = the sum over the chunk's
// rows, in order, of
//   SUM:   y            (bias gradients)
//   SCALE: y s          (value head: s = dv[row])
//   NORM:  y x s        (RMSNorm weight: y = dy, s = rstd[row])
// An invocation owns a unit of columns of one chunk. Row r lies at (r / per_token) *
// token_stride + offset + (r % per_token) * width.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"

const uint SUM = 0, SCALE = 1, NORM = 2;
layout(constant_id = 3) const uint MODE = 0;

layout(std430, binding = 0) writeonly buffer Partial { float partial[]; }; // [chunks, width]
layout(std430, binding = 0) writeonly buffer Partial4 { vec4 partial4[]; };
layout(std430, binding = 1) readonly buffer Y { float y[]; };
layout(std430, binding = 1) readonly buffer Y4 { vec4 y4[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; }; // NORM only
layout(std430, binding = 2) readonly buffer X4 { vec4 x4[]; };
layout(std430, binding = 3) readonly buffer S { float s[]; }; // [rows], SCALE and NORM
layout(binding = 4) uniform textureBuffer y_texels;
layout(binding = 5) uniform textureBuffer x_texels;

// width, token_stride and offset in units
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
    vec4 sum = vec4(0.0);
    for (uint i = begin; i < end; i++) {
        uint row = min(i, rows - 1);
        uint at = row / per_token * token_stride + offset + row % per_token * width + safe_column;
        vec4 value = LOAD(y_texels, y4, y, at);
        if (MODE == SUM) {
            sum += value;
        } else if (MODE == SCALE) {
            sum += value * s[row];
        } else {
            sum += value * (LOAD(x_texels, x4, x, at) * s[row]);
        }
    }
    if (column < width) {
        STORE(partial4, partial, chunk * width + column, sum)
    }
}
