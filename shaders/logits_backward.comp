// Gradient with respect to the logits, in place, one row per workgroup:
//   dlogit_j = (g (1[j = target] - p_j) - e p_j (log p_j + H)) / temperature
// with g = dL/dlogprob, e = dL/dentropy, p = softmax(logits / temperature), H its entropy.
#version 460
#include "common.glsl"

layout(constant_id = 1) const bool HAS_ENTROPY = true; // false: e = 0, `dentropy` is not read

layout(std430, binding = 0) buffer Logits { float logits[]; };              // [rows, stride]
layout(std430, binding = 1) readonly buffer Lse { float lse[]; };           // [first_row + rows]
layout(std430, binding = 2) readonly buffer Entropy { float entropy[]; };   // [first_row + rows]
layout(std430, binding = 3) readonly buffer Targets { int targets[]; };     // [first_row + rows], -1: gradient 0
layout(std430, binding = 4) readonly buffer Dlogprob { float dlogprob[]; }; // [first_row + rows]
layout(std430, binding = 5) readonly buffer Dentropy { float dentropy[]; }; // [first_row + rows]
layout(push_constant) uniform Push
{
    uint  first_row, rows, vocab, stride;
    float inverse_temperature;
};

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint  base = row * stride;
    int   target = targets[first_row + row];
    float g = target < 0 ? 0.0 : dlogprob[first_row + row] * inverse_temperature;
    float e = HAS_ENTROPY && target >= 0 ? dentropy[first_row + row] * inverse_temperature : 0.0;
    if (g == 0.0 && e == 0.0) { // masked row: 0 even where the logits are not finite
        for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
            logits[base + j] = 0.0;
        }
        return;
    }
    float row_lse = lse[first_row + row];
    float row_entropy = HAS_ENTROPY ? entropy[first_row + row] : 0.0;
    for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
        float logp = logits[base + j] * inverse_temperature - row_lse;
        float p = exp(logp);
        float gradient = (int(j) == target ? g : 0.0) - g * p;
        if (HAS_ENTROPY) {
            gradient -= p > 0.0 ? e * p * (logp + row_entropy) : 0.0;
        }
        logits[base + j] = gradient;
    }
}
