// norm = sqrt(sum of partial sums of squares) and the clip coefficient
// min(1, max_norm / (norm + 1e-6)), both of gradients that still are to be multiplied by `unscale`; one workgroup. A norm that is not finite gives
// coefficient 0 and the mark that makes adamw skip the step.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "precise.glsl"

layout(std430, binding = 0) writeonly buffer Norm // GradNorm in engine/ops/adamw.h
{
    float norm;
    float coefficient;
    uint  not_finite;
    uint  unused;
};
layout(std430, binding = 1) readonly buffer Partial { float partial[]; }; // [blocks]
layout(push_constant) uniform Push
{
    uint  blocks;
    float max_norm; // 0: no clipping
    float unscale;  // a power of two
};

void main()
{
    vec2 sums = vec2(0.0);
    for (uint i = gl_LocalInvocationID.x; i < blocks; i += gl_WorkGroupSize.x) {
        compensated_add(sums, partial[i]);
    }
    float sum = workgroup_sum(sums.x);
    if (gl_LocalInvocationID.x == 0) {
        float root = sqrt(sum) * unscale;
        bool  finite = is_finite(sum);
        norm = finite ? root : sum;
        coefficient = finite ? (max_norm > 0.0 ? min(1.0, max_norm / (root + 1e-6)) : 1.0) * unscale : 0.0;
        not_finite = finite ? 0 : 1;
        unused = 0;
    }
}
