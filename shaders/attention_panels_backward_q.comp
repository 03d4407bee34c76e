// Attention backward, for queries, as attention_backward_q.glsl: include/attention_panels.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "attention_panels.glsl"

void main()
{
    find_lane();
    const uint lane = gl_SubgroupInvocationID, group = linear_group(), head = group % HEADS, kv_head = head / GROUP;
    const Tile tile = tiles[min(group / (HEADS * PARTS), tile_count - 1)];
    const uint end = tile.first + tile.count, row0 = tile.first + group / HEADS % PARTS * ROWS;
    if (group >= tile_count * HEADS * PARTS || row0 >= end) {
        return;
    }
    const uint last = min(row0 + ROWS, end) - 1;
    Vec4s qkv = Vec4s(qkv_rows), o = Vec4s(o_rows), dout = Vec4s(do_rows), panels = Vec4s(qkv_panels);
    Floats lse = Floats(lse_values), delta = Floats(delta_values);

    uint  q_at[ROWS], o_at[ROWS], pairs_at[ROWS], weights_at[SUMS]; // in floats, but for pairs
    float row_lse[ROWS], row_delta[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint token = min(row0 + r, last), row = token * HEADS + head;
        q_at[r] = bounded(token * (4 * TOKEN) + head * HEAD_DIM);
        o_at[r] = bounded(row * HEAD_DIM);
        pairs_at[r] = q_at[r] >> 1;
        row_lse[r] = lse.v[bounded(row)] * LOG2_E;
        vec4 product = vec4(0.0);
        [[unroll]] for (uint i = 0; i < QUADS; i++) {
            product = fma(dout.v[(o_at[r] >> 2) + i], o.v[(o_at[r] >> 2) + i], product);
        }
        row_delta[r] = sum4(product);
        if (lane_is[0]) {
            delta.v[bounded(row)] = row_delta[r];
        }
    }
    find_weights(weights_at, q_at);
    float total0[SUMS], total1[SUMS];
    [[unroll]] for (uint i = 0; i < SUMS; i++) {
        total0[i] = 0.0;
        total1[i] = 0.0;
    }
    float score0[ROWS], score1[ROWS], dweight0[ROWS], dweight1[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        score0[r] = 0.0;
        score1[r] = 0.0;
        dweight0[r] = 0.0;
        dweight1[r] = 0.0;
    }
    if (lane_is[0]) {
        next = tile.begin / PANEL;
    }
    uint panel;
    do {
        panel = next;
        if (lane_is[0]) {
            next = panel + 1;
        }
        const uint first = panel_first(panel), at = panel * TOKEN_PANEL + kv_head * HEAD_DIM * (PANEL / 4);
        panel_products(score0, score1, qkv_rows, q_at, panels, bounded(at + 2 * KEYS * (PANEL / 4)), never);
        panel_products(dweight0, dweight1, do_rows, o_at, panels, bounded(at + 2 * VALUES * (PANEL / 4)), nothing);
        const uint key0 = first + lane_token(0), key1 = first + lane_token(1), begin = max(tile.begin, panel * PANEL);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const uint query = min(row0 + r, last);
            const float weight0 = exp2(score0[r] * (scale * LOG2_E) - row_lse[r]);
            const float weight1 = exp2(score1[r] * (scale * LOG2_E) - row_lse[r]);
            const vec2 dscore = vec2(key0 >= begin && key0 <= query ? weight0 * (dweight0[r] - row_delta[r]) : 0.0,
                                     key1 >= begin && key1 <= query ? weight1 * (dweight1[r] - row_delta[r]) : 0.0);
            store_columns(dqkv_rows, pairs_at[r], dscore, 0);
        }
        add_rows(total0, total1, weights_at, qkv, first, TOKEN, KEYS / 2 + kv_head * QUADS);
    } while (panel < last / PANEL);
    store_rows(total0, total1, q_at, last + 1 - row0, scale);
}
