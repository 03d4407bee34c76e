// What the kernels for products of any shape, strides and places have in common: all bindings but A and B (1 and 2), and
// the push constants, as in matmul_record_general of engine/ops/matmul_record.c. PAIRED: with what comes in pairs.
#ifndef GEMM_GENERAL_GLSL
#define GEMM_GENERAL_GLSL

#include "common.glsl"
#define NO_EPILOGUE_CONSTANT
#include "gemm.glsl"
#include "rounding.glsl"

layout(std430, binding = 0) buffer C { float c[]; };
layout(std430, binding = 3) readonly buffer Add { float add[]; };
layout(std430, binding = 4) readonly buffer Bias { float bias[]; };
layout(push_constant) uniform Push {
    uint m, n, k;
    uint lda, ldb, ldc;
    uint k_slice; // of workgroup z: [z * k_slice, (z + 1) * k_slice)
    uint c_plane; // floats between the products of two slices
    uint epilogue; // here not a specialization constant: few pipelines serve all products
    uint c0, a0, b0, add0, bias0; // elements before the first one: spans are bound at aligned places
#ifdef PAIRED // gemm_pairs.glsl
    uint distance, distance_shift; // between the two columns of a pair; its logarithm, or 31
    uint act0;                     // as c0, in elements of Act
    uint rotated, positions;       // RoPE: columns that turn, rows of the table
#endif
};

#endif
