// rope.comp for CPU devices with buffer addresses; a workgroup, one subgroup, per token. Loads are of LANES floats at an address
// that all lanes share: see gemm_lanes.comp. The host makes sure of: half a head a multiple of LANES, all at multiples of 16
// bytes, the rotated heads a multiple of HEADS_A_TURN.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "gemm_lanes.glsl"

layout(constant_id = 1) const bool INVERSE = false;
layout(constant_id = 2) const uint HALF = 32; // head_dim / 2
layout(constant_id = 3) const uint HEADS_A_TURN = 4;
layout(constant_id = 4) const bool ONE_TURN = false; // are all rotated heads
const uint BLOCKS = HALF / LANES;

layout(push_constant) uniform Push
{
    uint64_t qkv, table, position; // [tokens, token_stride]; [positions, head_dim / 2] cos, sin; i32 [tokens]
    uint     tokens, rotated_heads, token_stride, positions;
};

// The loop's counter: see gemm_lanes.comp.
shared uint next_head;

uint64_t row;
float    cosine[BLOCKS], sine[BLOCKS];

void rotate_heads(uint first)
{
    Floats to = Floats(row);
    [[unroll]] for (uint h = 0; h < HEADS_A_TURN; h++) {
        [[unroll]] for (uint b = 0; b < BLOCKS; b++) {
            const uint  at = bounded((first + h) * 2 * HALF + b * LANES), lane = gl_SubgroupInvocationID;
            const float low = lane_values(Vec4s(row), at >> 2), high = lane_values(Vec4s(row), at + HALF >> 2);
            to.v[at + lane] = low * cosine[b] - high * sine[b];
            to.v[at + HALF + lane] = high * cosine[b] + low * sine[b];
        }
    }
}

void main()
{
    find_lane();
    const uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    row = qkv + 4 * (uint64_t(token) * token_stride);
    const uint at = min(floatBitsToUint(Floats(position).v[token]), positions - 1);
    [[unroll]] for (uint b = 0; b < BLOCKS; b++) {
        const vec2 turn = lane_pairs(table + 8 * (uint64_t(at) * HALF), b * LANES);
        cosine[b] = turn.x;
        sine[b] = INVERSE ? -turn.y : turn.y;
    }
    if (ONE_TURN) {
        rotate_heads(0);
        return;
    }
    if (lane_is[0]) {
        next_head = 0;
    }
    uint head;
    do {
        head = next_head;
        if (lane_is[0]) {
            next_head = head + HEADS_A_TURN;
        }
        rotate_heads(head);
    } while (head + HEADS_A_TURN < rotated_heads);
}
