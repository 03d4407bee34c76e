// C = A · B for CPU devices whose fastest read is a texel: lavapipe of Mesa 22 to 25 turns
// texelFetch into 128-bit loads, but any storage buffer read into a scalar loop.
// Layouts as in engine/ops/matmul.h.
//
// The host makes sure of: rows of A, B and C are whole vec4s, C's may be overwritten up to there; n, but for NT, and for
// NT k are multiples of 4.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "common.glsl"
#include "gemm.glsl"
const uint VECTORS = 1;
#include "gemm_texel.glsl"

layout(constant_id = 5) const bool RAGGED = false; // a turn may begin before a slice's end and end behind it

layout(binding = 2) uniform textureBuffer b_texels;
layout(push_constant) uniform Push {
    uint m, n, k;
    uint lda, ldb, ldc; // in vec4s
    uint k_begin, k_slice; // of workgroup z: [k_begin + z * k_slice, …), multiples of STEP
    uint c_plane;       // vec4s between the products of two slices
    uint zero;
};

vec4 b_at(uint i) { return texelFetch(b_texels, int(i)); }

void main()
{
    // Here, because in a loop a push constant is read as a vector, lane by lane.
    const uint lane = gl_SubgroupInvocationID, a_stride = lda, b_stride = ldb, none = zero;
    const uvec2 size = uvec2(m, n);
    const uint row0 = gl_WorkGroupID.y * ROWS, column0 = (gl_WorkGroupID.x * LANES + lane) * 4;
    const uint first = k_begin + gl_WorkGroupID.z * k_slice, last = min(k, first + k_slice);
    const uint c_stride = ldc, plane = gl_WorkGroupID.z * c_plane;
    uint a_begin[FETCHES], b_begin[4]; // rows, columns and quads of them beyond the last are the last once more
    [[unroll]] for (uint f = 0; f < FETCHES; f++) {
        a_begin[f] = LAYOUT == TN ? min((row0 >> 2) + quad_of(f, lane), (m - 1) >> 2)
                                  : min(row0 + row_of(f, lane), m - 1) * lda + k_of(f, lane) / 4;
    }
    [[unroll]] for (uint j = 0; j < 4; j++) {
        b_begin[j] = LAYOUT == NT ? min(column0 + j, n - 1) * ldb : min(column0, n - 1) >> 2;
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        sum[r] = vec4(0.0);
    }
    for (uint k0 = first; k0 < last; k0 += STEP) {
        // Behind the last row of B lies anything, NaN too, which zeros of A would not make zero, or nothing that is bound.
        [[unroll]] for (uint f = 0; f < FETCHES; f++) {
            const uint at = k0 + k_of(f, lane);
            if (LAYOUT == TN) {
                const vec4 rows = a_at((RAGGED ? min(at, last - 1) : at) * a_stride + a_begin[f]);
                x[f] = RAGGED ? mix(vec4(0.0), rows, bvec4(at < last)) : rows;
            } else {
                const vec4 row = a_at(a_begin[f] + (k0 >> 2));
                x[f] = RAGGED ? mix(vec4(0.0), row, lessThan(at + uvec4(0, 1, 2, 3), uvec4(last))) : row;
            }
        }
        [[unroll]] for (uint j = 0; j < STEP; j += 4) {
            if (LAYOUT == NT) {
                const uint at = (RAGGED ? min(k0 + j, last - 1) : k0 + j) >> 2;
                const mat4 t = transpose(mat4(b_at(b_begin[0] + at), b_at(b_begin[1] + at), b_at(b_begin[2] + at),
                                              b_at(b_begin[3] + at)));
                y[j] = t[0];
                y[j + 1] = t[1];
                y[j + 2] = t[2];
                y[j + 3] = t[3];
            } else {
                [[unroll]] for (uint i = 0; i < 4; i++) {
                    const uint at = k0 + j + i;
                    y[j + i] = b_at((RAGGED ? min(at, last - 1) : at) * b_stride + b_begin[0]);
                }
            }
        }
        multiply(none);
    }
    put_down(size, row0, column0, c_stride, plane);
}
