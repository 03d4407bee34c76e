// dgate = dact up sigmoid(gate) (1 + gate (1 - sigmoid(gate))), dup = dact silu(gate);
// a workgroup per token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer DGateUp { float dgate_up[]; }; // [tokens, 2 ff]: gate, then up
layout(std430, binding = 1) readonly buffer DAct { float dact[]; };         // [tokens, ff]
layout(std430, binding = 2) readonly buffer GateUp { float gate_up[]; };    // [tokens, 2 ff]

layout(push_constant) uniform Push { uint tokens, ff; };

void main()
{
    uint token = linear_group();
    if (token >= tokens) {
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < ff; i += gl_WorkGroupSize.x) {
        uint  at = token * 2 * ff + i;
        float gate = gate_up[at], up = gate_up[at + ff], d = dact[token * ff + i];
        float sigmoid = 1.0 / (1.0 + exp(-gate));
        dgate_up[at] = d * up * sigmoid * (1.0 + gate * (1.0 - sigmoid));
        dgate_up[at + ff] = d * gate * sigmoid;
    }
}
