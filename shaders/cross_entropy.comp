// dlogprob = -weight; sums += {sum of -weight logprob, sum of weight}. One workgroup.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "precise.glsl"

layout(std430, binding = 0) writeonly buffer Dlogprob { float dlogprob[]; }; // [rows]
layout(std430, binding = 1) buffer Sums { float sums[]; };                   // [2]
layout(std430, binding = 2) readonly buffer Logprob { float logprob[]; };    // [rows]
layout(std430, binding = 3) readonly buffer Weight { float weight[]; };      // [rows], 0: row does not count
layout(push_constant) uniform Push { uint rows; };

void main()
{
    vec2 loss = vec2(0.0), weights = vec2(0.0);
    for (uint row = gl_LocalInvocationID.x; row < rows; row += gl_WorkGroupSize.x) {
        float w = weight[row];
        compensated_add(loss, w == 0.0 ? 0.0 : -w * logprob[row]);
        compensated_add(weights, w);
        dlogprob[row] = -w;
    }
    float loss_sum = workgroup_sum(loss.x);
    float weight_sum = workgroup_sum(weights.x);
    if (gl_LocalInvocationID.x == 0) {
        sums[0] += loss_sum;
        sums[1] += weight_sum;
    }
}
