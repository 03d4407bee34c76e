// C = A · B on a card's matrix units. Any m, n, k, strides and places of A, B and C; layouts and epilogues as in
// engine/ops/matmul.h. The including shader defines HALF, the type that is multiplied, and HALVES(a, b), two
// numbers rounded to it in a word; sums are f32. With FROZEN, B is a frozen weight: include/gemm_frozen.glsl, and
// HALVES_OF_NUMBERS(a, b) is for two that are not NaN.
//
// One workgroup computes TILE_M x TILE_N of C over one slice of k, each of its subgroups PART_M x PART_N of that, in
// products of M x N x K. STEP of k at a time lies in shared memory, A and B with their rows as they are stored, so that
// nothing is turned: the matrices are loaded row by row or column by column instead. While the subgroups multiply one
// step, the next one is on its way into registers.
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
// same chunk of eight rows lies in different banks.
const uint CHUNK = 8;
const uint A_ROWS = LAYOUT == TN ? STEP : TILE_M, A_CHUNKS = (LAYOUT == TN ? TILE_M : STEP) / CHUNK;
const uint B_ROWS = LAYOUT == NT ? TILE_N : STEP, B_CHUNKS = (LAYOUT == NT ? STEP : TILE_N) / CHUNK;
const uint A_PITCH = A_CHUNKS + 1, B_PITCH = B_CHUNKS + 1;
const uint STAGE = A_ROWS * A_PITCH + B_ROWS * B_PITCH;
const uint PARTS_N = TILE_N / PART_N, PARTS = TILE_M / PART_M * PARTS_N; // subgroups of a workgroup
const uint PATCH = M * N / 4; // vectors of four floats
shared uvec4 tiles[STAGES * STAGE > PARTS * PATCH ? STAGES * STAGE : PARTS * PATCH];

// The chunks that an invocation carries: a vector of halves, or two of floats, each.
const uint THREADS = gl_WorkGroupSize.x;
const uint A_CARRIED = (A_ROWS * A_CHUNKS + THREADS - 1) / THREADS;
const uint B_CARRIED = (B_ROWS * B_CHUNKS + THREADS - 1) / THREADS;
uvec4 a_carried[A_CARRIED * (A_HALVES ? 1 : 2)];
uvec4 b_carried[B_CARRIED * (B_HALVES ? 1 : 2)];

// All functions below are told which operand is meant by a literal.
uvec4 vector_at(const bool of_a, uint i)
{
    if (of_a) {
        return a4[i];
    }
    return b4[i];
}

uint word_at(const bool of_a, uint i)
{
    if (of_a) {
        return a[i];
    }
    return b[i];
}

// Half a chunk of floats, or a chunk of halves, from element `from`; zeros after `inside` elements.
uvec4 elements_at(const bool of_a, const bool halves, const bool vectors, uint from, int inside)
{
    const int count = halves ? 8 : 4;
    if (vectors && inside >= count) {
        return vector_at(of_a, from / uint(count));
    }
    uvec4 value = uvec4(0);
    if (inside <= 0) {
        return value;
    }
    [[unroll]] for (int i = 0; i < count; i++) { // a loop would keep fetch's from being unrolled on NVIDIA's cards
        const uint at = from + min(i, inside - 1);
        const uint element = halves ? half_of(word_at(of_a, at >> 1), at) << 16 * (i & 1) : word_at(of_a, at);
        value[halves ? i >> 1 : i] |= i < inside ? element : 0;
    }
    return value;
}

// The invocation's chunks of one step: [row0, rows) x [column0, columns) of the matrix as it is stored.
void fetch(const bool of_a, uint row0, uint column0, uint rows, uint columns)
{
    const bool halves = of_a ? A_HALVES : B_HALVES, vectors = of_a ? A_VECTORS : B_VECTORS;
    const uint carried = of_a ? A_CARRIED : B_CARRIED, width = of_a ? A_CHUNKS : B_CHUNKS;
    const uint chunks = of_a ? A_ROWS * A_CHUNKS : B_ROWS * B_CHUNKS;
    [[unroll]] for (uint i = 0; i < carried; i++) {
        const uint chunk = gl_LocalInvocationID.x + i * THREADS;
        const uint row = row0 + chunk / width, column = column0 + chunk % width * CHUNK;
        const uint from = of_a ? a0 + row * lda + column : b0 + row * ldb + column;
        const bool there = chunk < chunks && row < rows && column < columns;
        const int inside = there ? int(min(columns - column, CHUNK)) : 0;
        const uvec4 low = elements_at(of_a, halves, vectors, from, inside);
        const uvec4 high = halves ? uvec4(0) : elements_at(of_a, halves, vectors, from + 4, inside - 4);
        if (of_a) {
            a_carried[A_HALVES ? i : 2 * i] = low;
            if (!A_HALVES) {
                a_carried[2 * i + 1] = high;
            }
        } else {
            b_carried[B_HALVES ? i : 2 * i] = low;
            if (!B_HALVES) {
                b_carried[2 * i + 1] = high;
            }
        }
    }
}

