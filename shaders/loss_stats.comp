// stats[k] += sum over blocks of partial[block, k], one k per workgroup; the entry
// MAX_ENTRY takes the maximum instead.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "precise.glsl"

layout(constant_id = 1) const uint MAX_ENTRY = 0xFFFFFFFFu;

layout(std430, binding = 0) buffer Stats { float stats[]; };              // [16]
layout(std430, binding = 1) readonly buffer Partial { float partial[]; }; // [blocks, 16]
layout(push_constant) uniform Push { uint blocks; };

void main()
{
    uint  k = linear_group();
    vec2  sum = vec2(0.0);
    float largest = 0.0;
    for (uint block = gl_LocalInvocationID.x; block < blocks; block += gl_WorkGroupSize.x) {
        float value = partial[16 * block + k];
        compensated_add(sum, value);
        largest = max(largest, value);
    }
    float total = workgroup_sum(sum.x);
    largest = workgroup_max(largest);
    if (gl_LocalInvocationID.x == 0) {
        stats[k] = k == MAX_ENTRY ? max(stats[k], largest) : stats[k] + total;
    }
}
