// act = silu(gate) up for CPU devices with buffer addresses; a workgroup, one subgroup, per token. Loads are of whole panels at
// addresses that all lanes share, and a lane stores two neighbouring floats: see gemm_lanes.comp.
// The host makes sure of: ff a multiple of what row_panels.glsl takes a turn, all at multiples of 16 bytes and below 256 MiB.
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
    uint64_t act, gate_up; // [tokens, ff]; [tokens, 2 ff]: gate, then up
    uint     ff;
};

uint token;

void take_panel(uint column)
{
    const vec2 gate = lane_columns(gate_up, bounded(token * ff + (column >> 1)));
    const vec2 up = lane_columns(gate_up, bounded(token * ff + (ff + column >> 1)));
    store_columns(act, bounded(token * ff + column >> 1), gate / (1.0 + exp(-gate)) * up, 0);
}

void begin_turn() {}
void end_turn() {}

void main()
{
    find_lane();
    token = gl_WorkGroupID.x;
    take_row(ff);
}
