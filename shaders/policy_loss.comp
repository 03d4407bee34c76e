// The clipped policy loss of PPO (Schulman et al. 2017, equation 7) per token,
//   rho = e^(new - old),  loss = -min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A),
// with an optional KL loss to the reference and an entropy bonus; writes
// dL/dlogprob and dL/dentropy and, per workgroup of BLOCK tokens, the partial sums of
// PolicyStats (engine/ops/policy_loss.h). Tokens of weight 0 do not count anywhere.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "reduce4.glsl"
#include "precise.glsl"
#include "kl.glsl"

layout(constant_id = 1) const uint BLOCK = 512;
layout(constant_id = 2) const bool HAS_DENTROPY = false;
layout(constant_id = 3) const uint KL_ESTIMATOR = 0; // 0: no reference, `ref_logprob` is not read

layout(std430, binding = 0) writeonly buffer Dlogprob { float dlogprob[]; };     // [tokens]
layout(std430, binding = 1) writeonly buffer Dentropy { float dentropy[]; };     // [tokens]
layout(std430, binding = 2) writeonly buffer Partial { vec4 partial[]; };        // [blocks, 4]
layout(std430, binding = 3) readonly buffer Logprob { float logprob[]; };        // [tokens]
layout(std430, binding = 4) readonly buffer Entropy { float entropy[]; };        // [tokens]
layout(std430, binding = 5) readonly buffer OldLogprob { float old_logprob[]; }; // [tokens]
layout(std430, binding = 6) readonly buffer RefLogprob { float ref_logprob[]; }; // [tokens]
layout(std430, binding = 7) readonly buffer Advantage { float advantage[]; };    // [tokens]
layout(std430, binding = 8) readonly buffer Weight { float weight[]; };          // [tokens]
layout(push_constant) uniform Push
{
    uint  tokens;
    float clip_low, clip_high, kl_coef, entropy_coef;
};

const float LOG_RATIO_LIMIT = 20.0; // keeps rho A finite; far outside any clip range

void main()
{
    uint block = linear_group();
    if (block * BLOCK >= tokens) { // uniform over the workgroup
        return;
    }
    uint end = min((block + 1) * BLOCK, tokens);
    vec4 sums[4] = vec4[4](vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
    float ratio_max = 0.0;
    for (uint t = block * BLOCK + gl_LocalInvocationID.x; t < end; t += gl_WorkGroupSize.x) {
        float w = weight[t];
        float l = logprob[t] - old_logprob[t];
        float ratio = precise_exp(clamp(l, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT));
        float a = advantage[t];
        float unclipped = ratio * a;
        float clipped = clamp(ratio, 1.0 - clip_low, 1.0 + clip_high) * a;
        bool  is_clipped = clipped < unclipped;
        float derivative = is_clipped ? 0.0 : -unclipped;
        float kl = 0.0;
        if (KL_ESTIMATOR != 0) {
            float d = logprob[t] - ref_logprob[t];
            kl = kl_estimate(KL_ESTIMATOR, d);
            derivative += kl_coef * kl_derivative(KL_ESTIMATOR, d);
        }
        bool finite = is_finite(l) && is_finite(a) && is_finite(kl);
        // A token that is not finite must make the gradient not finite, so that the step is skipped.
        dlogprob[t] = w == 0.0 ? 0.0 : finite ? w * derivative : uintBitsToFloat(0x7FC00000u);
        if (HAS_DENTROPY) {
            dentropy[t] = -entropy_coef * w;
        }
        if (w != 0.0 && finite) {
            float out_of_range = ratio < 1.0 - clip_low || ratio > 1.0 + clip_high ? 1.0 : 0.0;
            sums[0] += vec4(1.0, -w * min(unclipped, clipped), entropy[t], ratio);
            sums[1] += vec4(is_clipped ? 1.0 : 0.0, out_of_range, -l, 0.5 * l * l);
            sums[2] += vec4(ratio - 1.0 - l, kl, w * kl, w * entropy[t]);
            ratio_max = max(ratio_max, ratio);
        } else if (w != 0.0) {
            sums[3].x += 1.0;
        }
    }
    vec4 total0 = workgroup_sum4(sums[0]), total1 = workgroup_sum4(sums[1]);
    vec4 total2 = workgroup_sum4(sums[2]), total3 = workgroup_sum4(sums[3]);
    total3.y = workgroup_max(ratio_max);
    if (gl_LocalInvocationID.x == 0) {
        partial[4 * block] = total0;
        partial[4 * block + 1] = total1;
        partial[4 * block + 2] = total2;
        partial[4 * block + 3] = total3;
    }
}
