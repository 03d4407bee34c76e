// C = A · B on a card's matrix units. Any m, n, k, strides and places of A, B and C; layouts and epilogues as in
// engine/ops/matmul.h. The including shader defines HALF, the type that is multiplied, and HALVES(a, b), two
// numbers rounded to it in a word; sums are f32. With FROZEN, B is a frozen weight: include/gemm_frozen.glsl, and
// HALVES_OF_NUMBERS(a, b) is for two that are not NaN. With PAIRED, columns of C come in pairs (include/gemm_pairs.glsl):
// every second one of a subgroup's products has the second columns.
//
// One workgroup computes TILE_M x TILE_N of C over one slice of k, each of its subgroups PART_M x PART_N of that, in
// products of M x N x K. STEP of k at a time lies in shared memory, A and B with their rows as they are stored, so that
// the matrices are loaded row by row or column by column, or, where TURNED, all of them along k. While the subgroups
// multiply one step, the next one is on its way into registers (include/gemm_carried.glsl).
#ifndef GEMM_COOPMAT_GLSL
#define GEMM_COOPMAT_GLSL

layout(constant_id = 2) const uint TILE_M = 64;
layout(constant_id = 3) const uint TILE_N = 64;
layout(constant_id = 4) const uint PART_M = 32;
layout(constant_id = 5) const uint PART_N = 32;
layout(constant_id = 6) const uint M = 16; // of the device's shapes; multiples of 8
layout(constant_id = 7) const uint N = 16;
layout(constant_id = 8) const uint K = 16;
layout(constant_id = 9) const uint STEP = 32;
layout(constant_id = 10) const uint STAGES = 2; // steps that lie in shared memory: 2 need one barrier a step
layout(constant_id = 11) const uint OPERANDS = 0; // how A and B are stored, bits as in engine/ops/matmul_parts.h

#include "gemm_matrices.glsl"

layout(std430, binding = 1) readonly buffer A { uint a[]; };
layout(std430, binding = 1) readonly buffer AVectors { uvec4 a4[]; };
layout(std430, binding = 2) readonly buffer B { uint b[]; };
layout(std430, binding = 2) readonly buffer BVectors { uvec4 b4[]; };

// Shared memory holds chunks of eight neighbours of a row. Rows are a chunk longer than they need be, so that the
// same chunk of eight rows lies in different banks. Rows run along k where the operand's rows in memory do, and, with
// TURNED, where they do not: a card whose matrix unit wants neighbours of k together in a lane reads words then, not
// halves.
const uint CHUNK = 8;
const bool TURNED = (OPERANDS & 16) != 0;
const bool A_TURNED = TURNED && LAYOUT == TN, B_TURNED = TURNED && LAYOUT != NT;
const bool A_ALONG = LAYOUT != TN || TURNED, B_ALONG = LAYOUT == NT || TURNED;
const uint A_ROWS = A_ALONG ? TILE_M : STEP, A_CHUNKS = (A_ALONG ? STEP : TILE_M) / CHUNK;
const uint B_ROWS = B_ALONG ? TILE_N : STEP, B_CHUNKS = (B_ALONG ? STEP : TILE_N) / CHUNK;
const uint A_PITCH = A_CHUNKS + 1, B_PITCH = B_CHUNKS + 1;
const uint STAGE = A_ROWS * A_PITCH + B_ROWS * B_PITCH;
const uint PARTS_N = TILE_N / PART_N, PARTS = TILE_M / PART_M * PARTS_N; // subgroups of a workgroup
const uint PATCH = M * N / 4; // vectors of four floats
#ifdef PAIRED
const uint PATCHES = 2 * PARTS * PATCH;
#define PAIRS_ID 13
#define RUN N
#include "gemm_pairs.glsl"
#else
const uint PATCHES = PARTS * PATCH;
#endif
shared uvec4 tiles[STAGES * STAGE > PATCHES ? STAGES * STAGE : PATCHES];

#include "gemm_carried.glsl"

#define SUMS coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
const uint DOWN = PART_M / M, ACROSS = PART_N / N;
const int A_ORDER = A_ALONG ? gl_CooperativeMatrixLayoutRowMajor : gl_CooperativeMatrixLayoutColumnMajor;
const int B_ORDER = B_ALONG ? gl_CooperativeMatrixLayoutColumnMajor : gl_CooperativeMatrixLayoutRowMajor;

