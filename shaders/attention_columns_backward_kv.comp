// Attention backward, for keys and values, as attention_backward_kv.glsl: include/attention_columns.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "attention_columns.glsl"

void main()
{
    find_lane();
    const uint group = linear_group(), kv_head = group % KV_HEADS;
    const Tile tile = tiles[min(group / (KV_HEADS * PARTS), tile_count - 1)];
    const uint end = tile.first + tile.count, row0 = tile.first + group / KV_HEADS % PARTS * LANES;
    if (group >= tile_count * KV_HEADS * PARTS || row0 >= end) {
        return;
    }
    // One loop over (block of queries, head of the group).
    const uint last = min(row0 + LANES, end) - 1, token = row0 + gl_SubgroupInvocationID;
    const uint steps = (tile.end - row0 + BLOCK - 1) / BLOCK * GROUP, behind = min(steps, turned + turns);
    if (RESUMED && turned >= steps) {
        return;
    }
    Floats lse = Floats(lse_values), delta = Floats(delta_values);
    float  key[HEAD_DIM], value[HEAD_DIM], dkey[HEAD_DIM], dvalue[HEAD_DIM], score[BLOCK], dweight[BLOCK];
    turn_rows(key, qkv_rows, row0, last, TOKEN, 2 * KEYS + kv_head * HEAD_DIM, scale * LOG2_E);
    turn_rows(value, qkv_rows, row0, last, TOKEN, 2 * VALUES + kv_head * HEAD_DIM, 1.0);
    [[unroll]] for (uint d = 0; d < HEAD_DIM; d++) {
        dkey[d] = 0.0;
        dvalue[d] = 0.0;
    }
    [[unroll]] for (uint j = 0; j < BLOCK; j++) {
        score[j] = 0.0;
        dweight[j] = 0.0;
    }
    if (lane_is[0]) {
        next = turned;
    }
    uint step;
    do {
        step = next;
        if (lane_is[0]) {
            next = step + 1;
        }
        const uint first = row0 + step / GROUP * BLOCK, from = block_from(first), head = kv_head * GROUP + step % GROUP;
        const uint at = from * TOKEN + head * HEAD_DIM, out_at = from * OUT + head * HEAD_DIM;
        const uint rows_at = from * HEADS + head;
        block_products(score, key, qkv_rows, TOKEN, at, false);
        block_products(dweight, value, do_rows, OUT, out_at, true);
        float weight[BLOCK], dscore[BLOCK];
        [[unroll]] for (uint j = 0; j < BLOCK; j++) {
            const uint query = from + j, row = rows_at + block_row(j, HEADS);
            const bool sees = query >= max(first, token) && query < tile.end;
            weight[j] = sees ? exp2(score[j] - lse.v[row] * LOG2_E) : 0.0;
            dscore[j] = sees ? weight[j] * (dweight[j] - delta.v[row]) : 0.0;
        }
        add_block(dvalue, 1.0, weight, do_rows, OUT, out_at, 1);
        add_block(dkey, 1.0, dscore, qkv_rows, TOKEN, at, 1 + HEAD_DIM);
    } while (step + 1 < behind);
    if (token <= last) {
        const uint to = token * TOKEN + kv_head * HEAD_DIM;
        store_row(dqkv_rows, to + 2 * KEYS, dkey, scale, RESUMED);
        store_row(dqkv_rows, to + 2 * VALUES, dvalue, 1.0, RESUMED);
    }
}
