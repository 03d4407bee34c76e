// C = A · Wᵀ (NT) or A · W (NN) with a frozen weight W, for CPU devices whose fastest read is a texel: gemm_texel.comp
// with a B that is dequantized in registers. Layouts as in engine/ops/matmul.h.
//
// An invocation computes ROWS x 8 of C. A workgroup, one subgroup, is LANES_DOWN invocations down and the rest across;
// x counts them down the rows, so that the rows of W that a workgroup has read are still in a cache for the next. Sums
// run over all of k in order. The host makes sure of: n >= 8; NT: k a multiple of 8; NN: k of 4, n of 8.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "gemm.glsl"
#include "gemm_texel.glsl"
#define WEIGHT_FORMAT_ID 5
#define WEIGHT_BINDING 2
#define WEIGHT_SCALES_BINDING 5
#define WEIGHT_TEXELS
#include "weights.glsl"

layout(push_constant) uniform Push {
    uint m, n, k;
    uint lda, ldc;               // lda in vec4s
    uint row_texels, row_scales; // of W
};

const uint STEP = LAYOUT == NT ? 8 : 4; // of k

void main()
{
    const uint id = gl_LocalInvocationID.x, across = gl_WorkGroupSize.x / LANES_DOWN;
    const uint row_begin = (gl_WorkGroupID.x * LANES_DOWN + id / across) * ROWS;
    const uint column_begin = (gl_WorkGroupID.y * across + id % across) * 8;
    const uint column0 = min(column_begin, n - 8);
    uint a_begin[ROWS]; // rows beyond the last are the last once more
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        a_begin[i] = min(row_begin + i, m - 1) * lda;
        sum[2 * i] = sum[2 * i + 1] = vec4(0.0);
    }
    for (uint k0 = 0; k0 < k; k0 += STEP) {
        vec4 y[16]; // [k][half of the columns]
        [[unroll]] for (uint i = 0; i < STEP; i++) { // of eight columns (NT), of four k (NN)
            const uint row = (LAYOUT == NT ? column0 : k0) + i;
            vec4 low, high;
            weight_eight(row * row_texels, row * row_scales, (LAYOUT == NT ? k0 : column0) >> 3, low, high);
            if (LAYOUT == NT) {
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    y[2 * j + i / 4][i % 4] = low[j];
                    y[8 + 2 * j + i / 4][i % 4] = high[j];
                }
            } else {
                y[2 * i] = low;
                y[2 * i + 1] = high;
            }
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            [[unroll]] for (uint q = 0; q < STEP / 4; q++) {
                const vec4 x = a_at(a_begin[r] + (k0 >> 2) + q);
                [[unroll]] for (uint h = 0; h < 2; h++) {
                    vec4 s = sum[2 * r + h];
                    [[unroll]] for (uint j = 0; j < 4; j++) {
                        s = fma(vec4(x[j]), y[8 * q + 2 * j + h], s);
                    }
                    sum[2 * r + h] = s;
                }
            }
        }
    }
    put_down(uvec2(m, n), row_begin, row_begin, column_begin, column0, ldc, 0);
}
