// C = A · B for CPU devices whose fastest read is a texel: lavapipe of Mesa 22 to 23 turns
// texelFetch into 128-bit loads, but any storage buffer read into a scalar loop.
// Layouts as in engine/ops/matmul.h.
//
// An invocation computes ROWS x 8 of C in registers. A workgroup, one subgroup, is
// LANES_DOWN invocations down and the rest across. The host makes sure of: n >= 8, for TN
// m >= ROWS, rows of A and B are whole vec4s; n, but for NT, and for NT k are multiples of 4.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "gemm.glsl"
#include "gemm_texel.glsl"

layout(constant_id = 5) const bool RAGGED = false; // k may be no multiple of 4: what lies behind it counts as zeros

layout(binding = 2) uniform textureBuffer b_texels;
layout(push_constant) uniform Push {
    uint m, n, k;
    uint lda, ldb, ldc; // lda and ldb in vec4s
    uint k_begin, k_slice; // of workgroup z: [k_begin + z * k_slice, …), multiples of 4
    uint c_plane;       // floats between the products of two slices
};

vec4 b_at(uint i) { return texelFetch(b_texels, int(i)); }

void main()
{
    const uint id = gl_LocalInvocationID.x, across = gl_WorkGroupSize.x / LANES_DOWN;
    const uint row_begin = (gl_WorkGroupID.y * LANES_DOWN + id / across) * ROWS;
    const uint column_begin = (gl_WorkGroupID.x * across + id % across) * 8;
    const uint row0 = LAYOUT == TN ? min(row_begin, (m + 3 & ~3u) - ROWS) : row_begin, column0 = min(column_begin, n - 8);
    const uint first = k_begin + gl_WorkGroupID.z * k_slice, last = min(k, first + k_slice);
    uint a_begin[ROWS]; // NN, NT: rows beyond the last are the last once more
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        a_begin[i] = min(row0 + i, m - 1) * lda;
        sum[2 * i] = sum[2 * i + 1] = vec4(0.0);
    }
    for (uint k0 = first; k0 < last; k0 += 4) {
        vec4 x[ROWS]; // [row][k]
        vec4 y[8];    // [k][half of the columns]
        uint k_at[4];
        // Behind the last row of B lies anything, NaN too, which zeros of A would not make zero, or nothing that is bound.
        [[unroll]] for (uint j = 0; j < 4; j++) {
            k_at[j] = RAGGED ? min(k0 + j, last - 1) : k0 + j;
        }
        if (LAYOUT == TN) {
            [[unroll]] for (uint r = 0; r < ROWS; r += 4) {
                const uint at = row0 + r >> 2;
                const mat4 t = transpose(mat4(a_at(k_at[0] * lda + at), a_at(k_at[1] * lda + at),
                                              a_at(k_at[2] * lda + at), a_at(k_at[3] * lda + at)));
                x[r] = t[0];
                x[r + 1] = t[1];
                x[r + 2] = t[2];
                x[r + 3] = t[3];
            }
        } else {
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                x[r] = a_at(a_begin[r] + (k0 >> 2));
            }
        }
        [[unroll]] for (uint h = 0; h < 2; h++) {
            if (LAYOUT == NT) {
                const uint at = (column0 + 4 * h) * ldb + (k0 >> 2);
                const mat4 t = transpose(mat4(b_at(at), b_at(at + ldb), b_at(at + 2 * ldb), b_at(at + 3 * ldb)));
                y[h] = t[0];
                y[2 + h] = t[1];
                y[4 + h] = t[2];
                y[6 + h] = t[3];
            } else {
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    y[2 * j + h] = b_at(k_at[j] * ldb + (column0 >> 2) + h);
                }
            }
        }
        if (RAGGED) {
            const bvec4 there = lessThan(k0 + uvec4(0, 1, 2, 3), uvec4(last));
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                x[r] = mix(vec4(0.0), x[r], there);
            }
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            [[unroll]] for (uint h = 0; h < 2; h++) {
                vec4 s = sum[2 * r + h];
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    s = fma(vec4(x[r][j]), y[2 * j + h], s);
                }
                sum[2 * r + h] = s;
            }
        }
    }
    put_down(uvec2(m, n), row_begin, row0, column_begin, column0, ldc, gl_WorkGroupID.z * c_plane);
}
