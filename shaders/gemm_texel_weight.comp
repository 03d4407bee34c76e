// C = A · Wᵀ (NT) or A · W (NN) with a frozen weight W, for CPU devices whose fastest read is a texel: gemm_texel.comp
// with a B that is dequantized in registers. Layouts as in engine/ops/matmul.h.
//
// x counts workgroups down the rows, so that the rows of W that one has read are still in a cache for the next. Sums run
// over all of k in order. The host makes sure of: rows of A and C are whole vec4s, C's may be overwritten up to there; NT:
// k a multiple of 8; NN: k of 4, n of 8.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "common.glsl"
#include "gemm.glsl"
const uint VECTORS = LAYOUT == NT ? 1 : 2;
#include "gemm_texel.glsl"
#define WEIGHT_FORMAT_ID 5
#define WEIGHT_BINDING 2
#define WEIGHT_SCALES_BINDING 6
#define WEIGHT_TEXELS
#include "weights.glsl"

layout(push_constant) uniform Push {
    uint m, n, k;
    uint lda, ldc;               // in vec4s
    uint row_texels, row_scales; // of W
    uint zero;
};

void main()
{
    const uint lane = gl_SubgroupInvocationID, texels = row_texels, scales = row_scales, none = zero, end = k;
    const uvec2 size = uvec2(m, n);
    const uint row0 = gl_WorkGroupID.x * ROWS, column0 = (gl_WorkGroupID.y * LANES + lane) * 4 * VECTORS, c_stride = ldc;
    uint a_begin[FETCHES]; // rows beyond the last are the last once more
    [[unroll]] for (uint f = 0; f < FETCHES; f++) {
        a_begin[f] = min(row0 + row_of(f, lane), m - 1) * lda + k_of(f, lane) / 4;
    }
    [[unroll]] for (uint i = 0; i < ROWS * VECTORS; i++) {
        sum[i] = vec4(0.0);
    }
    const uint last = n - 1;
    for (uint k0 = 0; k0 < end; k0 += STEP) {
        [[unroll]] for (uint f = 0; f < FETCHES; f++) {
            x[f] = a_at(a_begin[f] + (k0 >> 2));
        }
        [[unroll]] for (uint i = 0; i < 4; i++) { // of four columns (NT), of four k (NN)
            const uint row = LAYOUT == NT ? min(column0 + i, last) : k0 + i;
            vec4 low, high;
            weight_eight(row * texels, row * scales, (LAYOUT == NT ? k0 : min(column0, last)) >> 3, low, high);
            if (LAYOUT == NT) {
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    y[j][i] = low[j];
                    y[4 + j][i] = high[j];
                }
            } else {
                y[2 * i] = low;
                y[2 * i + 1] = high;
            }
        }
        multiply(none);
    }
    put_down(size, row0, column0, c_stride, 0);
}
