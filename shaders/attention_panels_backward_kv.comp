// Attention backward, for keys and values, as attention_backward_kv.glsl: include/attention_panels.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "attention_panels.glsl"

void main()
{
    find_lane();
    const uint lane = gl_SubgroupInvocationID, group = linear_group(), kv_head = group % KV_HEADS;
    const Tile tile = tiles[min(group / (KV_HEADS * PARTS), tile_count - 1)];
    const uint end = tile.first + tile.count, row0 = tile.first + group / KV_HEADS % PARTS * ROWS;
    if (group >= tile_count * KV_HEADS * PARTS || row0 >= end) {
        return;
    }
    const uint last = min(row0 + ROWS, end) - 1;
    Vec4s qkv = Vec4s(qkv_rows), dout = Vec4s(do_rows), panels = Vec4s(qkv_panels), dout_panels = Vec4s(do_panels);
    Floats lse = Floats(lse_values), delta = Floats(delta_values);

    uint k_at[ROWS], v_at[ROWS], k_pairs[ROWS], v_pairs[ROWS], dscores_at[SUMS], weights_at[SUMS]; // in floats, but for pairs
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint token = min(row0 + r, last) * (4 * TOKEN) + kv_head * HEAD_DIM;
        k_at[r] = bounded(token + 2 * KEYS);
        v_at[r] = bounded(token + 2 * VALUES);
        k_pairs[r] = k_at[r] >> 1;
        v_pairs[r] = v_at[r] >> 1;
    }
    find_weights(dscores_at, k_at);
    find_weights(weights_at, v_at);
    float dk0[SUMS], dk1[SUMS], dv0[SUMS], dv1[SUMS];
    [[unroll]] for (uint i = 0; i < SUMS; i++) {
        dk0[i] = 0.0;
        dk1[i] = 0.0;
        dv0[i] = 0.0;
        dv1[i] = 0.0;
    }
    // One loop over (panel of queries, head of the group).
    const uint behind = ((tile.end - 1) / PANEL + 1) * GROUP;
    float score0[ROWS], score1[ROWS], dweight0[ROWS], dweight1[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        score0[r] = 0.0;
        score1[r] = 0.0;
        dweight0[r] = 0.0;
        dweight1[r] = 0.0;
    }
    if (lane_is[0]) {
        next = row0 / PANEL * GROUP;
    }
    uint step;
    do {
        step = next;
        if (lane_is[0]) {
            next = step + 1;
        }
        const uint panel = step / GROUP, head = kv_head * GROUP + step % GROUP, first = panel_first(panel);
        const uint query0 = first + lane_token(0), query1 = first + lane_token(1);
        const uint at0 = bounded(min(query0, tokens - 1) * HEADS + head), at1 = bounded(min(query1, tokens - 1) * HEADS + head);
        const float lse0 = lse.v[at0] * LOG2_E, lse1 = lse.v[at1] * LOG2_E, delta0 = delta.v[at0], delta1 = delta.v[at1];
        panel_products(score0, score1, qkv_rows, k_at, panels,
                       bounded(panel * TOKEN_PANEL + head * HEAD_DIM * (PANEL / 4)), never);
        float weight0[ROWS], weight1[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const uint begin = max(panel * PANEL, min(row0 + r, last));
            weight0[r] = query0 >= begin && query0 < tile.end ? exp2(score0[r] * (scale * LOG2_E) - lse0) : 0.0;
            weight1[r] = query1 >= begin && query1 < tile.end ? exp2(score1[r] * (scale * LOG2_E) - lse1) : 0.0;
            store_columns(dqkv_rows, v_pairs[r], vec2(weight0[r], weight1[r]), 0);
        }
        panel_products(dweight0, dweight1, qkv_rows, v_at, dout_panels,
                       bounded((panel * HEADS + head) * HEAD_DIM * (PANEL / 4)), nothing);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const vec2 dscore = vec2(weight0[r] != 0.0 ? weight0[r] * (dweight0[r] - delta0) : 0.0,
                                     weight1[r] != 0.0 ? weight1[r] * (dweight1[r] - delta1) : 0.0);
            store_columns(dqkv_rows, k_pairs[r], dscore, 0);
        }
        add_rows(dv0, dv1, weights_at, dout, first, HEADS * QUADS, head * QUADS);
        add_rows(dk0, dk1, dscores_at, qkv, first, TOKEN, head * QUADS);
    } while (step + 1 < behind);
    store_rows(dk0, dk1, k_at, last + 1 - row0, scale);
    store_rows(dv0, dv1, v_at, last + 1 - row0, 1.0);
}
