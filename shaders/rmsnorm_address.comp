// rmsnorm.comp for CPU devices with buffer addresses; a workgroup, one subgroup, per row. Loads are of whole panels at addresses
// that all lanes share: see gemm_lanes.comp. The host makes sure of: y f32, width a multiple of what row_panels.glsl takes a
// turn, all at multiples of 16 bytes.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"
#include "row_panels.glsl"
#include "lanes_reduce.glsl"

layout(push_constant) uniform Push
{
    uint64_t y, rstd, x, w;                                // [rows, width] as in rmsnorm.comp; [rows]; as y; [width]
    uint     rows, width, per_token, token_stride, offset; // counts of rows and of floats
    float    eps;
};

uint64_t row_bytes; // in front of the row
bool     writing;
vec2     squares = vec2(0.0);
float    inverse;

void take_panel(uint column)
{
    const vec2 value = lane_columns(x + row_bytes, column >> 1);
    if (writing) {
        store_columns(y + row_bytes, column >> 1, value * inverse * lane_columns(w, column >> 1), 0);
    } else {
        squares = fma(value, value, squares);
    }
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
    row_bytes = 4 * uint64_t(row / per_token * token_stride + offset + row % per_token * width);
    writing = false;
    take_row(width);
    inverse = inversesqrt(lanes_sum(squares.x + squares.y) / float(width) + eps);
    writing = true;
    take_row(width);
    if (lane_is[0]) {
        Floats(rstd).v[row] = inverse;
    }
}
