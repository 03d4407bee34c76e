// Attention forward on a card's matrix units: o and the log-sum-exp of the scores, by an online softmax (Milakov and
// Gimelshein 2018). Scores are kept in units of log2 e, so that exp2 does.
#define USUAL_BLOCK 32
#include "attention.glsl"

layout(std430, binding = 0) writeonly buffer O { vec2 o[]; };      // [tokens, HEADS, PAIRS]
layout(std430, binding = 1) writeonly buffer Lse { float lse[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer Qkv2 { vec2 qkv2[]; }; // [tokens, STRIDE]
layout(std430, binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 3) readonly buffer Tiles { Tile tiles[]; };
#define SETS 1
#define WEIGHT_SETS 1
#define SUM_SETS 1
#include "attention_matrices.glsl"

// By what a row's sums are to be multiplied: N times each, as a matrix has it.
shared float factors[OWN * N];

void put_factor(float factor)
{
    for (uint i = part; i < N; i += SHARE) {
        factors[row * N + i] = factor;
    }
}

#define OUT_AT(token) (((token) * HEADS + head) * PAIRS)
#define INVERSE(r) factors[(r) * N]

void main()
{
    if (!find_own(linear_group(), false)) {
        return;
    }
    const uint token = own_first + row;
    float largest = NEVER, total = 0.0; // of the total, the invocation's part
    take_own(0, QUERY);
    clear_sums();
    for (uint block = begin; block <= own_last; block += OTHER) {
        barrier();
        stage(0, OTHER, KEY, block, own_last);
        stage(OTHER, OTHER, VALUE, block, own_last);
        barrier();
        multiply_scores(0, 0);
        barrier();
        float grown = largest;
        [[unroll]] for (uint i = 0; i < OTHER / 4; i++) {
            const vec4 s = scores[row * SCORE_PITCH + i] * (scale * LOG2_E);
            [[unroll]] for (uint j = 0; j < 4; j++) {
                grown = block + 4 * i + j <= token ? max(grown, s[j]) : grown;
            }
        }
        const float shrink = exp2(largest - grown);
        largest = grown;
        total *= shrink;
        put_factor(shrink);
        [[unroll]] for (uint i = 0; i < COLUMNS / 4; i++) {
            const uint quad = part * (COLUMNS / 4) + i;
            const vec4 s = scores[row * SCORE_PITCH + quad] * (scale * LOG2_E);
            vec4 w;
            [[unroll]] for (uint j = 0; j < 4; j++) {
                w[j] = block + 4 * quad + j <= token ? exp2(s[j] - grown) : 0.0;
            }
            total += sum4(w);
            put_weights(0, quad, w);
        }
        barrier();
        SUM_MATRIX factor;
        coopMatLoad(factor, factors, first_row * N, N, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint i = 0; i < SUMS; i++) {
            sums[i] = sums[i] * factor;
        }
        multiply_weights(0, 0, OTHER);
    }
    const float whole = sum_over_row(total);
    barrier();
    put_factor(1.0 / whole);
    if (part == 0 && token <= own_last) {
        lse[token * HEADS + head] = largest * LN_2 + log(whole);
    }
    WRITE_SUMS(0, o, OUT_AT, INVERSE)
}
