// Softmax statistics of logits / temperature, one row per workgroup:
//   lse = log sum_j exp(z_j),  logprob = z_target - lse,  entropy = lse - sum_j p_j z_j (nats)
// with z = logits / temperature. The largest z is taken out first, so no row overflows.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "precise.glsl"

layout(std430, binding = 0) writeonly buffer Logprob { float logprob[]; };  // [first_row + rows]
layout(std430, binding = 1) writeonly buffer Entropy { float entropy[]; };  // [first_row + rows]
layout(std430, binding = 2) writeonly buffer Lse { float lse[]; };          // [first_row + rows]
layout(std430, binding = 3) readonly buffer Logits { float logits[]; };     // [rows, stride]
layout(std430, binding = 4) readonly buffer Targets { int targets[]; };     // [first_row + rows], -1: none
layout(push_constant) uniform Push
{
    uint  first_row, rows, vocab, stride;
    float inverse_temperature;
};

void main()
{
    uint row = linear_group();
    if (row >= rows) { // uniform over the workgroup
        return;
    }
    uint  base = row * stride;
    float largest = -3.0e38; // finite, so that -inf - largest is never NaN
    for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
        largest = max(largest, logits[base + j] * inverse_temperature);
    }
    largest = workgroup_max(largest);

    vec2 sums = vec2(0.0), moments = vec2(0.0); // sum of e^x and of x e^x, x = z - largest
    for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
        float x = logits[base + j] * inverse_temperature - largest;
        float e = exp(x);
        compensated_add(sums, e);
        compensated_add(moments, e > 0.0 ? e * x : 0.0);
    }
    float sum = workgroup_sum(sums.x);
    float moment = workgroup_sum(moments.x);

    if (gl_LocalInvocationID.x == 0) {
        float log_sum = precise_log(sum);
        int   target = targets[first_row + row];
        logprob[first_row + row] =
            target < 0 ? 0.0 : (logits[base + uint(target)] * inverse_temperature - largest) - log_sum;
        entropy[first_row + row] = log_sum - moment / sum;
        lse[first_row + row] = largest + log_sum;
    }
}
