// act = silu(gate) up; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"
#include "rounding.glsl"
layout(constant_id = 3) const uint STORED = 0; // ComputeType of act; halves where it is not f32

layout(std430, binding = 0) writeonly buffer Act { float act[]; }; // [tokens, ff]
layout(std430, binding = 0) writeonly buffer Act4 { vec4 act4[]; };
layout(std430, binding = 0) writeonly buffer Act2 { uvec2 act2[]; };
layout(std430, binding = 1) readonly buffer GateUp { float gate_up[]; }; // [tokens, 2 ff]: gate, then up
layout(std430, binding = 1) readonly buffer GateUp4 { vec4 gate_up4[]; };
layout(binding = 2) uniform textureBuffer gate_up_texels;

layout(push_constant) uniform Push { uint tokens, ff; }; // ff in units

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < ff; i += gl_WorkGroupSize.x) {
        vec4 gate = LOAD(gate_up_texels, gate_up4, gate_up, token * 2 * ff + i);
        vec4 up = LOAD(gate_up_texels, gate_up4, gate_up, token * 2 * ff + ff + i);
        vec4 value = gate / (1.0 + exp(-gate)) * up;
        STORE_AS(STORED, act2, act4, act, token * ff + i, value)
    }
}
