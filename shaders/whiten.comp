// whitened = (advantage - mean) * factor; 0 where the mask is 0.
#version 460
#include "common.glsl"

layout(constant_id = 1) const bool HAS_MASK = false;

layout(std430, binding = 0) writeonly buffer Whitened { float whitened[]; };  // [tokens]
layout(std430, binding = 1) readonly buffer Moments { float moments[]; };     // [4] mean, variance, factor, count
layout(std430, binding = 2) readonly buffer Advantage { float advantage[]; }; // [tokens]
layout(std430, binding = 3) readonly buffer Mask { float mask[]; };           // [tokens]
layout(push_constant) uniform Push { uint tokens; };

void main()
{
    uint t = linear_id();
    if (t < tokens) {
        bool valid = !HAS_MASK || mask[t] != 0.0;
        whitened[t] = valid ? (advantage[t] - moments[0]) * moments[2] : 0.0;
    }
}
