// Causal grouped-query attention, forward: o and the log-sum-exp of the scores,
// by an online softmax (Milakov and Gimelshein 2018) over BLOCK keys at a time.
// Scores are kept in units of log2 e, so that exp2 does.
#include "attention_ragged.glsl"

layout(std430, binding = 0) buffer O { vec2 o[]; };                // [tokens, HEADS, PAIRS]
layout(std430, binding = 1) buffer Lse { float lse[]; };           // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer Qkv2 { vec2 qkv2[]; }; // [tokens, STRIDE]
layout(std430, binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 3) uniform textureBuffer qkv_texels;
layout(std430, binding = 4) readonly buffer Tiles { Tile tiles[]; };

void main()
{
    uint group = linear_group();
    if (group >= tile_count * HEADS * PARTS) {
        return;
    }
    uint head = group % HEADS;
    Tile tile = tiles[min(group / (HEADS * PARTS), tile_count - 1)]; // of no use if there is none left, but read
    uint end = tile.first + tile.count;
    uint part = gl_WorkGroupSize.x * PER_LANE;
    uint part_first = tile.first + group / HEADS % PARTS * part;
    if (part_first >= end) {
        return;
    }
    uint last = min(part_first + part, end) - 1;
    uint begin = tile.begin + turned, behind = min(last + 1, begin + turns); // of the keys
    if (RESUMED && begin > last) {
        return;
    }
    uint first = part_first + gl_LocalInvocationID.x * PER_LANE; // of the invocation's queries
    uint key_at = KEYS + head / GROUP * PAIRS, value_at = VALUES + head / GROUP * PAIRS;

    vec4  q[PER_LANE * QUADS], sum[PER_LANE * QUADS];
    float largest[PER_LANE], total[PER_LANE];
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        uint at = min(first + r, last) * STRIDE + head * PAIRS;
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            q[r * QUADS + i] = OWN_QKV(at, i) * (scale * LOG2_E);
            sum[r * QUADS + i] = vec4(0.0);
        }
        largest[r] = NEVER;
        total[r] = 0.0;
        if (RESUMED) { // a sum of weights of 1 whose largest score is the log-sum-exp
            uint row = min(first + r, last) * HEADS + head;
            largest[r] = lse[row] * LOG2_E;
            total[r] = 1.0;
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                sum[r * QUADS + i] = vec4(o[row * PAIRS + 2 * i], 2 * i + 1 < PAIRS ? o[row * PAIRS + 2 * i + 1] : vec2(0.0));
            }
        }
    }
    for (uint block = begin; block < behind; block += BLOCK) {
        float weight[PER_LANE * BLOCK];
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            uint at = min(block + j, last) * STRIDE + key_at;
            vec4 score[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                score[r] = vec4(0.0);
            }
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 k = QKV(at, i);
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    score[r] = fma(q[r * QUADS + i], k, score[r]);
                }
            }
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                weight[r * BLOCK + j] = block + j <= first + r ? sum4(score[r]) : NEVER;
            }
        }
        [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
            float grown = largest[r];
            [[unroll]] for (uint j = 0; j < BLOCK; j++) {
                grown = max(grown, weight[r * BLOCK + j]);
            }
            float shrink = exp2(largest[r] - grown);
            float more = total[r] * shrink;
            [[unroll]] for (uint j = 0; j < BLOCK; j++) {
                weight[r * BLOCK + j] = exp2(weight[r * BLOCK + j] - grown);
                more += weight[r * BLOCK + j];
            }
            largest[r] = grown;
            total[r] = more;
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                sum[r * QUADS + i] *= shrink;
            }
        }
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            uint at = min(block + j, last) * STRIDE + value_at;
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 v = QKV(at, i);
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    sum[r * QUADS + i] = fma(vec4(weight[r * BLOCK + j]), v, sum[r * QUADS + i]);
                }
            }
        }
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        uint row = (first + r) * HEADS + head;
        if (first + r <= last) {
            [[unroll]] for (uint i = 0; i < PAIRS; i++) {
                vec4 quad = sum[r * QUADS + i / 2];
                o[row * PAIRS + i] = (i % 2 == 0 ? quad.xy : quad.zw) / total[r];
            }
            lse[row] = largest[r] * LN_2 + log(total[r]);
        }
    }
}
