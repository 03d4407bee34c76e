// C = A · Wᵀ for few rows of A, on GPUs: a step of decoding. The weight, f32 or frozen, is read once, 128 bits at a time,
// and that is what such a product costs; gemm_tiled and gemm_weight would compute a whole tile of rows.
//
// A workgroup computes COLUMNS columns of every row: its invocations share k, and their sums meet first in a subgroup,
// then in shared memory. In which order depends on the device and k alone: a row's bits do not depend on ROWS.
// The host makes sure of: k and lda multiples of 4, rows of W whole 128-bit vectors, subgroups of 4 or more.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "common.glsl"
#define NO_EPILOGUE_CONSTANT
#include "gemm.glsl"
#define WEIGHT_FORMAT_ID 2
#define WEIGHT_BINDING 4
#define WEIGHT_VECTORS
#include "weights.glsl"
layout(constant_id = 3) const uint ROWS = 4;
layout(constant_id = 4) const uint COLUMNS = 4;

layout(std430, binding = 0) buffer C { float c[]; };
layout(std430, binding = 1) readonly buffer A { vec4 a[]; };
layout(std430, binding = 2) readonly buffer Add { float add[]; };
layout(std430, binding = 3) readonly buffer Bias { float bias[]; };
layout(push_constant) uniform Push {
    uint n, k;
    uint lda, ldc;              // in floats
    uint row_words, row_scales; // of W
    uint epilogue;
    uint c0, add0, bias0;       // floats before the first element: spans are bound at aligned places
};

const uint SUMS = ROWS * COLUMNS;
const uint QUADS = WEIGHT_FORMAT == F32 ? 1 : WEIGHT_FORMAT == INT8 ? 4 : WEIGHT_FORMAT == INT4 ? 8 : 2; // of a vector
const uint SUBGROUPS = gl_WorkGroupSize.x / 4; // at most
shared float sums[SUMS * SUBGROUPS];

void main()
{
    const uint id = gl_LocalInvocationID.x, column0 = linear_group() * COLUMNS;
    const uint quads = k / 4, vectors = (quads + QUADS - 1) / QUADS;
    uint vector_at[COLUMNS], scale_at[COLUMNS]; // columns beyond the last are the last once more
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        const uint column = min(column0 + j, n - 1);
        vector_at[j] = column * (row_words / 4);
        scale_at[j] = column * row_scales;
    }
    float sum[SUMS];
    [[unroll]] for (uint i = 0; i < SUMS; i++) {
        sum[i] = 0.0;
    }
    for (uint v = id; v < vectors; v += gl_WorkGroupSize.x) {
        uvec4 words[COLUMNS];
        float scale[COLUMNS];
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            words[j] = weight_vectors[vector_at[j] + v];
            scale[j] = weight_scale(scale_at[j], v * QUADS);
        }
        [[unroll]] for (uint q = 0; q < QUADS; q++) {
            vec4 w[COLUMNS];
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
                w[j] = weight_vector_quad(words[j], q, scale[j]);
            }
            const uint at = min(v * QUADS + q, quads - 1); // what lies beyond meets the zeros that rows are padded with
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                const vec4 x = a[r * (lda / 4) + at];
                [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
                    float s = sum[r * COLUMNS + j];
                    s = fma(x.x, w[j].x, s);
                    s = fma(x.y, w[j].y, s);
                    s = fma(x.z, w[j].z, s);
                    sum[r * COLUMNS + j] = fma(x.w, w[j].w, s);
                }
            }
        }
    }
    [[unroll]] for (uint i = 0; i < SUMS; i++) {
        const float total = subgroupAdd(sum[i]);
        if (subgroupElect()) {
            sums[gl_SubgroupID * SUMS + i] = total;
        }
    }
    barrier();
    for (uint i = id; i < SUMS; i += gl_WorkGroupSize.x) {
        const uint row = i / COLUMNS, column = column0 + i % COLUMNS;
        if (column >= n) {
            continue;
        }
        float value = sums[i];
        for (uint s = 1; s < gl_NumSubgroups; s++) {
            value += sums[s * SUMS + i];
        }
        const uint at = row * ldc + column;
        if ((epilogue & ADD_BIAS) != 0) {
            value += bias[bias0 + column];
        }
        if ((epilogue & ADD_MATRIX) != 0) {
            value += add[add0 + at];
        }
        if ((epilogue & ADD_C) != 0) {
            value += c[c0 + at];
        }
        c[c0 + at] = value;
    }
}
