// All halves as floats, and floats as halves.
#version 450
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer In { float floats[]; };
layout(std430, binding = 1) writeonly buffer Out { uvec2 results[]; };

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    results[i] = uvec2(floatBitsToUint(unpackHalf2x16(i << 16).y), packHalf2x16(vec2(0.0, floats[i])) >> 16);
}
