// C = A · Wᵀ (NT) or A · W (NN) with a frozen weight W, dequantized as its tiles are loaded: gemm_tiled.comp with
// another B. Any m, n, k. Layouts as in engine/ops/matmul.h.
//
// One workgroup computes TILE x TILE of C; an invocation holds REG x REG of them, at rows and columns that are
// TILE / REG apart, so that neighbours write neighbours. (TILE / REG)^2 invocations.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#define NO_EPILOGUE_CONSTANT
#include "gemm.glsl"
layout(constant_id = 2) const uint TILE = 64;
layout(constant_id = 3) const uint REG = 4;
#define WEIGHT_FORMAT_ID 4
#define WEIGHT_BINDING 4
#include "weights.glsl"
#include "rounding.glsl"
layout(constant_id = 5) const uint COMPUTE = 0; // A and W's values are rounded to it
layout(constant_id = 6) const bool A_HALVES = false; // A holds numbers of that type, two to a word

layout(std430, binding = 0) buffer C { float c[]; };
layout(std430, binding = 1) readonly buffer A { float a[]; };
layout(std430, binding = 1) readonly buffer AWords { uint a_words[]; };
layout(std430, binding = 2) readonly buffer Add { float add[]; };
layout(std430, binding = 3) readonly buffer Bias { float bias[]; };
layout(push_constant) uniform Push {
    uint m, n, k;
    uint k_begin, k_end;        // of this dispatch; k_begin is a multiple of STEP
    uint lda, ldc;
    uint row_words, row_scales; // of W
    uint epilogue;
    uint c0, a0, add0, bias0;   // floats before the first element: spans are bound at aligned places
};

const uint STEP = 16; // of k
const uint SIDE = TILE / REG;
const uint PITCH = TILE + 1;
shared float tile_a[STEP * PITCH]; // [k][row]
shared float tile_b[STEP * PITCH]; // [k][column]

float a_at(uint i)
{
    return A_HALVES ? compute_value(COMPUTE, half_of(a_words[i >> 1], i)) : compute_rounded(COMPUTE, a[i]);
}

void main()
{
    const uint id = gl_LocalInvocationID.x, threads = SIDE * SIDE;
    const uint row0 = gl_WorkGroupID.y * TILE, column0 = gl_WorkGroupID.x * TILE;
    const uint y = id / SIDE, x = id % SIDE;
    float acc[REG * REG];
    [[unroll]] for (uint i = 0; i < REG * REG; i++) {
        acc[i] = 0.0;
    }
    for (uint k0 = k_begin; k0 < k_end; k0 += STEP) {
        for (uint e = id; e < TILE * STEP; e += threads) {
            const uint kk = e % STEP, i = e / STEP;
            float value = 0.0;
            if (row0 + i < m && k0 + kk < k) {
                value = a_at(a0 + (row0 + i) * lda + k0 + kk);
            }
            tile_a[kk * PITCH + i] = value;
        }
        for (uint e = id; e < TILE * STEP / 4; e += threads) {
            // A row of W is a column of C in NT, a k in NN; its columns the other. Padding is read with A's zeros.
            const uint quad = LAYOUT == NT ? e % (STEP / 4) : e % (TILE / 4);
            const uint line = LAYOUT == NT ? e / (STEP / 4) : e / (TILE / 4);
            const uint row = line + (LAYOUT == NT ? column0 : k0), rows = LAYOUT == NT ? n : k;
            const uint at = quad + ((LAYOUT == NT ? k0 : column0) >> 2), columns = LAYOUT == NT ? k : n;
            vec4 value = vec4(0.0);
            if (row < rows && 4 * at < columns) {
                value = weight_quad(row * row_words, row * row_scales, at);
            }
            [[unroll]] for (uint j = 0; j < 4; j++) {
                tile_b[LAYOUT == NT ? (4 * quad + j) * PITCH + line : line * PITCH + 4 * quad + j] = compute_rounded(COMPUTE, value[j]);
            }
        }
        barrier();
        for (uint kk = 0; kk < STEP; kk++) {
            float u[REG], v[REG];
            [[unroll]] for (uint i = 0; i < REG; i++) {
                u[i] = tile_a[kk * PITCH + i * SIDE + y];
                v[i] = tile_b[kk * PITCH + i * SIDE + x];
            }
            [[unroll]] for (uint i = 0; i < REG; i++) {
                [[unroll]] for (uint j = 0; j < REG; j++) {
                    acc[i * REG + j] = fma(u[i], v[j], acc[i * REG + j]);
                }
            }
        }
        barrier();
    }
    [[unroll]] for (uint i = 0; i < REG; i++) {
        [[unroll]] for (uint j = 0; j < REG; j++) {
            const uint row = row0 + i * SIDE + y, column = column0 + j * SIDE + x;
            if (row < m && column < n) {
                const uint at = row * ldc + column;
                float value = acc[i * REG + j];
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
    }
}