float patch_value(uint patch_begin, uint e) { return uintBitsToFloat(tiles[patch_begin + (e >> 2)][e & 3]); }

#ifndef PAIRED
// The M x N of C that start at (row, column), all of which exist, without a bias: by the matrix unit.
void write_whole(SUMS sums, uint row, uint column)
{
    const uint at = row * ldc + column, to = c0 + gl_WorkGroupID.z * c_plane + at;
    SUMS more;
    if ((epilogue & ADD_MATRIX) != 0) {
        coopMatLoad(more, add, add0 + at, ldc, gl_CooperativeMatrixLayoutRowMajor);
        sums += more;
    }
    if ((epilogue & ADD_C) != 0) {
        coopMatLoad(more, c, to, ldc, gl_CooperativeMatrixLayoutRowMajor);
        sums += more;
    }
    coopMatStore(sums, c, to, ldc, gl_CooperativeMatrixLayoutRowMajor);
}

// What exists of them, one by one from the subgroup's patch of shared memory.
void write_patch(uint row, uint column)
{
    for (uint e = gl_SubgroupInvocationID; e < M * N; e += gl_SubgroupSize) {
        const uint i = row + e / N, j = column + e % N, at = i * ldc + j;
        if (i < m && j < n) {
            const uint to = c0 + gl_WorkGroupID.z * c_plane + at;
            float value = patch_value(gl_SubgroupID * PATCH, e);
            if ((epilogue & ADD_BIAS) != 0) {
                value += bias[bias0 + j];
            }
            if ((epilogue & ADD_MATRIX) != 0) {
                value += add[add0 + at];
            }
            if ((epilogue & ADD_C) != 0) {
                value += c[to];
            }
            c[to] = value;
        }
    }
}
#else
// Both patches of a subgroup: M rows of N first columns of pairs from `pair` on, and the second ones. Two neighbours at a
// time, which become a word; what is read for all of them is read first.
const uint LANES = gl_WorkGroupSize.x / PARTS, TURNS = (M * N / 2 + LANES - 1) / LANES;

void write_patch(uint row, uint pair)
{
    const uint first = gl_SubgroupID * 2 * PATCH, second = first + PATCH;
    vec2 turns[2 * TURNS];
    [[unroll]] for (uint t = 0; t < TURNS; t++) {
        const uint e = min(2 * (gl_SubgroupInvocationID + t * LANES), M * N - 2), i = row + e / N, j = pair + e % N;
        turns[2 * t] = PAIRS == ROPE ? turn_of(i, j) : vec2(0.0);
        turns[2 * t + 1] = PAIRS == ROPE ? turn_of(i, j + 1) : vec2(0.0);
    }
    [[unroll]] for (uint t = 0; t < TURNS; t++) {
        const uint e = 2 * (gl_SubgroupInvocationID + t * LANES), i = row + e / N, j = pair + e % N;
        if (e >= M * N) {
            break;
        }
        float x0 = patch_value(first, e), x1 = patch_value(first, e + 1);
        float y0 = patch_value(second, e), y1 = patch_value(second, e + 1);
        if (!ACT_HALVES || PAIRS == ROPE) {
            write_pair(i, j, turns[2 * t], x0, y0);
            write_pair(i, j + 1, turns[2 * t + 1], x1, y1);
        } else if (i < m && j < n / 2) { // an even number
            finish_pair(i, j, vec2(0.0), x0, y0);
            finish_pair(i, j + 1, vec2(0.0), x1, y1);
            act_words[(act0 + i * (n / 2) + j) / 2] = HALVES(swiglu_of(x0, y0), swiglu_of(x1, y1));
        }
    }
}
#endif

