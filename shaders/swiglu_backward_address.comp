// swiglu_backward.comp for CPU devices with buffer addresses, as swiglu_address.comp is.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"
#include "row_panels.glsl"

layout(push_constant) uniform Push
{
    uint64_t dgate_up, dact, gate_up; // [tokens, 2 ff]: gate, then up; [tokens, ff]; as the first
    uint     ff;
};

uint token;

void take_panel(uint column)
{
    const uint gate_at = bounded(token * ff + (column >> 1)), up_at = bounded(token * ff + (ff + column >> 1));
    const vec2 gate = lane_columns(gate_up, gate_at), up = lane_columns(gate_up, up_at);
    const vec2 d = lane_columns(dact, bounded(token * ff + column >> 1));
    const vec2 sigmoid = 1.0 / (1.0 + exp(-gate));
    store_columns(dgate_up, gate_at, d * up * sigmoid * (1.0 + gate * (1.0 - sigmoid)), 0);
    store_columns(dgate_up, up_at, d * gate * sigmoid, 0);
}

void begin_turn() {}
void end_turn() {}

void main()
{
    find_lane();
    token = gl_WorkGroupID.x;
    take_row(ff);
}
