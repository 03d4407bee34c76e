#version 450
#extension GL_GOOGLE_include_directive : require
// x[i] = start + i: the smallest kernel, for tests of engine/vk.
#include "common.glsl"
layout(push_constant) uniform Push { uint count; float start; };
layout(std430, binding = 0) writeonly buffer X { float x[]; };
void main()
{
    uint i = linear_id();
    if (i < count) {
        x[i] = start + float(i);
    }
}
