// The clipped value loss per token,
//   loss = 0.5 max((v - R)^2, (v_old + clip(v - v_old, -c, c) - R)^2),
// its derivative in v and, per workgroup of BLOCK tokens, the partial sums of ValueStats
// (engine/ops/value_loss.h). Tokens of weight 0 do not count anywhere.
#version 460
#include "common.glsl"
#include "reduce.glsl"
#include "reduce4.glsl"
#include "precise.glsl"

layout(constant_id = 1) const uint BLOCK = 512;

layout(std430, binding = 0) writeonly buffer Dvalue { float dvalue[]; };   // [tokens]
layout(std430, binding = 1) writeonly buffer Partial { vec4 partial[]; };  // [blocks, 4]
layout(std430, binding = 2) readonly buffer Value { float value[]; };      // [tokens]
layout(std430, binding = 3) readonly buffer OldValue { float old_value[]; }; // [tokens]
layout(std430, binding = 4) readonly buffer Returns { float returns[]; };  // [tokens]
layout(std430, binding = 5) readonly buffer Weight { float weight[]; };    // [tokens]
layout(push_constant) uniform Push
{
    uint  tokens;
    float clip; // 0: no clipping
};

void main()
{
    uint block = linear_group();
    if (block * BLOCK >= tokens) { // uniform over the workgroup
        return;
    }
    uint end = min((block + 1) * BLOCK, tokens);
    vec4 sums[2] = vec4[2](vec4(0.0), vec4(0.0));
    for (uint t = block * BLOCK + gl_LocalInvocationID.x; t < end; t += gl_WorkGroupSize.x) {
        float w = weight[t];
        float v = value[t], old = old_value[t], target = returns[t];
        float off = v - target;
        float off_clipped = clip > 0.0 ? old + clamp(v - old, -clip, clip) - target : off;
        bool  out_of_range = clip > 0.0 && abs(v - old) > clip;
        bool  is_clipped = out_of_range && off_clipped * off_clipped > off * off;
        bool  finite = is_finite(off) && is_finite(off_clipped);
        // A token that is not finite must make the gradient not finite, so that the step is skipped.
        dvalue[t] = w == 0.0 ? 0.0 : !finite ? uintBitsToFloat(0x7FC00000u) : is_clipped ? 0.0 : w * off;
        if (w != 0.0 && finite) {
            float worst = is_clipped ? off_clipped : off;
            float old_off = target - old;
            sums[0].xyz += vec3(1.0, w * 0.5 * worst * worst, is_clipped ? 1.0 : 0.0);
            sums[1] += vec4(target, target * target, old_off, old_off * old_off);
        } else if (w != 0.0) {
            sums[0].w += 1.0;
        }
    }
    vec4 total0 = workgroup_sum4(sums[0]), total1 = workgroup_sum4(sums[1]);
    if (gl_LocalInvocationID.x == 0) {
        partial[4 * block] = total0;
        partial[4 * block + 1] = total1;
        partial[4 * block + 2] = vec4(0.0);
        partial[4 * block + 3] = vec4(0.0);
    }
}
