// C = A · B for CPU devices with buffer addresses. Layouts as in engine/ops/matmul.h.
//
// One workgroup is one subgroup (one SIMD register of the CPU) and computes ROWS rows by
// two registers of columns. What makes it fast on lavapipe, found in the machine code
// (SPEED.md, GEMM):
//   - every address is the same for all lanes, so A becomes broadcasts, and a row of B,
//     put together from uniform vec4s by lane_values(), one vector load; an address that
//     depends on the lane would be a gather (stores are scatters: once per tile);
//   - strides are specialization constants, so that all offsets are immediates;
//   - sums of one K step live in registers; only their totals pass through the loop, where
//     every value is blended with the mask of active lanes.
// The host makes sure of: m >= ROWS, n >= 2 * LANES, n and strides multiples of 4, every
// matrix below 256 MiB at a multiple of 16 bytes, slices of k multiples of STEP.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm.glsl"
#include "gemm_lanes.glsl"
layout(constant_id = 3) const uint STEP = 16; // of k
layout(constant_id = 4) const uint LDA = 24;  // row strides, in vec4s
layout(constant_id = 5) const uint LDB = 24;
layout(constant_id = 6) const uint LDC = 24;

layout(push_constant) uniform Push {
    Vec4s  a_matrix, b_matrix, c_matrix, add_matrix, bias_row;
    Floats c_out;
    uint   m, n, k;
    uint   k_slice; // of workgroup z: [z * k_slice, (z + 1) * k_slice)
    uint   c_plane; // floats between the products of two slices
};

const uint ROWS = 12;

void main()
{
    const uint lane = gl_SubgroupInvocationID; // read first: LLVM then knows it as a constant everywhere
    Vec4s  a = a_matrix, b = b_matrix;
    const uint row_begin = gl_WorkGroupID.y * ROWS, column_begin = gl_WorkGroupID.x * 2 * LANES;
    const uint row0 = min(row_begin, m - ROWS), column0 = min(column_begin, n - 2 * LANES);
    const uint k_begin = gl_WorkGroupID.z * k_slice, k_end = min(k, k_begin + k_slice);
    const uint a_begin = LAYOUT == TN ? row0 >> 2 : row0 * LDA;
    const uint b_begin = LAYOUT == NT ? column0 * LDB : column0 >> 2;
    float total0[ROWS], total1[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        total0[r] = 0.0;
        total1[r] = 0.0;
    }
    for (uint k_loop = k_begin; k_loop < k_end; k_loop += STEP) {
        const uint k0 = min(k_loop, k_end - STEP); // the body may run once more with no lane active
        const uint a_at = bounded(LAYOUT == TN ? a_begin + k0 * LDA : a_begin + (k0 >> 2));
        const uint b_at = bounded(LAYOUT == NT ? b_begin + (k0 >> 2) : b_begin + k0 * LDB);
        float sum0[ROWS], sum1[ROWS];
        [[unroll]] for (uint i = 0; i < STEP; i += 4) {
            vec4 x[ROWS]; // [row][k]
            if (LAYOUT == TN) {
                [[unroll]] for (uint r = 0; r < ROWS; r += 4) {
                    const uint at = a_at + i * LDA + (r >> 2);
                    const mat4 y = transpose(mat4(a.v[at], a.v[at + LDA], a.v[at + 2 * LDA], a.v[at + 3 * LDA]));
                    x[r] = y[0];
                    x[r + 1] = y[1];
                    x[r + 2] = y[2];
                    x[r + 3] = y[3];
                }
            } else {
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    x[r] = a.v[a_at + r * LDA + (i >> 2)];
                }
            }
            vec4 y0, y1;
            if (LAYOUT == NT) {
                y0 = lane_rows(b, b_at + (i >> 2), LDB);
                y1 = lane_rows(b, b_at + LANES * LDB + (i >> 2), LDB);
            }
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const uint at = b_at + (i + j) * LDB;
                const float b0 = LAYOUT == NT ? y0[j] : lane_values(b, at);
                const float b1 = LAYOUT == NT ? y1[j] : lane_values(b, at + LANES / 4);
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    sum0[r] = i + j == 0 ? x[r][j] * b0 : fma(x[r][j], b0, sum0[r]);
                    sum1[r] = i + j == 0 ? x[r][j] * b1 : fma(x[r][j], b1, sum1[r]);
                }
            }
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            total0[r] += sum0[r];
            total1[r] += sum1[r];
        }
    }

    // The last tile of a row or column of tiles overlaps its neighbour. Where C is read, the
    // neighbour's part must not be added to again.
    Vec4s  c_in = c_matrix, add = add_matrix, bias = bias_row;
    Floats c = c_out;
    const bool reads_c = (EPILOGUE & (ADD_MATRIX | ADD_C)) != 0;
    const bool mine0 = column0 + lane >= column_begin, mine1 = column0 + LANES + lane >= column_begin;
    const uint c_at = bounded(row0 * LDC + (column0 >> 2)), plane = gl_WorkGroupID.z * c_plane;
    float bias0 = 0.0, bias1 = 0.0;
    if ((EPILOGUE & ADD_BIAS) != 0) {
        bias0 = lane_values(bias, column0 >> 2);
        bias1 = lane_values(bias, (column0 >> 2) + LANES / 4);
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint at0 = c_at + r * LDC, at1 = at0 + LANES / 4;
        float value0 = total0[r] + bias0, value1 = total1[r] + bias1;
        if ((EPILOGUE & ADD_MATRIX) != 0) {
            value0 += lane_values(add, at0);
            value1 += lane_values(add, at1);
        }
        if ((EPILOGUE & ADD_C) != 0) {
            value0 += lane_values(c_in, at0);
            value1 += lane_values(c_in, at1);
        }
        if (!reads_c || (row0 + r >= row_begin && mine0)) {
            c.v[plane + at0 * 4 + lane] = value0;
        }
        if (!reads_c || (row0 + r >= row_begin && mine1)) {
            c.v[plane + at1 * 4 + lane] = value1;
        }
    }
}
