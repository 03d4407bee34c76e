// token_value[t] = value of the sequence that token t belongs to.
#version 460
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer TokenValue { float token_value[]; };      // [tokens]
layout(std430, binding = 1) readonly buffer SequenceValue { float sequence_value[]; }; // [sequences]
layout(std430, binding = 2) readonly buffer Sequence { uint sequence_of[]; };          // [tokens]
layout(push_constant) uniform Push { uint tokens; };

void main()
{
    uint t = linear_id();
    if (t < tokens) {
        token_value[t] = sequence_value[sequence_of[t]];
    }
}
