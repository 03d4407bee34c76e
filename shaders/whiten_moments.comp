// Mean and variance of all tokens whose mask is not 0, in two passes. One workgroup.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "precise.glsl"

layout(constant_id = 1) const bool HAS_MASK = false;
layout(constant_id = 2) const bool UNBIASED = false;

layout(std430, binding = 0) writeonly buffer Moments { float moments[]; };   // [4] mean, variance, factor, count
layout(std430, binding = 1) readonly buffer Advantage { float advantage[]; }; // [tokens]
layout(std430, binding = 2) readonly buffer Mask { float mask[]; };           // [tokens]
layout(push_constant) uniform Push { uint tokens; };

void main()
{
    vec2 sum = vec2(0.0), count = vec2(0.0);
    for (uint t = gl_LocalInvocationID.x; t < tokens; t += gl_WorkGroupSize.x) {
        bool valid = !HAS_MASK || mask[t] != 0.0;
        compensated_add(sum, valid ? advantage[t] : 0.0);
        compensated_add(count, valid ? 1.0 : 0.0);
    }
    float valid_count = workgroup_sum(count.x);
    float mean = workgroup_sum(sum.x) / max(valid_count, 1.0);
    vec2  squares = vec2(0.0);
    for (uint t = gl_LocalInvocationID.x; t < tokens; t += gl_WorkGroupSize.x) {
        bool  valid = !HAS_MASK || mask[t] != 0.0;
        float off = valid ? advantage[t] - mean : 0.0;
        compensated_add(squares, off * off);
    }
    float total = workgroup_sum(squares.x);
    if (gl_LocalInvocationID.x == 0) {
        float variance = total / max(UNBIASED ? valid_count - 1.0 : valid_count, 1.0);
        // A millionth of the mean is no spread but the rounding of the mean: blown up, it would be a signal, and AdamW,
        // which divides by its size, would make whole steps of it.
        bool no_spread = variance <= 1e-12 * mean * mean;
        moments[0] = mean;
        moments[1] = variance;
        moments[2] = no_spread ? 0.0 : 1.0 / sqrt(UNBIASED ? variance + 1e-8 : max(variance, 1e-8));
        moments[3] = valid_count;
    }
}
