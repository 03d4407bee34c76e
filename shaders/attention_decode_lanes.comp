// attention_decode.comp for CPU devices with buffer addresses; for what makes it fast see
// gemm_lanes.comp: every address is the same for all lanes. A workgroup, one subgroup, owns a
// (row, KEY_HEADS key heads with ROWS query heads of each, segment). Lanes are keys while it makes scores, 16
// at a time, and dimensions while it adds up values. The host makes sure of: head_dim a
// multiple of LANES (4, 8 or 16), ROWS divides HEADS / KV_HEADS and
// is all of it where KEY_HEADS, which divides KV_HEADS, is more than 1, all at multiples of 16 bytes.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "common.glsl"
#include "attention.glsl"

layout(constant_id = 8) const uint SEGMENT = 512;
layout(constant_id = 9) const bool PARTS_OUT = false;
layout(constant_id = 10) const bool APPEND = false; // rotates and stores, as kv_append.comp, what it then attends over
layout(constant_id = 11) const uint KEY_HEADS = 1;  // whose blocks lie side by side in the cache

#include "gemm_lanes.glsl"
#include "lanes_reduce.glsl"
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints { uint v[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

layout(push_constant) uniform Push
{
    Output o_out;      // [rows, HEADS, HEAD_DIM], or parts [rows, HEADS, segments, HEAD_DIM + 2]
    uint64_t qkv_rows; // [rows, STRIDE]
    uint64_t k_cache;  // [slots, KV_HEADS / KEY_HEADS, max_length / 16, KEY_HEADS, HEAD_DIM, 16]
    uint64_t v_cache;  // [slots, KV_HEADS / KEY_HEADS, max_length / 16, KEY_HEADS, 16, HEAD_DIM]
    Uints  lengths, slots; // [rows]; length 0: idle
    uint   first_row, rows, max_length, segments;
    float  scale;
    uint   unused;
    uint64_t table;    // APPEND: [positions, HEAD_DIM / 2] cos, sin
};

const uint ROWS = PER_LANE; // query heads of a key head
const uint QUERIES = KEY_HEADS * ROWS;
const uint BLOCK_KEYS = 16, WIDE = BLOCK_KEYS / LANES; // registers of 16 keys
const uint REGISTERS = HEAD_DIM / LANES;               // of a row of values
const uint KEY_BYTES = 4 * HEAD_DIM;
const uint BUNDLES = HEADS / QUERIES;                   // workgroups that share a row and segment

// The head at `head`, rotated by the angles at `angles`.
void rotate(uint64_t head, uint64_t angles, out float x[REGISTERS])
{
    Written p = Written(head);
    [[unroll]] for (uint i = 0; i < REGISTERS / 2; i++) {
        const float low = written_values(p, i * (LANES / 4)), high = written_values(p, (REGISTERS / 2 + i) * (LANES / 4));
        const vec2  turn = lane_pairs(angles, i * LANES); // cos, sin
        precise float turned_low = low * turn.x - high * turn.y, turned_high = high * turn.x + low * turn.y; // as rope.comp
        x[i] = turned_low;
        x[REGISTERS / 2 + i] = turned_high;
    }
}

// Rotates the query heads at `query` in place, and stores the key heads, rotated, and the value heads of the same token at
// `position` of the slot's cache, which begins at byte `cache` of either. The lanes are one register, so that what one of
// them has stored the others read; a barrier would wait for the stores, a tenth of the kernel's time.
void append(uint64_t query, uint64_t key, uint64_t value, uint64_t cache, uint position)
{
    const uint64_t angles = table + uint64_t(position) * KEY_BYTES;
    const uint     lane = gl_SubgroupInvocationID, in_block = position % BLOCK_KEYS;
    float          x[REGISTERS];
    [[unroll]] for (uint r = 0; r < QUERIES; r++) {
        Floats to = Floats(query + r * KEY_BYTES);
        rotate(query + r * KEY_BYTES, angles, x);
        [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
            to.v[i * LANES + lane] = x[i];
        }
    }
    const uint64_t block = cache + uint64_t(position - in_block) * (KEY_HEADS * KEY_BYTES);
    [[unroll]] for (uint h = 0; h < KEY_HEADS; h++) {
        const uint64_t at = block + h * (BLOCK_KEYS * KEY_BYTES);
        Floats         k = Floats(k_cache + at + 4 * in_block), v = Floats(v_cache + at + in_block * KEY_BYTES);
        rotate(key + h * KEY_BYTES, angles, x);
        [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
            k.v[(i * LANES + lane) * BLOCK_KEYS] = x[i];
            v.v[i * LANES + lane] = written_values(Written(value + h * KEY_BYTES), i * (LANES / 4));
        }
    }
}

// The loop's counter, see gemm_lanes.comp.
shared uint next;

void main()
{
    find_lane();
    const uint lane = gl_SubgroupInvocationID;
    const uint group = linear_group();
    if (group >= rows * BUNDLES * segments) {
        return;
    }
    const uint segment = group % segments, head = group / segments % BUNDLES * QUERIES;
    const uint row = first_row + group / (segments * BUNDLES);
    const uint length = min(lengths.v[row], max_length);
    const uint begin = segment * SEGMENT, end = min(length, begin + SEGMENT);
    const uint o_row = PARTS_OUT ? ((row - first_row) * HEADS + head) * segments + segment : row * HEADS + head;
    const uint o_at = o_row * (PARTS_OUT ? HEAD_DIM + 2 : HEAD_DIM), o_step = PARTS_OUT ? segments * (HEAD_DIM + 2) : HEAD_DIM;
    Output o = o_out;
    if (begin >= end) {
        for (uint i = lane; i < QUERIES * HEAD_DIM && !PARTS_OUT; i += LANES) { // idle
            o.v[o_at + i] = 0.0;
        }
        return;
    }
    const uint64_t cache = uint64_t((slots.v[row] * KV_HEADS + head / GROUP) * max_length) * KEY_BYTES;
    const uint64_t token = qkv_rows + uint64_t(row) * ((HEADS + 2 * KV_HEADS) * KEY_BYTES);
    Written q = Written(token + head * KEY_BYTES);
    if (APPEND && length == lengths.v[row]) {
        const uint64_t key = token + (HEADS + head / GROUP) * KEY_BYTES;
        append(token + head * KEY_BYTES, key, key + KV_HEADS * KEY_BYTES, cache, length - 1);
    }

    float sum[QUERIES * REGISTERS], largest[QUERIES], total[QUERIES];
    [[unroll]] for (uint r = 0; r < QUERIES; r++) {
        [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
            sum[r * REGISTERS + i] = 0.0;
        }
        largest[r] = NEVER;
        total[r] = 0.0;
    }
    if (lane_is[0]) {
        next = begin;
    }
    uint first;
    do {
        first = next;
        if (lane_is[0]) {
            next = first + BLOCK_KEYS;
        }
        const uint count = end - first; // of its keys
        [[unroll]] for (uint h = 0; h < KEY_HEADS; h++) {
            const uint64_t at = cache + uint64_t(first) * (KEY_HEADS * KEY_BYTES) + h * (BLOCK_KEYS * KEY_BYTES), values = v_cache + at;
            Written k = Written(k_cache + at);
            vec4 product[ROWS * WIDE];
            [[unroll]] for (uint i = 0; i < QUADS; i++) {
                vec4 key[WIDE];
                [[unroll]] for (uint w = 0; w < WIDE; w++) {
                    [[unroll]] for (uint j = 0; j < 4; j++) {
                        key[w][j] = written_values(k, (4 * i + j) * (BLOCK_KEYS / 4) + w * (LANES / 4));
                    }
                }
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    const vec4 x = q.v[(h * ROWS + r) * QUADS + i];
                    [[unroll]] for (uint w = 0; w < WIDE; w++) {
                        product[r * WIDE + w] = i == 0 ? x * key[w] : fma(x, key[w], product[r * WIDE + w]);
                    }
                }
            }
            float weight[ROWS * WIDE];
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                const uint n = h * ROWS + r;
                float highest = NEVER;
                [[unroll]] for (uint w = 0; w < WIDE; w++) {
                    const float score = sum4(product[r * WIDE + w]) * (scale * LOG2_E);
                    weight[r * WIDE + w] = w * LANES + lane < count ? score : NEVER;
                    highest = max(highest, weight[r * WIDE + w]);
                }
                const float grown = max(largest[n], lanes_max(highest)), shrink = exp2(largest[n] - grown);
                largest[n] = grown;
                total[n] *= shrink;
                [[unroll]] for (uint w = 0; w < WIDE; w++) {
                    weight[r * WIDE + w] = exp2(weight[r * WIDE + w] - grown);
                    total[n] += weight[r * WIDE + w];
                }
                [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
                    sum[n * REGISTERS + i] *= shrink;
                }
            }
            [[unroll]] for (uint j = 0; j < BLOCK_KEYS; j++) {
                Written v = Written(j < count ? values + j * KEY_BYTES : values); // what lies beyond may be no number
                float value[REGISTERS];
                [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
                    value[i] = written_values(v, i * (LANES / 4));
                }
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    const uint n = h * ROWS + r;
                    const float share = subgroupBroadcast(weight[r * WIDE + j / LANES], j % LANES);
                    [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
                        sum[n * REGISTERS + i] = fma(share, value[i], sum[n * REGISTERS + i]);
                    }
                }
            }
        }
    } while (first + BLOCK_KEYS < end);
    [[unroll]] for (uint r = 0; r < QUERIES; r++) {
        const float whole = lanes_sum(total[r]);
        [[unroll]] for (uint i = 0; i < REGISTERS; i++) {
            o.v[o_at + r * o_step + i * LANES + lane] = PARTS_OUT ? sum[r * REGISTERS + i] : sum[r * REGISTERS + i] / whole;
        }
        if (PARTS_OUT && lane == 0) {
            o.v[o_at + r * o_step + HEAD_DIM] = largest[r];
            o.v[o_at + r * o_step + HEAD_DIM + 1] = whole;
        }
    }
}
