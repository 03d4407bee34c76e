// Attention backward, for queries: delta = dO . O and
//   dq = scale sum_keys p (dO . v - delta) k,   p = exp(scale q . k - lse).
#include "attention_ragged.glsl"

layout(std430, binding = 0) buffer DQkv { vec2 dqkv[]; };              // [tokens, STRIDE]
layout(std430, binding = 1) writeonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO2 { vec2 do2[]; };       // [tokens, HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer DO4 { vec4 do4[]; };
layout(std430, binding = 3) readonly buffer O2 { vec2 o2[]; };         // [tokens, HEADS, PAIRS]
layout(std430, binding = 3) readonly buffer O4 { vec4 o4[]; };
layout(std430, binding = 4) readonly buffer Lse { float lse[]; };      // [tokens, HEADS]
layout(std430, binding = 5) readonly buffer Qkv2 { vec2 qkv2[]; };     // [tokens, STRIDE]
layout(std430, binding = 5) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 6) uniform textureBuffer do_texels;
layout(binding = 7) uniform textureBuffer o_texels;
layout(binding = 8) uniform textureBuffer qkv_texels;
layout(std430, binding = 9) readonly buffer Tiles { Tile tiles[]; };
#define O(at, i) ROW_QUAD(o_texels, o4, o2, at, i)
#define D_O(at, i) ROW_QUAD(do_texels, do4, do2, at, i)

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

    vec4  q[PER_LANE * QUADS], dout[PER_LANE * QUADS], dq[PER_LANE * QUADS];
    float row_delta[PER_LANE], row_lse[PER_LANE];
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        uint token = min(first + r, last), row = token * HEADS + head;
        vec4 product = vec4(0.0);
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            q[r * QUADS + i] = OWN_QKV(token * STRIDE + head * PAIRS, i) * (scale * LOG2_E);
            dout[r * QUADS + i] = D_O(row * PAIRS, i);
            product = fma(dout[r * QUADS + i], O(row * PAIRS, i), product);
            dq[r * QUADS + i] = vec4(0.0);
        }
        row_delta[r] = sum4(product);
        row_lse[r] = lse[row] * LOG2_E;
    }
    for (uint block = begin; block < behind; block += BLOCK) {
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            uint at = min(block + j, last) * STRIDE;
            vec4 score[PER_LANE], dweight[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                score[r] = vec4(0.0);
                dweight[r] = vec4(0.0);
            }
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 k = QKV(at + key_at, i), v = QKV(at + value_at, i);
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    score[r] = fma(q[r * QUADS + i], k, score[r]);
                    dweight[r] = fma(dout[r * QUADS + i], v, dweight[r]);
                }
            }
            float dscore[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                float weight = block + j <= first + r ? exp2(sum4(score[r]) - row_lse[r]) : 0.0;
                dscore[r] = weight * (sum4(dweight[r]) - row_delta[r]);
            }
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 k = QKV(at + key_at, i);
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    dq[r * QUADS + i] = fma(vec4(dscore[r]), k, dq[r * QUADS + i]);
                }
            }
        }
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        if (first + r <= last) {
            [[unroll]] for (uint i = 0; i < PAIRS; i++) {
                vec4 quad = dq[r * QUADS + i / 2];
                uint at = (first + r) * STRIDE + head * PAIRS + i;
                vec2 sum = (i % 2 == 0 ? quad.xy : quad.zw) * scale;
                dqkv[at] = RESUMED ? dqkv[at] + sum : sum;
            }
            delta[(first + r) * HEADS + head] = row_delta[r];
        }
    }
}
