// Sum of squares of one block of BLOCK gradients per workgroup.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "precise.glsl"

layout(constant_id = 1) const uint BLOCK = 8192;

layout(std430, binding = 0) writeonly buffer Partial { float partial[]; };  // [first_block + ceil(count / BLOCK)]
layout(std430, binding = 1) readonly buffer Gradient { float gradient[]; }; // [count]
layout(push_constant) uniform Push { uint first_block, count; };

void main()
{
    uint block = linear_group();
    if (block * BLOCK >= count) { // uniform over the workgroup; count < 2^30
        return;
    }
    uint  begin = block * BLOCK;
    uint  end = min(begin + BLOCK, count);
    vec2  sums = vec2(0.0);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        float g = gradient[i];
        compensated_add(sums, g * g);
    }
    float sum = workgroup_sum(sums.x);
    if (gl_LocalInvocationID.x == 0) {
        partial[first_block + block] = sum;
    }
}
