// What the invocations of gemm_coopmat.glsl carry from memory to shared memory: their chunks of a step of k, fetched
// while the step before is multiplied. No invocation leaves another's way while it fetches vectors: what lies outside of
// the matrix is read at its edge instead, and cleared later, beyond the end of k; beyond m and n it makes elements of C
// that do not exist.
#ifndef GEMM_CARRIED_GLSL
#define GEMM_CARRIED_GLSL

// Chunks are counted along the rows of memory, but with TURNED down pairs of rows, which become words of two neighbours.
const uint THREADS = gl_WorkGroupSize.x, PAIRS_K = STEP / 2;
const uint A_ALL = TILE_M * STEP / CHUNK, B_ALL = TILE_N * STEP / CHUNK;
const uint A_CARRIED = A_TURNED ? (A_ALL / 2 + THREADS - 1) / THREADS * 2 : (A_ALL + THREADS - 1) / THREADS;
const uint B_CARRIED = B_TURNED ? (B_ALL / 2 + THREADS - 1) / THREADS * 2 : (B_ALL + THREADS - 1) / THREADS;
// A vector of halves a chunk, or two of floats, and where each chunk lies from the step's beginning, in elements; these are
// kept by cards that turn, the others (Intel's, of few registers) reckon them anew.
uvec4 a_carried[A_CARRIED * (A_HALVES ? 1 : 2)];
uvec4 b_carried[B_CARRIED * (B_HALVES ? 1 : 2)];
uint a_places[A_CARRIED];
uint b_places[B_CARRIED];
#ifdef FROZEN
const bool OF_WEIGHT = true; // B
#else
const bool OF_WEIGHT = false;
#endif

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

// Whether the operand's rows in memory run along k.
bool runs_along(const bool of_a)
{
    return of_a ? LAYOUT != TN : LAYOUT == NT;
}

// Row and column, in memory, of the invocation's i-th chunk, from the step's and the tile's beginning.
uvec2 chunk_at(const bool of_a, uint i)
{
    const uint width = (runs_along(of_a) ? STEP : of_a ? TILE_M : TILE_N) / CHUNK, all = of_a ? A_ALL : B_ALL;
    if (of_a ? A_TURNED : B_TURNED) {
        const uint pair = min(gl_LocalInvocationID.x + i / 2 * THREADS, all / 2 - 1);
        return uvec2(pair % PAIRS_K * 2 + i % 2, pair / PAIRS_K * CHUNK);
    }
    const uint chunk = min(gl_LocalInvocationID.x + i * THREADS, all - 1);
    return uvec2(chunk / width, chunk % width * CHUNK);
}

// The same in memory, of a step that starts at row and column `from`.
uvec2 element_at(const bool of_a, uint i, uvec2 from)
{
    const uvec2 chunk = chunk_at(of_a, i);
#ifdef PAIRED
    if (!of_a) { // NT: rows of B are columns of C
        return uvec2(column_of_place(from.x, chunk.x), from.y + chunk.y);
    }
#endif
    return from + chunk;
}

#ifdef FROZEN
#include "gemm_frozen.glsl"
#endif

// Where row and column of the i-th vector lie; `inside` is how many rows and columns there are.
uint place_of(const bool of_a, uint i, uvec2 from, uvec2 inside)
{
    const bool halves = of_a ? A_HALVES : B_HALVES;
    const uint count = halves ? 8 : 4;
    const uvec2 at = element_at(of_a, halves ? i : i / 2, from) + uvec2(0, halves ? 0 : i % 2 * 4);
    return min(at.x, inside.x - 1) * (of_a ? lda : ldb) + min(at.y, (inside.y - 1) / count * count);
}

