// C = A · B for CPU devices with buffer addresses. Layouts as in engine/ops/matmul.h; B lies
// in panels of 2 * LANES columns (gemm_pack.comp).
//
// One workgroup is one subgroup (one SIMD register of the CPU) and computes ROWS rows by
// one panel. What makes it fast on lavapipe, found in the machine code (SPEED.md, GEMM):
//   - every address is the same for all lanes, so A becomes broadcasts, and half a row of
//     a panel, put together from uniform vec4s by lane_values(), one vector load; an address
//     that depends on the lane would be a gather;
//   - stores are scatters, one lane after the other, and so two columns at a time;
//   - the loop over k is tested at its bottom: tested at the top, its body runs once more with no lane active;
//   - sums of one STEP of k live in registers, ROWS * 2 of them beside 3 for operands; only
//     their totals pass through the loop, where every value is blended with the mask of
//     active lanes.
// The host makes sure of: n >= 2 * LANES, n (as wide as C's rows may be written) and strides multiples of 4, for TN m >= ROWS,
// every matrix below 256 MiB at a multiple of 16 bytes, slices of k multiples of STEP.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm.glsl"
#include "gemm_lanes.glsl"
layout(constant_id = 3) const uint STEP = 32; // of k
layout(constant_id = 4) const uint ROWS = 6;
layout(constant_id = 5) const bool PADDED = false; // k is one STEP; where A ends before, B's panels hold zeros
layout(constant_id = 6) const bool ACROSS = true;  // workgroups follow C's rows, panel by panel; else a panel's columns

layout(push_constant) uniform Push {
    uint64_t a_matrix, b_panels, c_matrix, add_matrix, bias_row;
    uint     m, n, k;
    uint     lda, ldc; // row strides in floats
    uint     blocks;   // of panels, or of rows: a workgroup's z is block + blocks * slice
    uint     k_slice;  // of a slice: [slice * k_slice, (slice + 1) * k_slice)
    uint     c_plane;  // floats between the products of two slices
    uint     k_last;   // of A, if PADDED
};

// The loop's counter: from memory it comes back as one scalar, while a variable of a loop is a masked vector, from which
// it takes about 50 cycles to an address. All lanes of the one subgroup read it before one of them moves it on.
shared uint k_next;

void main()
{
    const uint block = gl_WorkGroupID.z % blocks, slice = gl_WorkGroupID.z / blocks;
    const uint along = block * gl_NumWorkGroups.x + gl_WorkGroupID.x, panels = (n + PANEL - 1) / PANEL;
    const uint panel = ACROSS ? along : gl_WorkGroupID.y;
    const uint row_begin = (ACROSS ? gl_WorkGroupID.y : along) * ROWS;
    const uint row0 = LAYOUT == TN ? min(row_begin, m - ROWS) : row_begin;
    const uint k_begin = slice * k_slice, k_end = min(k, k_begin + k_slice);
    find_lane();
    Vec4s  a_rows = Vec4s(a_matrix);
    Floats a_columns = Floats(a_matrix);
    Vec4s  b = Vec4s(b_panels);
    const uint b_begin = min(panel, panels - 1) * k * (PANEL / 4);
    uint a_begin[ROWS]; // rows beyond the last are the last once more
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        a_begin[r] = min(row0 + r, m - 1) * (lda >> 2);
    }
    float total0[ROWS], total1[ROWS]; // of the lane's two columns
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        total0[r] = 0.0;
        total1[r] = 0.0;
    }
    if (lane_is[0]) {
        k_next = k_begin;
    }
    uint k0;
    do {
        k0 = k_next;
        if (lane_is[0]) {
            k_next = k0 + STEP;
        }
        const uint b_at = bounded(b_begin + k0 * (PANEL / 4));
        float sum0[ROWS], sum1[ROWS];
        [[unroll]] for (uint i = 0; i < STEP; i++) {
            const float b0 = lane_values(b, b_at + i * (PANEL / 4));
            const float b1 = lane_values(b, b_at + i * (PANEL / 4) + LANES / 4);
            const uint k_at = PADDED ? min(i, k_last) : k0 + i, column_at = bounded(k_at * lda + row0);
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                const float x = LAYOUT == TN ? a_columns.v[column_at + r]
                                : PADDED     ? a_columns.v[bounded(4 * a_begin[r] + k_at)]
                                             : a_rows.v[bounded(a_begin[r] + (k0 >> 2)) + (i >> 2)][i & 3];
                sum0[r] = i == 0 ? x * b0 : fma(x, b0, sum0[r]);
                sum1[r] = i == 0 ? x * b1 : fma(x, b1, sum1[r]);
            }
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            total0[r] += sum0[r];
            total1[r] += sum1[r];
        }
    } while (k0 + STEP < k_end);

    // The last panel overlaps its neighbour, and for TN the last rows do. Where C is read, the
    // neighbour's part must not be added to again; so all is read before anything is written.
    const uint column_begin = panel * PANEL, column0 = min(column_begin, n - PANEL);
    const uint mine = column_begin - column0; // the first column that is
    uint at[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        at[r] = bounded(min(row0 + r, m - 1) * (ldc >> 1) + (column0 >> 1));
    }
    if ((EPILOGUE & ADD_BIAS) != 0) {
        const vec2 x = lane_columns(bias_row, column0 >> 1);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            total0[r] += x.x;
            total1[r] += x.y;
        }
    }
    if ((EPILOGUE & ADD_MATRIX) != 0) {
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const vec2 x = lane_columns(add_matrix, at[r]);
            total0[r] += x.x;
            total1[r] += x.y;
        }
    }
    if ((EPILOGUE & ADD_C) != 0) {
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const vec2 x = lane_columns(c_matrix, at[r]);
            total0[r] += x.x;
            total1[r] += x.y;
        }
    }
    const uint plane = slice * (c_plane >> 1);
    if (ACROSS ? panel < panels : row_begin < m) {
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            if (LAYOUT != TN || row0 + r >= row_begin) {
                store_columns(c_matrix, bounded(plane + at[r]), vec2(total0[r], total1[r]), mine);
            }
        }
    }
}
