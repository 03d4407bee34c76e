// Estimators of KL(policy || reference) from one token, d = logprob - ref_logprob
// (Schulman 2020, "Approximating KL divergence"):
//   k1 = d,   k2 = d^2 / 2,   k3 = e^-d - 1 + d
// and their derivatives in logprob. Include precise.glsl first.
#ifndef KL_GLSL
#define KL_GLSL

const uint KL_K1 = 1, KL_K2 = 2, KL_K3 = 3; // KlEstimator in engine/ops/kl.h

// e^-d grows without limit where the policy avoids what the reference does: cut at e^20.
float kl_inverse_ratio(float d) { return precise_exp(min(-d, 20.0)); }

float kl_estimate(uint estimator, float d)
{
    return estimator == KL_K1 ? d : estimator == KL_K2 ? 0.5 * d * d : kl_inverse_ratio(d) - 1.0 + d;
}

float kl_derivative(uint estimator, float d)
{
    return estimator == KL_K1 ? 1.0 : estimator == KL_K2 ? d : 1.0 - kl_inverse_ratio(d);
}

#endif
