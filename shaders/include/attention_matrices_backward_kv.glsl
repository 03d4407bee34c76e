// Attention backward on a card's matrix units, for keys and values, after that for queries:
//   dv = sum_queries p dO,   dk = scale sum_queries p (dO . v - delta) q
// over the later queries of the sequence and the query heads of the group.
#define USUAL_BLOCK 32
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer DQkv { vec2 dqkv[]; };   // [tokens, STRIDE]
layout(std430, binding = 1) readonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO2 { vec2 do2[]; };      // [tokens, HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer DO4 { vec4 do4[]; };
layout(std430, binding = 3) readonly buffer Lse { float lse[]; };     // [tokens, HEADS]
layout(std430, binding = 4) readonly buffer Qkv2 { vec2 qkv2[]; };    // [tokens, STRIDE]
layout(std430, binding = 4) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 5) readonly buffer Tiles { Tile tiles[]; };
#define HAS_OUTPUT_GRADIENT
#define SETS 2
#define WEIGHT_SETS 2
#define SUM_SETS 2
#include "attention_matrices.glsl"

#define VALUE_AT(token) ((token) * STRIDE + VALUES + kv_head * PAIRS)
#define KEY_AT(token) ((token) * STRIDE + KEYS + kv_head * PAIRS)
#define ONE(r) 1.0
#define SCALE(r) scale

shared vec2 query_stats[OTHER]; // lse in units of log2 e, delta

// Large heads take keys and values in workgroups of their own, which compute the weights twice: matrices of both fill a
// card's registers.
layout(constant_id = 12) const bool SPLIT = false;

// dk of the workgroup's keys if `keys`, dv if `values`; both are literals.
void accumulate(uint group, const bool keys, const bool values)
{
    if (!find_own(group, true)) {
        return;
    }
    const uint key = own_first + row;
    take_own(0, KEY);
    if (keys) {
        take_own(1, VALUE);
    }
    clear_sums();
    // One loop over blocks and heads: with one inside the other Intel's compiler copies the sums, and spills.
    const uint turns = (end - own_first + OTHER - 1) / OTHER * GROUP;
    for (uint turn = 0; turn < turns; turn++) {
        const uint block = own_first + turn / GROUP * OTHER;
        head = kv_head * GROUP + turn % GROUP;
        barrier();
        stage(0, OTHER, QUERY, block, end - 1);
        stage(OTHER, OTHER, OUTPUT_GRADIENT, block, end - 1);
        for (uint i = gl_LocalInvocationID.x; i < OTHER; i += THREADS) {
            const uint at = min(block + i, end - 1) * HEADS + head;
            query_stats[i] = vec2(lse[at] * LOG2_E, delta[at]);
        }
        barrier();
        multiply_scores(0, 0);
        if (keys) {
            multiply_scores(1, OTHER);
        }
        barrier();
        [[unroll]] for (uint i = 0; i < COLUMNS / 4; i++) {
            const uint quad = part * (COLUMNS / 4) + i;
            const vec4 s = scores[row * SCORE_PITCH + quad];
            vec4 weight;
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const uint query = block + 4 * quad + j;
                const float row_lse = query_stats[4 * quad + j].x;
                weight[j] = key <= query && query < end ? exp2(fma(s[j], scale * LOG2_E, -row_lse)) : 0.0;
            }
            if (values) {
                put_weights(0, quad, weight);
            }
            if (keys) {
                const vec4 dweight = scores[(OWN + row) * SCORE_PITCH + quad];
                vec4 dscore;
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    dscore[j] = weight[j] * (dweight[j] - query_stats[4 * quad + j].y);
                }
                put_weights(1, quad, dscore);
            }
        }
        barrier();
        if (values) {
            multiply_weights(0, 0, OTHER);
        }
        if (keys) {
            multiply_weights(1, 1, 0);
        }
    }
    if (values) {
        WRITE_SUMS(0, dqkv, VALUE_AT, ONE)
    }
    if (keys) {
        WRITE_SUMS(1, dqkv, KEY_AT, SCALE)
    }
}

void main()
{
    const uint group = linear_group(), groups = tile_count * KV_HEADS * PARTS;
    if (!SPLIT) {
        accumulate(group, true, true);
    } else if (group < groups) {
        accumulate(group, false, true);
    } else {
        accumulate(group - groups, true, false);
    }
}
