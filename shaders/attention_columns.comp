// Attention forward, as attention_forward.glsl: include/attention_columns.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "attention_columns.glsl"

void main()
{
    find_lane();
    const uint group = linear_group(), head = group % HEADS, kv_head = head / GROUP;
    const Tile tile = tiles[min(group / (HEADS * PARTS), tile_count - 1)];
    const uint end = tile.first + tile.count, row0 = tile.first + group / HEADS % PARTS * LANES;
    if (group >= tile_count * HEADS * PARTS || row0 >= end) {
        return;
    }
    const uint last = min(row0 + LANES, end) - 1, token = row0 + gl_SubgroupInvocationID;
    const uint begin = tile.begin + turned * BLOCK, behind = min(last + 1, begin + turns * BLOCK); // of the keys
    if (RESUMED && begin > last) {
        return;
    }
    Floats lse = Floats(lse_values);
    float  query[HEAD_DIM], sum[HEAD_DIM], score[BLOCK], largest = NEVER, total = 0.0;
    turn_rows(query, qkv_rows, row0, last, TOKEN, head * HEAD_DIM, scale * LOG2_E);
    if (RESUMED) { // a sum of weights of 1 whose largest score is the log-sum-exp
        turn_rows(sum, o_rows, row0, last, OUT, head * HEAD_DIM, 1.0);
        largest = lse.v[min(token, last) * HEADS + head] * LOG2_E;
        total = 1.0;
    }
    [[unroll]] for (uint d = 0; d < HEAD_DIM; d++) {
        sum[d] = RESUMED ? sum[d] : 0.0;
    }
    [[unroll]] for (uint j = 0; j < BLOCK; j++) {
        score[j] = 0.0;
    }
    if (lane_is[0]) {
        next = begin;
    }
    uint first;
    do {
        first = next;
        if (lane_is[0]) {
            next = first + BLOCK;
        }
        const uint from = block_from(first), at = from * TOKEN + kv_head * HEAD_DIM;
        block_products(score, query, qkv_rows, TOKEN, at + 2 * KEYS, false);
        float weight[BLOCK], grown = largest;
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            weight[j] = from + j >= first && from + j <= token ? score[j] : NEVER;
            grown = max(grown, weight[j]);
        }
        const float shrink = exp2(largest - grown);
        float more = total * shrink;
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            weight[j] = exp2(weight[j] - grown);
            more += weight[j];
        }
        largest = grown;
        total = more;
        add_block(sum, shrink, weight, qkv_rows, TOKEN, at + 2 * VALUES, 1);
    } while (first + BLOCK < behind);
    if (token <= last) {
        const uint row = token * HEADS + head;
        lse.v[row] = largest * LN_2 + log(total);
        store_row(o_rows, row * HEAD_DIM, sum, 1.0 / total, false);
    }
}
