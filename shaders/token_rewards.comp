// reward_t = -kl_coef kl_t, plus score_s at the last token of sequence s.
#version 460
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer Reward { float reward[]; };   // [tokens]
layout(std430, binding = 1) readonly buffer Kl { float kl[]; };            // [tokens], not read if kl_coef is 0
layout(std430, binding = 2) readonly buffer Score { float score[]; };      // [sequences]
layout(std430, binding = 3) readonly buffer RespStart { uint resp_start[]; };  // [sequences + 1]
layout(std430, binding = 4) readonly buffer Sequence { uint sequence_of[]; };  // [tokens]
layout(push_constant) uniform Push
{
    uint  tokens;
    float kl_coef;
};

void main()
{
    uint t = linear_id();
    if (t >= tokens) {
        return;
    }
    uint  s = sequence_of[t];
    float value = kl_coef != 0.0 ? -kl_coef * kl[t] : 0.0;
    reward[t] = value + (t + 1 == resp_start[s + 1] ? score[s] : 0.0);
}
