// Attention backward for CPU devices with buffer addresses, as products of tiles: ROWS tokens of an invocation's own side
// by PANEL of the other at a time. What makes it fast is what does in gemm_lanes.comp: every address is the same for all
// lanes, and sums live in registers. Scores need the other side turned, dimension after dimension of PANEL tokens:
// gemm_pack.comp has put all rows of qkv and of dO into such panels before. Sums over the other side read its rows as they
// lie, lanes being dimensions, and each weight from where the lanes have left it: the rows of dqkv that the workgroup owns
// hold weights until they get their result.
//
// What keeps sums in registers, found in the machine code (SPEED.md, attention): without, LLVM moves multiply-adds to the
// stores that need them, away from what they read, which then does not fit any more.
//   - each tile is multiplied in a loop of one turn, to whose end its sums are needed;
//   - those loops end by numbers that the compiler does not know, a tile of scores by one that no loop before it had,
//     since behind a loop what ended it is known;
//   - what such a loop sums up lives on around it (forgotten());
//   - no two loops compute the same address: what one of them has computed comes out of it as a masked vector.
//
// A panel is PANEL consecutive tokens of the packed batch, whatever sequences they are of: what is not of the own
// sequence weighs nothing. The last panel overlaps its neighbour. The host makes sure of: HEAD_DIM a multiple of PANEL,
// at least PANEL tokens, all at multiples of 16 bytes and below 256 MiB.
#ifndef ATTENTION_PANELS_GLSL
#define ATTENTION_PANELS_GLSL
#include "common.glsl"
#include "attention.glsl"
#include "gemm_lanes.glsl"

const uint ROWS = PER_LANE;
const uint ACROSS = HEAD_DIM / PANEL; // panels of a row's dimensions
const uint SUMS = ROWS * ACROSS;
const uint TOKEN = STRIDE / 2;                   // a token of qkv, in vec4s
const uint TOKEN_PANEL = 2 * STRIDE * PANEL / 4; // a panel of qkv, in vec4s

layout(push_constant) uniform Push
{
    uint     tile_count, tokens;
    float    scale;
    uint     never; // 0, as are `nothing` and `zero`, which the compiler does not know
    uint64_t qkv_rows, o_rows, do_rows, qkv_panels, do_panels; // o_rows: of queries' kernel
    uint64_t lse_values, delta_values, dqkv_rows;
    uint     nothing, zero;
};
layout(std430, binding = 0) readonly buffer Tiles { Tile tiles[]; };
#define ONCE while (never != 0)

// The loop's counter, see gemm_lanes.comp.
shared uint next;

// The first token of a panel, and which of its tokens are the lane's two.
uint panel_first(uint panel) { return min(panel * PANEL, (tokens + 3 & ~3u) - PANEL); }
uint lane_token(uint i) { return NEIGHBOURS ? 2 * gl_SubgroupInvocationID + i : gl_SubgroupInvocationID + i * LANES; }

// x, which is +0 and which the compiler takes for what it was before.
float forgotten(float x) { return uintBitsToFloat(floatBitsToUint(x) & zero); }

// For the lane's two tokens of a panel: x[r] = sum over dimensions of row r's times theirs. rows_at: in floats.
void panel_products(inout float x0[ROWS], inout float x1[ROWS], uint64_t rows, const uint rows_at[ROWS], Vec4s panels,
                    uint at, uint again)
{
    Floats values = Floats(rows); // which might be written, or Mesa takes all of it out of the loop
    do {
        float sum0[ROWS], sum1[ROWS];
        [[unroll]] for (uint d = 0; d < HEAD_DIM; d++) {
            const float b0 = lane_values(panels, at + d * (PANEL / 4));
            const float b1 = lane_values(panels, at + d * (PANEL / 4) + LANES / 4);
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                const float x = values.v[rows_at[r] + d];
                sum0[r] = d == 0 ? x * b0 : fma(x, b0, sum0[r]);
                sum1[r] = d == 0 ? x * b1 : fma(x, b1, sum1[r]);
            }
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            x0[r] = forgotten(x0[r]) + sum0[r];
            x1[r] = forgotten(x1[r]) + sum1[r];
        }
    } while (again != 0);
}

// The floats of dqkv at which the weights of a row start, as another value for each panel of dimensions: what one loop
// has computed of it would else be used in the next.
void find_weights(out uint weights_at[SUMS], const uint rows_at[ROWS])
{
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        [[unroll]] for (uint p = 0; p < ACROSS; p++) {
            weights_at[r * ACROSS + p] = bounded(rows_at[r] + (p + 1) * never);
        }
    }
}

// total[r] += sum over a panel's tokens of row r's weight of the token times the token's row, which lies at `at` of it.
void add_rows(inout float total0[SUMS], inout float total1[SUMS], const uint weights_at[SUMS], Vec4s rows, uint token,
              uint pitch, uint at)
{
    Floats weights = Floats(dqkv_rows);
    uint   row_at[PANEL];
    [[unroll]] for (uint j = 0; j < PANEL; j++) {
        row_at[j] = bounded(min(token + j, tokens - 1) * pitch + at);
    }
    [[unroll]] for (uint p = 0; p < ACROSS; p++) {
        do {
            float sum0[ROWS], sum1[ROWS];
            [[unroll]] for (uint j = 0; j < PANEL; j++) {
                const float b0 = lane_values(rows, row_at[j] + p * (PANEL / 4));
                const float b1 = lane_values(rows, row_at[j] + p * (PANEL / 4) + LANES / 4);
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    const float x = weights.v[weights_at[r * ACROSS + p] + j];
                    sum0[r] = j == 0 ? x * b0 : fma(x, b0, sum0[r]);
                    sum1[r] = j == 0 ? x * b1 : fma(x, b1, sum1[r]);
                }
            }
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                total0[r * ACROSS + p] += sum0[r];
                total1[r * ACROSS + p] += sum1[r];
            }
        } ONCE;
    }
}

// The rows' sums, times `by`, to where each row's lie.
void store_rows(const float total0[SUMS], const float total1[SUMS], const uint rows_at[ROWS], uint count, float by)
{
    Floats to = Floats(dqkv_rows);
    const uint lane = gl_SubgroupInvocationID;
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        if (r < count) {
            [[unroll]] for (uint p = 0; p < ACROSS; p++) {
                to.v[rows_at[r] + p * PANEL + lane] = total0[r * ACROSS + p] * by;
                to.v[rows_at[r] + p * PANEL + LANES + lane] = total1[r * ACROSS + p] * by;
            }
        }
    }
}

#endif
