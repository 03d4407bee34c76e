// B as gemm_lanes reads it: in panels of PANEL = 2 * LANES columns, k after k, of each k the
// first column of every lane, then the second one of every lane (lane_columns()). The last panel overlaps its neighbour where
// n is no multiple of PANEL. A workgroup, one subgroup, writes STEP k of one panel.
// The host makes sure of: n >= PANEL, count a multiple of STEP, strides multiples of 4; unless PADDED, B has count k. For NT,
// n may be no multiple of 4: panels then go on to the next one, with the last column again.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#define NO_EPILOGUE_CONSTANT
#include "gemm.glsl"
#include "gemm_lanes.glsl"

layout(constant_id = 3) const uint STEP = 16;
layout(constant_id = 4) const bool PADDED = false; // B ends before count: then come zeros

layout(push_constant) uniform Push {
    uint64_t b_matrix, b_panels;
    uint     n, ldb, count; // count: k of a panel
    uint     k;             // of B, if PADDED
};

// Sixteen lanes write the halves of a row of a panel one after the other, whose numbers lie in two registers as they are read.
const bool HALVES = LANES > 8;

// The i-th lane's column of a panel, and its second one: what lies at a lane's place in the first
// half of a row of the panel is a lane's first column in gemm_lanes.
uint float_column(uint at) { return at < LANES ? 2 * at : 2 * (at - LANES) + 1; }
uint first_column(uint i) { return float_column(HALVES ? i : 2 * i); }
uint second_column(uint i) { return float_column(HALVES ? LANES + i : 2 * i + 1); }

void store_k(uint at, vec2 x)
{
    if (HALVES) {
        Floats p = Floats(b_panels);
        p.v[2 * at + gl_SubgroupInvocationID] = x.x;
        p.v[2 * at + LANES + gl_SubgroupInvocationID] = x.y;
    } else {
        store_columns(b_panels, at, x, 0);
    }
}

// Of B, for NT.
uint row(uint column) { return min(column, n - 1); }

void main()
{
    find_lane();
    const uint column0 = min(gl_WorkGroupID.y * PANEL, (n + 3 & ~3u) - PANEL), k0 = gl_WorkGroupID.x * STEP;
    Vec4s b = Vec4s(b_matrix);
    Floats b_floats = Floats(b_matrix);
    const uint to = bounded((gl_WorkGroupID.y * count + k0) * LANES);
    if (PADDED) {
        [[unroll]] for (uint j = 0; j < STEP; j++) {
            const uint k_at = min(k0 + j, k - 1), from = LAYOUT == NT ? k_at : k_at * ldb + column0;
            vec2 x = vec2(0.0);
            [[unroll]] for (uint i = 0; i < LANES; i++) {
                const vec2 x_i = LAYOUT == NT ? vec2(b_floats.v[bounded(from + row(column0 + first_column(i)) * ldb)],
                                                     b_floats.v[bounded(from + row(column0 + second_column(i)) * ldb)])
                                              : vec2(b_floats.v[bounded(from + first_column(i))],
                                                     b_floats.v[bounded(from + second_column(i))]);
                x = lane_is[i] ? x_i : x;
            }
            store_k(to + j * LANES, k0 + j < k ? x : vec2(0.0));
        }
    } else if (LAYOUT == NT) {
        const uint pitch = ldb >> 2, from = k0 >> 2;
        [[unroll]] for (uint j = 0; j < STEP; j += 4) {
            vec4 x = vec4(0.0), y = vec4(0.0); // four k of the lane's columns
            [[unroll]] for (uint i = 0; i < LANES; i++) {
                const vec4 x_i = b.v[bounded(from + row(column0 + first_column(i)) * pitch) + (j >> 2)];
                const vec4 y_i = b.v[bounded(from + row(column0 + second_column(i)) * pitch) + (j >> 2)];
                x = lane_is[i] ? x_i : x;
                y = lane_is[i] ? y_i : y;
            }
            [[unroll]] for (uint e = 0; e < 4; e++) {
                store_k(to + (j + e) * LANES, vec2(x[e], y[e]));
            }
        }
    } else {
        [[unroll]] for (uint j = 0; j < STEP; j++) {
            const uint from = bounded((k0 + j) * (ldb >> 2) + (column0 >> 2));
            if (HALVES) {
                store_k(to + j * LANES, lane_pairs(b_matrix, 2 * from));
                continue;
            }
            vec2 x = vec2(0.0);
            [[unroll]] for (uint i = 0; i < LANES; i++) {
                const uint first = first_column(i), second = second_column(i);
                const vec2 x_i = vec2(b.v[from + (first >> 2)][first & 3], b.v[from + (second >> 2)][second & 3]);
                x = lane_is[i] ? x_i : x;
            }
            store_k(to + j * LANES, x);
        }
    }
}