// Before the first fetch: the places of a step that is whole, for rows of C (or of its columns) from `first` on, of which
// there are `rows`.
void find_places(const bool of_a, uint first, uint rows)
{
    const bool along = runs_along(of_a);
    const uvec2 from = along ? uvec2(first, 0) : uvec2(0, first), inside = along ? uvec2(rows, STEP) : uvec2(STEP, rows);
#ifdef FROZEN
    if (!of_a) {
        find_places_frozen(from, inside);
        return;
    }
#endif
    [[unroll]] for (uint i = 0; i < (of_a ? A_CARRIED : B_CARRIED); i++) {
        const uint place = place_of(of_a, (of_a ? A_HALVES : B_HALVES) ? i : 2 * i, from, inside);
        if (of_a) {
            a_places[i] = place;
        } else {
            b_places[i] = place;
        }
    }
}

// Half a chunk of floats, or a chunk of halves, from element `from`, one by one; zeros after `inside` elements.
uvec4 elements_at(const bool of_a, const bool halves, uint from, int inside)
{
    uvec4 value = uvec4(0);
    if (inside <= 0) {
        return value;
    }
    [[unroll]] for (int i = 0; i < (halves ? 8 : 4); i++) { // a loop would keep fetch's from being unrolled on NVIDIA's cards
        const uint at = from + min(i, inside - 1);
        const uint element = halves ? half_of(word_at(of_a, at >> 1), at) << 16 * (i & 1) : word_at(of_a, at);
        value[halves ? i >> 1 : i] |= i < inside ? element : 0;
    }
    return value;
}

// The invocation's chunks of [at, at + STEP) of k, which ends at k_end.
void fetch(const bool of_a, uint at, uint k_end, uint first, uint rows)
{
    const bool along = runs_along(of_a), halves = of_a ? A_HALVES : B_HALVES, vectors = of_a ? A_VECTORS : B_VECTORS;
    const uint stride = of_a ? lda : ldb, origin = of_a ? a0 : b0, start = origin + (along ? at : at * stride);
    const uvec2 from = along ? uvec2(first, at) : uvec2(at, first), inside = along ? uvec2(rows, k_end) : uvec2(k_end, rows);
    const bool whole = at + STEP <= k_end;
#ifdef FROZEN
    if (!of_a) {
        fetch_frozen(whole, from, inside);
        return;
    }
#endif
    [[unroll]] for (uint i = 0; i < (of_a ? a_carried.length() : b_carried.length()); i++) {
        uvec4 value;
        if (vectors) {
            uint place = start + (of_a ? a_places[halves ? i : i / 2] : b_places[halves ? i : i / 2]);
            if (!halves && i % 2 == 1 && (along || first + chunk_at(of_a, i / 2).y + 4 < rows)) {
                place += 4;
            }
            if (!TURNED || !whole) {
                place = origin + place_of(of_a, i, from, inside);
            }
            value = vector_at(of_a, place / (halves ? 8 : 4));
        } else {
            const uvec2 chunk = element_at(of_a, halves ? i : i / 2, from) + uvec2(0, halves ? 0 : i % 2 * 4);
            value = elements_at(of_a, halves, origin + chunk.x * stride + chunk.y,
                                chunk.x < inside.x ? int(inside.y) - int(chunk.y) : 0);
        }
        if (of_a) {
            a_carried[i] = value;
        } else {
            b_carried[i] = value;
        }
    }
}

// Zeros for what is carried of a step from `at` on beyond k_end.
void clear(const bool of_a, uint at, uint k_end)
{
    const bool along = runs_along(of_a), halves = of_a ? A_HALVES : B_HALVES;
    [[unroll]] for (uint i = 0; i < (of_a ? a_carried.length() : b_carried.length()); i++) {
        const uvec2 chunk = chunk_at(of_a, halves ? i : i / 2) + uvec2(0, halves ? 0 : i % 2 * 4);
        // How many elements of the vector are there: of a row across k all of them, or none.
        const int inside = int(k_end) - int(at + (along ? chunk.y : chunk.x)), there = along || inside <= 0 ? inside : 8;
#ifdef FROZEN
        if (!of_a) {
            clear_frozen(i, there > 0); // a row ends in whole blocks, of zeros beyond its end
            continue;
        }
#endif
        uvec4 mask;
        [[unroll]] for (int j = 0; j < 4; j++) {
            const int each = halves ? 2 : 1;
            mask[j] = there >= each * (j + 1) ? ~0u : halves && there == 2 * j + 1 ? 0xFFFFu : 0;
        }
        if (of_a) {
            a_carried[i] &= mask;
        } else {
            b_carried[i] &= mask;
        }
    }
}

