// logits_backward.comp for CPU devices with buffer addresses, as logits_statistics_address.comp is.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"
#include "row_panels.glsl"

layout(constant_id = 3) const bool HAS_ENTROPY = true; // false: e = 0, `dentropy` is not read

layout(push_constant) uniform Push
{
    uint64_t logits, lse, entropy;         // [rows, stride]; [first_row + rows], as all that follow
    uint64_t targets, dlogprob, dentropy;  // i32, -1: gradient 0
    uint     first_row, rows, vocab, stride;
    float    inverse_temperature;
};

uint64_t row_begin;
int      target;
float    g, e, row_lse, row_entropy;
bool     masked; // 0 even where the logits are not finite

void take_panel(uint column)
{
    const int  lane = int(gl_SubgroupInvocationID), at = target - int(column);
    const vec2 logp = lane_columns(row_begin, column >> 1) * inverse_temperature - row_lse, p = exp(logp);
    const vec2 own = vec2(2 * lane == at ? g : 0.0, 2 * lane + 1 == at ? g : 0.0);
    vec2 gradient = own - g * p;
    if (HAS_ENTROPY) {
        gradient -= e * p * (max(logp, -1000.0) + row_entropy); // where p is 0, logp may be -inf
    }
    store_columns(row_begin, column >> 1, masked ? vec2(0.0) : gradient, 0);
}

void begin_turn() {}
void end_turn() {}

void main()
{
    find_lane();
    const uint row = linear_group();
    if (row >= rows) {
        return;
    }
    const uint at = first_row + row;
    row_begin = logits + 4 * (uint64_t(row) * stride);
    target = floatBitsToInt(Floats(targets).v[at]);
    g = target < 0 ? 0.0 : Floats(dlogprob).v[at] * inverse_temperature;
    e = 0.0;
    row_entropy = 0.0;
    if (HAS_ENTROPY) {
        e = target < 0 ? 0.0 : Floats(dentropy).v[at] * inverse_temperature;
        row_entropy = Floats(entropy).v[at];
    }
    row_lse = Floats(lse).v[at];
    masked = g == 0.0 && e == 0.0;
    take_row(vocab);
}
