// Integers of 32 and 64 bits and floats, RESULTS words of each pair.
#version 450
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer In { uvec2 pairs[]; };
layout(std430, binding = 1) writeonly buffer Out { uint results[]; };
const uint RESULTS = 24;

void main()
{
    const uint i = gl_GlobalInvocationID.x, to = i * RESULTS;
    const uint x = pairs[i].x, y = pairs[i].y, d = y | 1;
    const int sx = int(x), sd = int(y) | 1;
    const float f = uintBitsToFloat((x & 0x007fffffu) | 0x3f800000u), g = uintBitsToFloat((y & 0x007fffffu) | 0x40000000u);
    const uint64_t wide = (uint64_t(x) << 32) | uint64_t(y);
    uint low, high;
    umulExtended(x, y, high, low);
    const vec4 v = vec4(f, g, f + g, f - g);
    results[to] = x + y;
    results[to + 1] = x * y;
    results[to + 2] = x / d;
    results[to + 3] = x % d;
    results[to + 4] = uint(sx / sd);
    results[to + 5] = uint(sx >> (y & 31));
    results[to + 6] = x << (y & 31);
    results[to + 7] = high;
    results[to + 8] = low;
    results[to + 9] = uint((wide * 0x9e3779b97f4a7c15ul) >> 17);
    results[to + 10] = uint((wide % uint64_t(d)) >> 1);
    results[to + 11] = floatBitsToUint(f + g);
    results[to + 12] = floatBitsToUint(f * g);
    results[to + 13] = floatBitsToUint(f / g);
    results[to + 14] = floatBitsToUint(fma(f, g, -v[(x >> 3) & 3])); // an index that is known only now
    results[to + 15] = floatBitsToUint(roundEven(f * 1024.0 + 0.5));
    results[to + 16] = uint(floor(-f * 3.0));
    results[to + 17] = x < y ? uint(sx < int(y)) : 2 + uint(sx >= int(y));
    results[to + 18] = bitCount(x) + uint(findMSB(y | 1));
    results[to + 19] = floatBitsToUint(sqrt(f) + inversesqrt(g));
    results[to + 20] = floatBitsToUint(dot(v, v.wzyx));
    results[to + 21] = uint(clamp(sx, -100, 100));
    results[to + 22] = floatBitsToUint(float(sx));
    results[to + 23] = uint(f * 1e6);
}
