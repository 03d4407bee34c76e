// The distribution that sample.comp draws from, one row per workgroup, and which tokens
// the filters keep (a kept token may have a probability that is 0 in f32).
#version 460
#include "common.glsl"

layout(std430, binding = 0) writeonly buffer Probability { float probability[]; }; // [slots, vocab]
layout(std430, binding = 1) writeonly buffer Keep { uint keep[]; };                // [slots, vocab], 0 or 1
layout(std430, binding = 2) readonly buffer Logits { float logits[]; };            // [slots, vocab]
layout(push_constant) uniform Push
{
    uint  first_slot, slots, vocab, top_k;
    float temperature;
    float inverse_temperature, top_p, min_p;
    uint  seed_low, seed_high;
};

#include "sampling.glsl"

void main()
{
    uint slot = linear_group();
    if (slot >= slots) {
        return;
    }
    uint  base = slot * vocab;
    float largest = row_largest(base);
    uint  limit = FILTERED ? row_limit(base, largest) : FARTHEST;
    uint  greedy = temperature == 0.0 ? row_argmax(base, largest) : NO_TOKEN;
    float kept = 0.0;
    for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
        float z = tempered(base, j);
        kept += distance_key(largest, z) <= limit ? exp(z - largest) : 0.0;
    }
    kept = workgroup_sum(kept);
    for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
        float z = tempered(base, j);
        bool  stays = temperature == 0.0 ? j == greedy : distance_key(largest, z) <= limit;
        keep[base + j] = stays ? 1 : 0;
        probability[base + j] = !stays ? 0.0 : temperature == 0.0 ? 1.0 : exp(z - largest) / kept;
    }
}
