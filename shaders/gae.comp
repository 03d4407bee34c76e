// Generalised advantage estimation (Schulman et al. 2016, equation 16), a reverse scan,
// one sequence per invocation:
//   delta_t = r_t + gamma V_(t+1) - V_t            (V after the end is 0)
//   A_t = delta_t + gamma lambda A_(t+1)           return_t = A'_t + V_t
// where A' is A with lambda_critic in place of lambda.
#version 460
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

const uint AT_ONCE = 16; // tokens of a turn: lavapipe ends loops after 65,535 (engine/ops/ops.h)
layout(constant_id = 1) const bool HAS_VALUES = true; // false: V = 0

layout(std430, binding = 0) writeonly buffer Advantage { float advantage[]; }; // [tokens]
layout(std430, binding = 1) writeonly buffer Returns { float returns[]; };     // [tokens]
layout(std430, binding = 2) readonly buffer Reward { float reward[]; };        // [tokens]
layout(std430, binding = 3) readonly buffer RespStart { uint resp_start[]; };  // [sequences + 1]
layout(std430, binding = 4) readonly buffer Value { float value[]; };          // [tokens]
layout(push_constant) uniform Push
{
    uint  sequences;
    float gamma, gamma_lambda, gamma_lambda_critic;
};

void main()
{
    uint s = linear_id();
    if (s >= sequences) {
        return;
    }
    uint  begin = resp_start[s];
    float next_value = 0.0, actor = 0.0, critic = 0.0;
    for (uint t = resp_start[s + 1]; t > begin;) {
        [[unroll]] for (uint i = 0; i < AT_ONCE; i++) {
            if (t > begin) {
                t--;
                float v = HAS_VALUES ? value[t] : 0.0;
                float delta = reward[t] + gamma * next_value - v;
                actor = delta + gamma_lambda * actor;
                critic = delta + gamma_lambda_critic * critic;
                advantage[t] = actor;
                returns[t] = critic + v;
                next_value = v;
            }
        }
    }
}