// A chunk as floats.
void floats_of(const bool of_a, uint i, out vec4 low, out vec4 high)
{
#ifdef FROZEN
    if (!of_a) {
        floats_of_frozen(i, low, high);
        return;
    }
#endif
    low = uintBitsToFloat(of_a ? a_carried[2 * i] : b_carried[2 * i]);
    high = uintBitsToFloat(of_a ? a_carried[2 * i + 1] : b_carried[2 * i + 1]);
}

uint pair_of(const bool of_a, float x, float y)
{
#ifdef FROZEN
    if (!of_a && WEIGHT_FORMAT >= INT8) { // scales are finite (engine/io/quantize.h)
        return HALVES_OF_NUMBERS(x, y);
    }
#endif
    return HALVES(x, y);
}

// A chunk, rounded.
uvec4 chunk_of(const bool of_a, uint i)
{
    if (of_a ? A_HALVES : B_HALVES && !OF_WEIGHT) {
        return of_a ? a_carried[i] : b_carried[i];
    }
    vec4 low, high;
    floats_of(of_a, i, low, high);
    return uvec4(pair_of(of_a, low.x, low.y), pair_of(of_a, low.z, low.w), pair_of(of_a, high.x, high.y),
                 pair_of(of_a, high.z, high.w));
}

// Chunks 2i and 2i + 1, which lie below each other, rounded, as columns of two: `low` has those of the first four.
void columns_of(const bool of_a, uint i, out uvec4 low, out uvec4 high)
{
    if (of_a ? A_HALVES : B_HALVES && !OF_WEIGHT) {
        const uvec4 x = of_a ? a_carried[2 * i] : b_carried[2 * i], y = of_a ? a_carried[2 * i + 1] : b_carried[2 * i + 1];
        const uvec4 even = (x & 0xFFFFu) | y << 16, odd = x >> 16 | (y & 0xFFFF0000u);
        low = uvec4(even.x, odd.x, even.y, odd.y);
        high = uvec4(even.z, odd.z, even.w, odd.w);
        return;
    }
    vec4 x_low, x_high, y_low, y_high;
    floats_of(of_a, 2 * i, x_low, x_high);
    floats_of(of_a, 2 * i + 1, y_low, y_high);
    [[unroll]] for (int j = 0; j < 4; j++) {
        low[j] = pair_of(of_a, x_low[j], y_low[j]);
        high[j] = pair_of(of_a, x_high[j], y_high[j]);
    }
}

// Into shared memory, rounded.
void put_down(const bool of_a, uint stage)
{
    const uint carried = of_a ? A_CARRIED : B_CARRIED, width = of_a ? A_CHUNKS : B_CHUNKS;
    const uint pitch = of_a ? A_PITCH : B_PITCH, all = of_a ? A_ALL : B_ALL;
    const uint first = stage * STAGE + (of_a ? 0 : A_ROWS * A_PITCH);
    if (of_a ? A_TURNED : B_TURNED) {
        [[unroll]] for (uint i = 0; i < carried / 2; i++) {
            const uint pair = gl_LocalInvocationID.x + i * THREADS, row = pair / PAIRS_K * CHUNK, word = pair % PAIRS_K;
            uvec4 low, high;
            columns_of(of_a, i, low, high);
            if (pair < all / 2) {
                [[unroll]] for (uint j = 0; j < CHUNK; j++) {
                    tiles[first + (row + j) * pitch + word / 4][word % 4] = j < 4 ? low[j] : high[j - 4];
                }
            }
        }
        return;
    }
    [[unroll]] for (uint i = 0; i < carried; i++) {
        const uint chunk = gl_LocalInvocationID.x + i * THREADS;
        const uvec4 value = chunk_of(of_a, i);
        if (chunk < all) {
            tiles[first + chunk / width * pitch + chunk % width] = value;
        }
    }
}

#endif
