// kl = estimator of KL(policy || reference), per token.
#version 460
#include "common.glsl"
#include "precise.glsl"
#include "kl.glsl"

layout(constant_id = 1) const uint ESTIMATOR = KL_K1;

layout(std430, binding = 0) writeonly buffer Kl { float kl[]; };                  // [tokens]
layout(std430, binding = 1) readonly buffer Logprob { float logprob[]; };         // [tokens]
layout(std430, binding = 2) readonly buffer RefLogprob { float ref_logprob[]; };  // [tokens]
layout(push_constant) uniform Push { uint tokens; };

void main()
{
    uint t = linear_id();
    if (t < tokens) {
        kl[t] = kl_estimate(ESTIMATOR, logprob[t] - ref_logprob[t]);
    }
}
