// Attention for CPU devices with buffer addresses, as products of tiles: a lane owns one token of a head, a column of
// each tile, and takes BLOCK tokens of the other side at a time, its rows. What makes it fast is what does in
// gemm_lanes.comp: every address is the same for all lanes, rows are read as they lie and become broadcasts, and the
// sums of a tile live in registers. What lanes own is turned once: a register for each dimension of their tokens.
//
// What keeps sums in registers, found in the machine code (SPEED.md, attention): without, LLVM moves multiply-adds to
// the stores that need them, a few sums at a time, each of which then waits for itself.
//   - each tile is multiplied in a loop of one turn, to whose end its sums are needed;
//   - those loops end by numbers that the compiler does not know, a tile of scores by one that no loop before it had,
//     since behind a loop what ended it is known;
//   - what such a loop of scores gives lives on around it (forgotten()), by a number that no loop before it has read:
//     that reading stands between the multiply-adds and the stores, and nothing is moved across it;
//   - no two loops compute the same address: what one of them has computed comes out of it as a masked vector;
//   - what an inner loop is unrolled by is a constant: an array whose indices are not lies in memory, lane by lane.
//
// Blocks are counted from the begin of the sequence, so that its bits depend on nothing beside it. The last block of a
// batch reads back from its end: tokens before it weigh nothing, and sums are those of a block that went on behind it.
// The host makes sure of: HEAD_DIM a multiple of DIMS, all at multiples of 16 bytes and of at most 2^32 floats.
#ifndef ATTENTION_COLUMNS_GLSL
#define ATTENTION_COLUMNS_GLSL
#include "common.glsl"
#include "attention.glsl"
#include "gemm_lanes.glsl"

layout(constant_id = 8) const bool RESUMED = false; // an earlier dispatch went over the blocks before `turned`
layout(constant_id = 9) const bool SHORT = false;   // fewer than BLOCK tokens in all

const uint TOKEN = 2 * STRIDE;     // a token of qkv, in floats
const uint OUT = HEADS * HEAD_DIM; // a token of o and of dO
const uint DIMS = 8;               // of a tile of sums over the other side

layout(push_constant) uniform Push
{
    uint     tile_count, tokens;
    float    scale;
    uint     turned, turns; // blocks; for keys and values, of each head of the group
    uint     never;         // 0, as are those below: what the compiler does not know
    uint64_t qkv_rows, o_rows, do_rows, lse_values, delta_values, dqkv_rows;
    uint     nothing, zero, blank;
};
layout(std430, binding = 0) readonly buffer Tiles { Tile tiles[]; };

// The loop's counter, see gemm_lanes.comp.
shared uint next;

// x, which is +0 and which the compiler takes for what it was before. A kernel's second tile of scores has a number of
// its own.
float forgotten(float x, const bool second) { return uintBitsToFloat(floatBitsToUint(x) & (second ? blank : zero)); }

// The token that the block of token `first` reads from, and row j of it, a row being `pitch` floats.
uint block_from(uint first) { return SHORT ? 0 : min(first, tokens - BLOCK); }
uint block_row(uint j, uint pitch) { return (SHORT ? min(j, tokens - 1) : j) * pitch; }

// x[d]: dimension d of the lane's row, which for lane i starts at float min(row0 + i, last) * pitch + at, times `by`.
void turn_rows(out float x[HEAD_DIM], uint64_t rows, uint row0, uint last, uint pitch, uint at, float by)
{
    uint64_t row_at[LANES];
    [[unroll]] for (uint i = 0; i < LANES; i++) {
        row_at[i] = rows + 4 * uint64_t(min(row0 + i, last) * pitch + at);
    }
    [[unroll]] for (uint q = 0; q < QUADS; q++) {
        vec4 quad = vec4(0.0);
        [[unroll]] for (uint i = 0; i < LANES; i++) {
            const vec4 row = Vec4s(row_at[i]).v[q];
            quad = lane_is[i] ? row : quad;
        }
        [[unroll]] for (uint e = 0; e < 4; e++) {
            x[4 * q + e] = quad[e] * by;
        }
    }
}

// Back again, to float `at`; 64 bits at a time but with sixteen lanes (gemm_lanes.glsl).
void store_row(uint64_t rows, uint at, const float x[HEAD_DIM], float by, bool add)
{
    Pairs  pairs = Pairs(rows + 4 * uint64_t(at));
    Floats floats = Floats(rows + 4 * uint64_t(at));
    [[unroll]] for (uint d = 0; d < HEAD_DIM; d += 2) {
        const vec2 value = by * vec2(x[d], x[d + 1]) + (add ? vec2(floats.v[d], floats.v[d + 1]) : vec2(0.0));
        if (LANES <= 8) {
            pairs.v[d / 2] = packUint2x32(floatBitsToUint(value));
        } else {
            floats.v[d] = value.x;
            floats.v[d + 1] = value.y;
        }
    }
}

// score[j] = row j of the block that starts at float `at`, times the lane's.
void block_products(inout float score[BLOCK], const float own[HEAD_DIM], uint64_t rows, uint pitch, uint at,
                    const bool second)
{
    Floats values = Floats(rows + 4 * uint64_t(at)); // which might be written, or Mesa takes all of it out of the loop
    do {
        float sum[BLOCK];
        [[unroll]] for (uint d = 0; d < HEAD_DIM; d++) {
            [[unroll]] for (uint j = 0; j < BLOCK; j++) {
                const float x = values.v[block_row(j, pitch) + d];
                sum[j] = d == 0 ? x * own[d] : fma(x, own[d], sum[j]);
            }
        }
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            score[j] = forgotten(score[j], second) + sum[j];
        }
    } while ((second ? nothing : never) != 0);
}

// total = total * shrink + sum over the rows j of the block that starts at float `at` of weight[j] times the row.
// salt: HEAD_DIM apart from that of the kernel's other call.
void add_block(inout float total[HEAD_DIM], float shrink, const float weight[BLOCK], uint64_t rows, uint pitch, uint at,
               uint salt)
{
    [[unroll]] for (uint t = 0; t < HEAD_DIM / DIMS; t++) {
        Floats values = Floats(rows + 4 * uint64_t(at + (salt + t) * zero));
        do {
            float sum[DIMS];
            [[unroll]] for (uint j = 0; j < BLOCK; j++) {
                [[unroll]] for (uint i = 0; i < DIMS; i++) {
                    const float x = values.v[block_row(j, pitch) + t * DIMS + i];
                    sum[i] = j == 0 ? x * weight[j] : fma(x, weight[j], sum[i]);
                }
            }
            [[unroll]] for (uint i = 0; i < DIMS; i++) {
                total[t * DIMS + i] = fma(total[t * DIMS + i], shrink, sum[i]);
            }
        } while (never != 0);
    }
}

#endif