// A chunk, rounded.
uvec4 round_chunk(vec4 low, vec4 high)
{
    return uvec4(HALVES(low.x, low.y), HALVES(low.z, low.w), HALVES(high.x, high.y), HALVES(high.z, high.w));
}

// Into shared memory, rounded.
void put_down(const bool of_a, uint stage)
{
    const uint carried = of_a ? A_CARRIED : B_CARRIED, width = of_a ? A_CHUNKS : B_CHUNKS;
    const uint pitch = of_a ? A_PITCH : B_PITCH, chunks = of_a ? A_ROWS * A_CHUNKS : B_ROWS * B_CHUNKS;
    const uint first = stage * STAGE + (of_a ? 0 : A_ROWS * A_PITCH);
    [[unroll]] for (uint i = 0; i < carried; i++) {
        const uint chunk = gl_LocalInvocationID.x + i * THREADS;
        uvec4 value;
        if (of_a ? A_HALVES : B_HALVES) {
            value = of_a ? a_carried[i] : b_carried[i];
        } else {
            const uvec4 low = of_a ? a_carried[2 * i] : b_carried[2 * i];
            const uvec4 high = of_a ? a_carried[2 * i + 1] : b_carried[2 * i + 1];
            value = round_chunk(uintBitsToFloat(low), uintBitsToFloat(high));
        }
        if (chunk < chunks) {
            tiles[first + chunk / width * pitch + chunk % width] = value;
        }
    }
}

#ifdef FROZEN
#include "gemm_frozen.glsl"
#endif

void fetch_b(uint row0, uint column0, uint rows, uint columns)
{
#ifdef FROZEN
    fetch_frozen(row0, column0, rows, columns);
#else
    fetch(false, row0, column0, rows, columns);
#endif
}

void put_down_b(uint stage)
{
#ifdef FROZEN
    put_down_frozen(stage);
#else
    put_down(false, stage);
#endif
}

void fetch_step(uint tile_row, uint tile_column, uint at, uint k_end)
{
    if (LAYOUT == TN) {
        fetch(true, at, tile_row, k_end, m);
    } else {
        fetch(true, tile_row, at, m, k_end);
    }
    if (LAYOUT == NT) {
        fetch_b(tile_column, at, n, k_end);
    } else {
        fetch_b(at, tile_column, k_end, n);
    }
}

#define SUMS coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
const uint DOWN = PART_M / M, ACROSS = PART_N / N;
const int A_ORDER = LAYOUT == TN ? gl_CooperativeMatrixLayoutColumnMajor : gl_CooperativeMatrixLayoutRowMajor;
const int B_ORDER = LAYOUT == NT ? gl_CooperativeMatrixLayoutColumnMajor : gl_CooperativeMatrixLayoutRowMajor;

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
            float value = uintBitsToFloat(tiles[gl_SubgroupID * PATCH + (e >> 2)][e & 3]);
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
    fetch_step(tile_row, tile_column, k_begin, k_end);
    for (uint at = k_begin; at < k_end; at += STEP) {
        put_down(true, stage);
        put_down_b(stage);
        barrier();
        if (at + STEP < k_end) {
            fetch_step(tile_row, tile_column, at + STEP, k_end);
        }
        const uint a_first = stage * STAGE, b_first = a_first + A_ROWS * A_PITCH;
        [[unroll]] for (uint kk = 0; kk < STEP; kk += K) {
            coopmat<HALF, gl_ScopeSubgroup, M, K, gl_MatrixUseA> u[DOWN];
            coopmat<HALF, gl_ScopeSubgroup, K, N, gl_MatrixUseB> v;
            [[unroll]] for (uint i = 0; i < DOWN; i++) {
                const uint row = part_row + i * M;
                coopMatLoad(u[i], tiles, a_first + (LAYOUT == TN ? kk * A_PITCH + row / CHUNK : row * A_PITCH + kk / CHUNK),
                            A_PITCH, A_ORDER);
            }
            [[unroll]] for (uint j = 0; j < ACROSS; j++) {
                const uint column = part_column + j * N;
                coopMatLoad(v, tiles,
                            b_first + (LAYOUT == NT ? column * B_PITCH + kk / CHUNK : kk * B_PITCH + column / CHUNK),
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
    // The unit reads and writes rows that start at multiples of 16 bytes.
    const bool aligned = ((c0 | ldc | c_plane | ((epilogue & ADD_MATRIX) != 0 ? add0 : 0)) & 3) == 0;
    if (aligned && tile_row + TILE_M <= m && tile_column + TILE_N <= n && (epilogue & ADD_BIAS) == 0) {
        [[unroll]] for (uint i = 0; i < DOWN * ACROSS; i++) {
            write_whole(sums[i], tile_row + part_row + i / ACROSS * M, tile_column + part_column + i % ACROSS * N);
        }
        return;
    }
    // One matrix after another by a loop that stays one, so that its code is there once; and none of them is indexed by
    // what is no constant then: NVIDIA's open compiler would keep them all in memory, throughout.
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
}

#endif