void main()
{
    const uvec2 tile = tile_in_order();
    const uint tile_row = tile.x * TILE_M, tile_column = tile.y * TILE_N;
    const uint k_begin = gl_WorkGroupID.z * k_slice, k_end = min(k, k_begin + k_slice);
    const uint part_row = gl_SubgroupID / PARTS_N * PART_M, part_column = gl_SubgroupID % PARTS_N * PART_N;

    SUMS sums[DOWN * ACROSS];
    [[unroll]] for (uint i = 0; i < DOWN * ACROSS; i++) {
        sums[i] = SUMS(0.0);
    }
    uint stage = 0;
    find_places(true, tile_row, m);
    find_places(false, tile_column, n);
    fetch(true, k_begin, k_end, tile_row, m);
    fetch(false, k_begin, k_end, tile_column, n);
    for (uint at = k_begin; at < k_end; at += STEP) {
        if (at + STEP > k_end) {
            clear(true, at, k_end);
            clear(false, at, k_end);
        }
        put_down(true, stage);
        put_down(false, stage);
        barrier();
        if (at + STEP < k_end) {
            fetch(true, at + STEP, k_end, tile_row, m);
            fetch(false, at + STEP, k_end, tile_column, n);
        }
        const uint a_first = stage * STAGE, b_first = a_first + A_ROWS * A_PITCH;
        [[unroll]] for (uint kk = 0; kk < STEP; kk += K) {
            coopmat<HALF, gl_ScopeSubgroup, M, K, gl_MatrixUseA> u[DOWN];
            coopmat<HALF, gl_ScopeSubgroup, K, N, gl_MatrixUseB> v;
            [[unroll]] for (uint i = 0; i < DOWN; i++) {
                const uint row = part_row + i * M;
                coopMatLoad(u[i], tiles, a_first + (A_ALONG ? row * A_PITCH + kk / CHUNK : kk * A_PITCH + row / CHUNK),
                            A_PITCH, A_ORDER);
            }
            [[unroll]] for (uint j = 0; j < ACROSS; j++) {
                const uint column = part_column + j * N;
                coopMatLoad(v, tiles,
                            b_first + (B_ALONG ? column * B_PITCH + kk / CHUNK : kk * B_PITCH + column / CHUNK),
                            B_PITCH, B_ORDER);
                [[unroll]] for (uint i = 0; i < DOWN; i++) {
                    sums[i * ACROSS + j] = coopMatMulAdd(u[i], v, sums[i * ACROSS + j]);
                }
            }
        }
        if (STAGES == 1) {
            barrier();
        } else {
            stage ^= 1;
        }
    }
    // One matrix after another by a loop that stays one, so that its code is there once; and none of them is indexed by
    // what is no constant then: NVIDIA's open compiler would keep them all in memory, throughout.
#ifdef PAIRED
    const uint HALF_ACROSS = ACROSS / 2;
    [[dont_unroll]] for (uint i = 0; i < DOWN * HALF_ACROSS; i++) {
        barrier();
        [[unroll]] for (uint j = 0; j < DOWN * HALF_ACROSS; j++) {
            if (i == j) {
                const uint at = j / HALF_ACROSS * ACROSS + j % HALF_ACROSS * 2, to = gl_SubgroupID * 2 * PATCH;
                coopMatStore(sums[at], tiles, to, N / 4, gl_CooperativeMatrixLayoutRowMajor);
                coopMatStore(sums[at + 1], tiles, to + PATCH, N / 4, gl_CooperativeMatrixLayoutRowMajor);
            }
        }
        barrier();
        write_patch(tile_row + part_row + i / HALF_ACROSS * M,
                    (tile_column + part_column) / 2 + i % HALF_ACROSS * N);
    }
#else
    // The unit reads and writes rows that start at multiples of 16 bytes.
    const bool aligned = ((c0 | ldc | c_plane | ((epilogue & ADD_MATRIX) != 0 ? add0 : 0)) & 3) == 0;
    if (aligned && tile_row + TILE_M <= m && tile_column + TILE_N <= n && (epilogue & ADD_BIAS) == 0) {
        [[unroll]] for (uint i = 0; i < DOWN * ACROSS; i++) {
            write_whole(sums[i], tile_row + part_row + i / ACROSS * M, tile_column + part_column + i % ACROSS * N);
        }
        return;
    }
    [[dont_unroll]] for (uint i = 0; i < DOWN * ACROSS; i++) {
        barrier(); // the patches lie where the steps did, and one after another
        [[unroll]] for (uint j = 0; j < DOWN * ACROSS; j++) {
            if (i == j) {
                coopMatStore(sums[j], tiles, gl_SubgroupID * PATCH, N / 4, gl_CooperativeMatrixLayoutRowMajor);
            }
        }
        barrier();
        write_patch(tile_row + part_row + i / ACROSS * M, tile_column + part_column + i % ACROSS * N);
    }
#endif
}

#endif
