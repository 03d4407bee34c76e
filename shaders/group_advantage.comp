// Advantage of one sequence against the others of its group (the samples of one
// prompt), one sequence per invocation. Everything is relative to the sequence's own
// score, so that a group without spread gives exactly 0 and not magnified rounding.
#version 460
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

const uint AT_ONCE = 8; // sequences of a turn: lavapipe ends loops after 65,535 (engine/ops/ops.h)

const uint CENTER = 0, GRPO = 1, RLOO = 2; // GroupForm in engine/ops/group_advantage.h
layout(constant_id = 1) const uint FORM = CENTER;

layout(std430, binding = 0) writeonly buffer Advantage { float advantage[]; }; // [sequences]
layout(std430, binding = 1) readonly buffer Score { float score[]; };          // [sequences]
layout(std430, binding = 2) readonly buffer Group { uint group_of[]; };        // [sequences]
layout(push_constant) uniform Push
{
    uint  sequences;
    float eps;
};

void main()
{
    uint s = linear_id();
    if (s >= sequences) {
        return;
    }
    uint  mine = group_of[s];
    float own = score[s], sum = 0.0, count = 0.0;
    for (uint first = 0; first < sequences; first += AT_ONCE) { // the same address in all invocations
        [[unroll]] for (uint i = 0; i < AT_ONCE; i++) {
            uint j = min(first + i, sequences - 1);
            bool member = group_of[j] == mine && first + i < sequences;
            sum += member ? score[j] - own : 0.0;
            count += member ? 1.0 : 0.0;
        }
    }
    float mean = sum / count; // of score - own
    float value = -mean;
    if (FORM == RLOO) {
        value = count > 1.0 ? -sum / (count - 1.0) : 0.0;
    } else if (FORM == GRPO) {
        float squares = 0.0;
        for (uint first = 0; first < sequences; first += AT_ONCE) {
            [[unroll]] for (uint i = 0; i < AT_ONCE; i++) {
                uint j = min(first + i, sequences - 1);
                float off = score[j] - own - mean;
                squares += group_of[j] == mine && first + i < sequences ? off * off : 0.0;
            }
        }
        float variance = squares / max(count - 1.0, 1.0);
        value = -mean / (sqrt(variance) + eps);
    }
    advantage[s] = value;
}
