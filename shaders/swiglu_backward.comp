// dgate = dact up sigmoid(gate) (1 + gate (1 - sigmoid(gate))), dup = dact silu(gate);
// a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"
#include "rounding.glsl"
layout(constant_id = 3) const uint STORED = 0; // ComputeType of dgate_up; halves where it is not f32

layout(std430, binding = 0) writeonly buffer DGateUp { float dgate_up[]; }; // [tokens, 2 ff]: gate, then up
layout(std430, binding = 0) writeonly buffer DGateUp4 { vec4 dgate_up4[]; };
layout(std430, binding = 0) writeonly buffer DGateUp2 { uvec2 dgate_up2[]; };
layout(std430, binding = 1) readonly buffer DAct { float dact[]; }; // [tokens, ff]
layout(std430, binding = 1) readonly buffer DAct4 { vec4 dact4[]; };
layout(std430, binding = 2) readonly buffer GateUp { float gate_up[]; }; // [tokens, 2 ff]
layout(std430, binding = 2) readonly buffer GateUp4 { vec4 gate_up4[]; };
layout(binding = 3) uniform textureBuffer dact_texels;
layout(binding = 4) uniform textureBuffer gate_up_texels;

layout(push_constant) uniform Push { uint tokens, ff; }; // ff in units

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < ff; i += gl_WorkGroupSize.x) {
        uint at = token * 2 * ff + i;
        vec4 gate = LOAD(gate_up_texels, gate_up4, gate_up, at);
        vec4 up = LOAD(gate_up_texels, gate_up4, gate_up, at + ff);
        vec4 d = LOAD(dact_texels, dact4, dact, token * ff + i);
        vec4 sigmoid = 1.0 / (1.0 + exp(-gate));
        vec4 dgate = d * up * sigmoid * (1.0 + gate * (1.0 - sigmoid)), dup = d * gate * sigmoid;
        STORE_AS(STORED, dgate_up2, dgate_up4, dgate_up, at, dgate)
        STORE_AS(STORED, dgate_up2, dgate_up4, dgate_up, at + ff, dup)
    }
}
