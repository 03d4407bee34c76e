// logits_statistics.comp for CPU devices with buffer addresses; a workgroup, one subgroup, per row. Loads are of whole panels at
// addresses that all lanes share: see gemm_lanes.comp. The host makes sure of: vocab a multiple of what row_panels.glsl takes
// a turn, rows at multiples of 16 bytes.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"
#include "row_panels.glsl"
#include "lanes_reduce.glsl"
#include "precise.glsl"

layout(push_constant) uniform Push
{
    uint64_t logprob, entropy, lse; // [first_row + rows]
    uint64_t logits, targets;       // [rows, stride]; i32 [first_row + rows], -1: none
    uint     first_row, rows, vocab, stride;
    float    inverse_temperature;
};

uint64_t row_begin;
bool     adding;
vec2     most = vec2(-3.0e38); // finite, so that -inf - largest is never NaN
float    largest;
vec2     partial_sum, partial_moment;                        // of a turn, added up plainly
vec2     sum0 = vec2(0.0), sum1 = vec2(0.0);                 // of e^x, x = z - largest, and what rounding lost
vec2     moment0 = vec2(0.0), moment1 = vec2(0.0);           // of x e^x

void take_panel(uint column)
{
    const vec2 z = lane_columns(row_begin, column >> 1) * inverse_temperature;
    if (!adding) {
        most = max(most, z);
        return;
    }
    const vec2 x = z - largest, e = exp(x);
    partial_sum += e;
    partial_moment = fma(e, max(x, -1000.0), partial_moment); // where e is 0, x may be -inf
}

void begin_turn()
{
    partial_sum = partial_moment = vec2(0.0);
}

void end_turn()
{
    if (adding) {
        compensated_add(sum0, partial_sum.x);
        compensated_add(sum1, partial_sum.y);
        compensated_add(moment0, partial_moment.x);
        compensated_add(moment1, partial_moment.y);
    }
}

void main()
{
    find_lane();
    const uint row = linear_group();
    if (row >= rows) {
        return;
    }
    row_begin = logits + 4 * (uint64_t(row) * stride);
    adding = false;
    take_row(vocab);
    largest = lanes_max(max(most.x, most.y));
    adding = true;
    take_row(vocab);
    const float sum = lanes_sum(sum0.x + sum1.x), moment = lanes_sum(moment0.x + moment1.x);
    const float log_sum = precise_log(sum);
    const int   target = floatBitsToInt(Floats(targets).v[first_row + row]);
    const float z = Floats(row_begin).v[max(target, 0)] * inverse_temperature;
    if (lane_is[0]) {
        Floats(logprob).v[first_row + row] = target < 0 ? 0.0 : (z - largest) - log_sum;
        Floats(entropy).v[first_row + row] = log_sum - moment / sum;
        Floats(lse).v[first_row + row] = largest + log_sum;
    }
}
