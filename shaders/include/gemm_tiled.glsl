// C = A · B in square tiles through shared memory; the variant for GPUs, and the one
// that any device can run. Any m, n, k, strides. Layouts as in engine/ops/matmul.h; with PAIRED columns of C in pairs
// (include/gemm_pairs.glsl).
//
// One workgroup computes TILE x TILE of C over one slice of k; an invocation holds
// REG x REG of them, at rows and columns that are TILE / REG apart, so that
// neighbours write neighbours. (TILE / REG)^2 invocations.
#ifndef GEMM_TILED_GLSL
#define GEMM_TILED_GLSL

#include "gemm_general.glsl"
layout(constant_id = 2) const uint TILE = 64;
layout(constant_id = 3) const uint REG = 4;
layout(constant_id = 4) const uint COMPUTE = 0; // A and B are rounded to it
layout(constant_id = 5) const bool A_HALVES = false; // A holds numbers of that type, two to a word
layout(constant_id = 6) const bool B_HALVES = false;

layout(std430, binding = 1) readonly buffer A { uint a[]; }; // f32 or halves
layout(std430, binding = 2) readonly buffer B { uint b[]; };

const uint STEP = 16; // of k
const uint SIDE = TILE / REG;
const uint PITCH = TILE + 1;
shared float tile_a[STEP * PITCH]; // [k][row]
shared float tile_b[STEP * PITCH]; // [k][column]

#ifdef PAIRED
#define PAIRS_ID 7
#define RUN SIDE
#include "gemm_pairs.glsl"
#endif

float a_at(uint i)
{
    return A_HALVES ? compute_value(COMPUTE, half_of(a[i >> 1], i)) : compute_rounded(COMPUTE, uintBitsToFloat(a[i]));
}

float b_at(uint i)
{
    return B_HALVES ? compute_value(COMPUTE, half_of(b[i >> 1], i)) : compute_rounded(COMPUTE, uintBitsToFloat(b[i]));
}

void main()
{
    const uint id = gl_LocalInvocationID.x, threads = SIDE * SIDE;
    const uint row0 = gl_WorkGroupID.y * TILE, column0 = gl_WorkGroupID.x * TILE;
    const uint k_begin = gl_WorkGroupID.z * k_slice, k_end = min(k, k_begin + k_slice);
    const uint y = id / SIDE, x = id % SIDE;
    float acc[REG * REG];
    [[unroll]] for (uint i = 0; i < REG * REG; i++) {
        acc[i] = 0.0;
    }
    for (uint k0 = k_begin; k0 < k_end; k0 += STEP) {
        for (uint e = id; e < TILE * STEP; e += threads) {
            const uint kk = LAYOUT == TN ? e / TILE : e % STEP, i = LAYOUT == TN ? e % TILE : e / STEP;
            float value = 0.0;
            if (row0 + i < m && k0 + kk < k_end) {
                value = a_at(a0 + (LAYOUT == TN ? (k0 + kk) * lda + row0 + i : (row0 + i) * lda + k0 + kk));
            }
            tile_a[kk * PITCH + i] = value;
        }
        for (uint e = id; e < TILE * STEP; e += threads) {
            const uint kk = LAYOUT == NT ? e % STEP : e / TILE, j = LAYOUT == NT ? e / STEP : e % TILE;
#ifdef PAIRED
            const uint column = column_of_place(column0, j);
#else
            const uint column = column0 + j;
#endif
            float value = 0.0;
            if (column < n && k0 + kk < k_end) {
                value = b_at(b0 + (LAYOUT == NT ? column * ldb + k0 + kk : (k0 + kk) * ldb + column));
            }
            tile_b[kk * PITCH + j] = value;
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
#ifdef PAIRED
    [[unroll]] for (uint i = 0; i < REG; i++) {
        [[unroll]] for (uint j = 0; j < REG; j += 2) {
            const uint row = row0 + i * SIDE + y, pair = pair_of_place(column0, j * SIDE + x);
            write_pair(row, pair, PAIRS == ROPE ? turn_of(row, pair) : vec2(0.0), acc[i * REG + j], acc[i * REG + j + 1]);
        }
    }
#else
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
                c[c0 + gl_WorkGroupID.z * c_plane + at] = value;
            }
        }
    }
#endif
}

#endif
