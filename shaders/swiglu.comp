// act = silu(gate) up; a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer Act { float act[]; };       // [tokens, ff]
layout(std430, binding = 1) readonly buffer GateUp { float gate_up[]; }; // [tokens, 2 ff]: gate, then up

layout(push_constant) uniform Push { uint tokens, ff; };

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < ff; i += gl_WorkGroupSize.x) {
        float gate = gate_up[token * 2 * ff + i], up = gate_up[token * 2 * ff + ff + i];
        act[token * ff + i] = gate / (1.0 + exp(-gate)) * up;
    }
}
