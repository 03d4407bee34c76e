// What a product makes of columns of C that come in pairs, `distance` apart: SwiGLU of gate and up, or the turn of the
// two halves of a head (RoPE). Layout NT, nothing is added but a bias. As in engine/ops/matmul_pairs.h.
//
// In a workgroup's tile runs of RUN first columns of pairs and runs of their second ones take turns, so that one
// invocation, or one subgroup, has both. The including shader defines PAIRS_ID, the constant's, and RUN.
#ifndef GEMM_PAIRS_GLSL
#define GEMM_PAIRS_GLSL

layout(constant_id = PAIRS_ID) const uint PAIRS = 0;
const uint SWIGLU = 0, SWIGLU_KEPT = 1, ROPE = 2; // MatmulPairing; of SWIGLU, C itself is not written
layout(constant_id = PAIRS_ID + 1) const bool ACT_HALVES = false;

layout(std430, binding = 6) writeonly buffer Act { float act[]; };           // SwiGLU: [m, n / 2] f32
layout(std430, binding = 6) writeonly buffer ActWords { uint act_words[]; }; // or halves, two to a word
layout(std430, binding = 7) readonly buffer Table { vec2 table[]; };         // RoPE: [positions, distance] cos, sin
layout(std430, binding = 8) readonly buffer Positions { int position[]; };   // RoPE: [m]

// First columns of pairs that the tile's place q belongs to; a tile starts at place `first` of all.
uint pair_of_place(uint first, uint q) { return first / 2 + q / (2 * RUN) * RUN + q % RUN; }

// The first column of a pair. distance is a power of two, or there are no more pairs than that.
uint column_of_pair(uint pair) { return (pair >> distance_shift) * 2 * distance + (pair & (1u << distance_shift) - 1); }

uint column_of_place(uint first, uint q)
{
    return column_of_pair(pair_of_place(first, q)) + ((q / RUN & 1u) != 0 ? distance : 0);
}

float swiglu_of(float gate, float up) { return gate / (1.0 + exp(-gate)) * up; }

// RoPE: cos and sin of a pair, whether it is there and turns or not.
vec2 turn_of(uint row, uint pair)
{
    return table[min(uint(position[min(row, m - 1)]), positions - 1) * distance + (pair & (1u << distance_shift) - 1)];
}

// x and y as C has them: with the bias, turned.
void finish_pair(uint row, uint pair, vec2 turn, inout float x, inout float y)
{
    const uint column = column_of_pair(pair);
    if ((epilogue & ADD_BIAS) != 0) {
        x += bias[bias0 + column];
        y += bias[bias0 + column + distance];
    }
    if (PAIRS == ROPE && column < rotated) {
        precise float low = x * turn.x - y * turn.y; // as in rope.comp
        precise float high = y * turn.x + x * turn.y;
        x = low;
        y = high;
    }
    if (PAIRS != SWIGLU) {
        c[c0 + row * ldc + column] = x;
        c[c0 + row * ldc + column + distance] = y;
    }
}

void write_pair(uint row, uint pair, vec2 turn, float x, float y)
{
    if (row < m && pair < n / 2) {
        finish_pair(row, pair, turn, x, y);
        if (PAIRS != ROPE) {
            act[act0 + row * (n / 2) + pair] = swiglu_of(x, y);
        }
    }
}

#endif
