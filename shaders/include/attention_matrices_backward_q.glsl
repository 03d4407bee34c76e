// Attention backward on a card's matrix units, for queries: delta = dO . O and
//   dq = scale sum_keys p (dO . v - delta) k,   p = exp(scale q . k - lse).
#define USUAL_BLOCK 32
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer DQkv { vec2 dqkv[]; };    // [tokens, STRIDE]
layout(std430, binding = 1) writeonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO2 { vec2 do2[]; };       // [tokens, HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer DO4 { vec4 do4[]; };
layout(std430, binding = 3) readonly buffer O2 { vec2 o2[]; };         // [tokens, HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer O4 { vec4 o4[]; };
layout(std430, binding = 4) readonly buffer Lse { float lse[]; };      // [tokens, HEADS]
layout(std430, binding = 5) readonly buffer Qkv2 { vec2 qkv2[]; };     // [tokens, STRIDE]
layout(std430, binding = 5) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 6) readonly buffer Tiles { Tile tiles[]; };
#define HAS_OUTPUT_GRADIENT
#define SETS 2
#define WEIGHT_SETS 1
#define SUM_SETS 1
#include "attention_matrices.glsl"

#define OUT_AT(token) ((token) * STRIDE + head * PAIRS)
#define SCALE(r) scale

void main()
{
    if (!find_own(linear_group(), false)) {
        return;
    }
    const uint token = own_first + row, at = min(token, own_last) * HEADS + head;
    take_own(0, QUERY);
    take_own(1, OUTPUT_GRADIENT);
    clear_sums();
    vec4 product = vec4(0.0);
    for (uint i = part; i < QUADS; i += SHARE) {
        product = fma(ROW_OF(do4, do2, at * PAIRS, i), ROW_OF(o4, o2, at * PAIRS, i), product);
    }
    const float row_delta = sum_over_row(sum4(product)), row_lse = lse[at] * LOG2_E;
    for (uint block = begin; block <= own_last; block += OTHER) {
        barrier();
        stage(0, OTHER, KEY, block, own_last);
        stage(OTHER, OTHER, VALUE, block, own_last);
        barrier();
        multiply_scores(0, 0);
        multiply_scores(1, OTHER);
        barrier();
        [[unroll]] for (uint i = 0; i < COLUMNS / 4; i++) {
            const uint quad = part * (COLUMNS / 4) + i;
            const vec4 s = scores[row * SCORE_PITCH + quad], dweight = scores[(OWN + row) * SCORE_PITCH + quad];
            vec4 dscore;
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const float weight = exp2(fma(s[j], scale * LOG2_E, -row_lse));
                dscore[j] = block + 4 * quad + j <= token ? weight * (dweight[j] - row_delta) : 0.0;
            }
            put_weights(0, quad, dscore);
        }
        barrier();
        multiply_weights(0, 0, 0);
    }
    if (part == 0 && token <= own_last) {
        delta[at] = row_delta;
    }
    WRITE_SUMS(0, dqkv, OUT_AT, SCALE)
}
