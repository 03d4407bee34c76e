// out[k, n] = B[n, k] transposed, so that gemm_lanes can load rows of it; same addressing
// (see there). A workgroup, one subgroup, turns LANES rows by COLUMNS columns. The host
// makes sure of: rows >= LANES, columns and strides multiples of 4, columns >= COLUMNS.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"
layout(constant_id = 1) const uint LDB = 24; // row stride of B, in vec4s
layout(constant_id = 2) const uint LD_OUT = 24;

layout(push_constant) uniform Push {
    Vec4s  b_matrix;
    Floats out_matrix;
    uint   rows, columns; // of B
};

const uint COLUMNS = 16;

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    Vec4s  b = b_matrix;
    Floats transposed = out_matrix;
    const uint row0 = min(gl_WorkGroupID.y * LANES, rows - LANES);
    const uint column0 = min(gl_WorkGroupID.x * COLUMNS, columns - COLUMNS);
    const uint from = bounded(row0 * LDB + (column0 >> 2)), to = bounded(column0 * LD_OUT + (row0 >> 2)) * 4;
    [[unroll]] for (uint i = 0; i < COLUMNS; i += 4) {
        const vec4 x = lane_rows(b, from + (i >> 2), LDB);
        [[unroll]] for (uint j = 0; j < 4; j++) {
            transposed.v[to + (i + j) * LD_OUT * 4 + lane] = x[j];
        }
    }
}
