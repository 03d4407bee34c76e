// AdamW (Loshchilov & Hutter 2019, algorithm 2), one parameter per invocation:
//   g <- clip coefficient * g
//   p <- p (1 - lr wd)                       for the first decay_count parameters
//   m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
//   p <- p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// The factors come from the host, computed in double.
#version 460
#include "common.glsl"

layout(std430, binding = 0) buffer Parameter { float parameter[]; };        // [count]
layout(std430, binding = 1) buffer FirstMoment { float first_moment[]; };   // [count]
layout(std430, binding = 2) buffer SecondMoment { float second_moment[]; }; // [count]
layout(std430, binding = 3) readonly buffer Gradient { float gradient[]; }; // [count]
layout(std430, binding = 4) readonly buffer Norm                            // GradNorm in engine/ops/adamw.h
{
    float norm;
    float coefficient;
    uint  not_finite;
};
layout(push_constant) uniform Push
{
    uint  count, decay_count;
    float decay;                // 1 - lr wd
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float step_size;            // lr / (1 - beta1^t)
    float inverse_root;         // 1 / sqrt(1 - beta2^t)
    float eps;
};

void main()
{
    uint i = linear_id();
    if (i >= count || not_finite != 0) {
        return;
    }
    float g = gradient[i] * coefficient;
    float m = beta1 * first_moment[i] + one_minus_beta1 * g;
    float v = beta2 * second_moment[i] + one_minus_beta2 * g * g;
    float p = parameter[i] * (i < decay_count ? decay : 1.0);
    parameter[i] = p - step_size * m / (sqrt(v) * inverse_root + eps);
    first_moment[i] = m;
    second_moment[i] = v;
}
