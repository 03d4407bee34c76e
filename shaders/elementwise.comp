// y[i] *= a, one unit per invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"

layout(std430, binding = 0) buffer Y { float y[]; }; // [count]
layout(std430, binding = 0) buffer Y4 { vec4 y4[]; };
layout(binding = 1) uniform textureBuffer y_texels;

layout(push_constant) uniform Push
{
    uint  count; // in units
    float a;
};

void main()
{
    uint i = linear_id();
    if (i >= count) {
        return;
    }
    vec4 value = LOAD(y_texels, y4, y, i) * a;
    STORE(y4, y, i, value)
}
