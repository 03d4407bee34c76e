// Rows of a frozen weight straight into the panels of an NT product (gemm_pack.comp). An invocation takes one block of
// 32 columns of the weight, k of the product, of one row; neighbours take neighbouring rows, which lie side by side.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#define WEIGHT_FORMAT_ID 1
#define WEIGHT_BINDING 0
#include "weights.glsl"
#include "gemm_lanes.glsl"

layout(push_constant) uniform Push {
    uint64_t panels;
    uint     rows, columns, blocks; // blocks of 32 columns
    uint     row_words, row_scales;
    uint     first, n;              // the first of the rows, of how many that the panels hold
    uint     k_main, k_pass;        // as in MatmulPlan
};

// Where a column of a panel lies in it: what float_column() of gemm_pack.comp turns round.
uint place(uint column) { return (column & 1u) * LANES + (column >> 1); }

void main()
{
    const uint id = linear_id(), row = id % rows, block = id / rows;
    if (block >= blocks) {
        return;
    }
    const uint k0 = 32 * block, end = min(k0 + 32, (columns + 7) & ~7u); // zeros behind the last
    const uint panel_count = (n + PANEL - 1) / PANEL, r = first + row, last = n - PANEL; // where the last panel starts
    Floats p = Floats(panels);
    for (uint k = k0; k < end; k += 4) {
        vec4 x = vec4(0.0);
        if (k < columns) {
            x = weight_quad(row * row_words, row * row_scales, k >> 2);
        }
        const uint begin = k < k_main ? k / k_pass * k_pass : k_main; // of the pass
        const uint length = k < k_main ? min(k_pass, k_main - begin) : (columns - k_main + 7) & ~7u;
        const uint pass = begin * panel_count * PANEL + (k - begin) * PANEL;
        const uint own = pass + r / PANEL * length * PANEL + place(r % PANEL);
        const uint end_panel = pass + (panel_count - 1) * length * PANEL + place(r - min(r, last));
        const bool overlap = r >= last; // the last panel overlaps its neighbour
        [[unroll]] for (uint j = 0; j < 4; j++) {
            const float value = k + j < columns ? x[j] : 0.0;
            if (r / PANEL < panel_count - 1) {
                p.v[own + j * PANEL] = value;
            }
            if (overlap) {
                p.v[end_panel + j * PANEL] = value;
            }
        }
    }
}
