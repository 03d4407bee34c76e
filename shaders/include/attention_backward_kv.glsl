// Attention backward, for keys and values, after attention_backward_q:
//   dv = sum_queries p dO,   dk = scale sum_queries p (dO . v - delta) q
// over the later queries of the sequence and the query heads of the group.
#include "attention_ragged.glsl"

layout(std430, binding = 0) buffer DQkv { vec2 dqkv[]; };             // [tokens, STRIDE]
layout(std430, binding = 1) readonly buffer Delta { float delta[]; }; // [tokens, HEADS]
layout(std430, binding = 2) readonly buffer DO2 { vec2 do2[]; };      // [tokens, HEADS, PAIRS]
layout(std430, binding = 2) readonly buffer DO4 { vec4 do4[]; };
layout(std430, binding = 3) readonly buffer Lse { float lse[]; };     // [tokens, HEADS]
layout(std430, binding = 4) readonly buffer Qkv2 { vec2 qkv2[]; };    // [tokens, STRIDE]
layout(std430, binding = 4) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 5) uniform textureBuffer do_texels;
layout(binding = 6) uniform textureBuffer qkv_texels;
layout(std430, binding = 7) readonly buffer Tiles { Tile tiles[]; };
#ifdef BY_ADDRESS
#define D_O(at, i) Vec4s(do_address).v[bounded((at) / 2) + (i)]
#define LSE(at) Floats(lse_address).v[bounded(at)]
#define DELTA(at) Floats(delta_address).v[bounded(at)]
#else
#define D_O(at, i) ROW_QUAD(do_texels, do4, do2, at, i)
#define LSE(at) lse[at]
#define DELTA(at) delta[at]
#endif

void main()
{
    uint group = linear_group();
    if (group >= tile_count * KV_HEADS * PARTS) {
        return;
    }
    uint kv_head = group % KV_HEADS;
    Tile tile = tiles[min(group / (KV_HEADS * PARTS), tile_count - 1)]; // of no use if there is none left, but read
    uint end = tile.first + tile.count;
    uint part = gl_WorkGroupSize.x * PER_LANE;
    uint part_first = tile.first + group / KV_HEADS % PARTS * part;
    if (part_first >= end) {
        return;
    }
    uint last = min(part_first + part, end) - 1;
    uint first = part_first + gl_LocalInvocationID.x * PER_LANE; // of the invocation's keys
    // One loop over (query, head of the group), query-major.
    uint steps = (tile.end - part_first) * GROUP, behind = min(steps, turned + turns);
    if (RESUMED && turned >= steps) {
        return;
    }
    uint key_at = KEYS + kv_head * PAIRS, value_at = VALUES + kv_head * PAIRS;

    vec4 k[PER_LANE * QUADS], v[PER_LANE * QUADS], dk[PER_LANE * QUADS], dv[PER_LANE * QUADS];
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        uint at = min(first + r, last) * STRIDE;
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            k[r * QUADS + i] = OWN_QKV(at + key_at, i) * (scale * LOG2_E);
            v[r * QUADS + i] = OWN_QKV(at + value_at, i);
            dk[r * QUADS + i] = vec4(0.0);
            dv[r * QUADS + i] = vec4(0.0);
        }
    }
    for (uint block = turned; block < behind; block += BLOCK) {
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            uint step = min(block + j, steps - 1);
            uint query = min(part_first + step / GROUP, tile.end - 1), head = kv_head * GROUP + step % GROUP;
            uint q_at = query * STRIDE + head * PAIRS, row = query * HEADS + head;
            vec4 score[PER_LANE], dweight[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                score[r] = vec4(0.0);
                dweight[r] = vec4(0.0);
            }
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 q = QKV(q_at, i), dout = D_O(row * PAIRS, i);
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    score[r] = fma(k[r * QUADS + i], q, score[r]);
                    dweight[r] = fma(v[r * QUADS + i], dout, dweight[r]);
                }
            }
            float row_lse = LSE(row) * LOG2_E, row_delta = DELTA(row);
            float weight[PER_LANE], dscore[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                bool seen = first + r <= query && block + j < steps;
                weight[r] = seen ? exp2(sum4(score[r]) - row_lse) : 0.0;
                dscore[r] = weight[r] * (sum4(dweight[r]) - row_delta);
            }
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 q = QKV(q_at, i), dout = D_O(row * PAIRS, i);
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    dk[r * QUADS + i] = fma(vec4(dscore[r]), q, dk[r * QUADS + i]);
                    dv[r * QUADS + i] = fma(vec4(weight[r]), dout, dv[r * QUADS + i]);
                }
            }
        }
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        if (first + r <= last) {
            uint at = (first + r) * STRIDE;
            [[unroll]] for (uint i = 0; i < PAIRS; i++) {
                vec4 key_quad = dk[r * QUADS + i / 2], value_quad = dv[r * QUADS + i / 2];
                vec2 key = (i % 2 == 0 ? key_quad.xy : key_quad.zw) * scale;
                vec2 value = i % 2 == 0 ? value_quad.xy : value_quad.zw;
                dqkv[at + key_at + i] = RESUMED ? dqkv[at + key_at + i] + key : key;
                dqkv[at + value_at + i] = RESUMED ? dqkv[at + value_at + i] + value : value;
            }
        }
    }
}
