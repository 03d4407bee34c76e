// rmsnorm_backward.comp for CPU devices with buffer addresses, as rmsnorm_address.comp is.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"
#include "row_panels.glsl"
#include "lanes_reduce.glsl"

layout(constant_id = 3) const bool ADD = false;

layout(push_constant) uniform Push
{
    uint64_t dx, dy, x, w, rstd; // [rows, width] as in rmsnorm.comp, three times; [width]; [rows]
    uint     rows, width, per_token, token_stride, offset;
};

uint64_t row_bytes; // in front of the row
bool     writing;
vec2     products = vec2(0.0); // dy w x
float    inverse, pull;

void take_panel(uint column)
{
    const uint at = column >> 1;
    const vec2 g = lane_columns(dy + row_bytes, at) * lane_columns(w, at), value = lane_columns(x + row_bytes, at);
    if (writing) {
        vec2 d = inverse * (g - value * pull);
        if (ADD) {
            d += lane_columns(dx + row_bytes, at);
        }
        store_columns(dx + row_bytes, at, d, 0);
    } else {
        products = fma(g, value, products);
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
    inverse = Floats(rstd).v[row];
    writing = false;
    take_row(width);
    pull = lanes_sum(products.x + products.y) * inverse * inverse / float(width);
    writing = true;
    take_row(width);
}
