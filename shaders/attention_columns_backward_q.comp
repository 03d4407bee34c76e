// Attention backward, for queries, as attention_backward_q.glsl: include/attention_columns.glsl.
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
    float query[HEAD_DIM], dout[HEAD_DIM], out_row[HEAD_DIM], dquery[HEAD_DIM], score[BLOCK], dweight[BLOCK];
    turn_rows(query, qkv_rows, row0, last, TOKEN, head * HEAD_DIM, scale * LOG2_E);
    turn_rows(dout, do_rows, row0, last, OUT, head * HEAD_DIM, 1.0);
    turn_rows(out_row, o_rows, row0, last, OUT, head * HEAD_DIM, 1.0);
    const uint  row = min(token, last) * HEADS + head;
    const float lse = Floats(lse_values).v[row] * LOG2_E;
    float delta = 0.0;
    [[unroll]] for (uint d = 0; d < HEAD_DIM; d++) {
        delta = fma(dout[d], out_row[d], delta);
        dquery[d] = 0.0;
    }
    Floats(delta_values).v[row] = delta;
    [[unroll]] for (uint j = 0; j < BLOCK; j++) {
        score[j] = 0.0;
        dweight[j] = 0.0;
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
        block_products(dweight, dout, qkv_rows, TOKEN, at + 2 * VALUES, true);
        float dscore[BLOCK];
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            const float weight = exp2(score[j] - lse);
            dscore[j] = from + j >= first && from + j <= token ? weight * (dweight[j] - delta) : 0.0;
        }
        add_block(dquery, 1.0, dscore, qkv_rows, TOKEN, at + 2 * KEYS, 1);
    } while (first + BLOCK < behind);
    if (token <= last) {
        store_row(dqkv_rows, token * TOKEN + head * HEAD_DIM, dquery, scale, RESUMED);
    }
}
