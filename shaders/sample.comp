// Draws one token per slot (one workgroup each) from the filtered softmax of its logits
// by inverse CDF in token order. The random number is Philox(seed; 0, position,
// sequence, RANDOM_SAMPLE): it does not depend on the slot or on the batch.
#version 460
#include "common.glsl"
#include "philox.glsl"

layout(std430, binding = 0) writeonly buffer Token { uint token[]; };                // [slots]
layout(std430, binding = 1) writeonly buffer Logprob { float logprob[]; };           // [slots]
layout(std430, binding = 2) writeonly buffer FilteredLogprob { float filtered[]; };  // [slots]
layout(std430, binding = 3) readonly buffer Logits { float logits[]; };              // [slots, vocab]
layout(std430, binding = 4) readonly buffer Sequence { uint sequence[]; };           // [slots]
layout(std430, binding = 5) readonly buffer Position { uint position[]; };           // [slots]
layout(push_constant) uniform Push
{
    uint  first_slot, slots, vocab, top_k;
    float temperature; // 0: greedy
    float inverse_temperature, top_p, min_p;
    uint  seed_low, seed_high;
};

#include "sampling.glsl"

layout(constant_id = 2) const bool HAS_FILTERED_LOGPROB = false;

const uint RANDOM_SAMPLE = 2; // engine/random.h

shared float segment_mass[256];

void main()
{
    uint slot = linear_group();
    if (slot >= slots) {
        return;
    }
    uint  base = slot * vocab;
    uint  lane = gl_LocalInvocationID.x;
    float largest = row_largest(base);
    uint  threshold = FILTERED ? row_threshold(base, largest) : LOWEST_FINITE;

    // Invocation i owns the tokens [i length, (i + 1) length).
    uint  length = (vocab + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
    uint  begin = min(lane * length, vocab), end = min(begin + length, vocab);
    vec2  kept_sum = vec2(0.0), sum = vec2(0.0); // of e^(z - largest)
    for (uint j = begin; j < end; j++) {
        float z = tempered(base, j);
        float weight = exp(z - largest);
        compensated_add(sum, weight);
        if (FILTERED) {
            compensated_add(kept_sum, ordered(z) >= threshold ? weight : 0.0);
        }
    }
    segment_mass[lane] = FILTERED ? kept_sum.x : sum.x;
    float all = workgroup_sum(sum.x);
    barrier();

    uint chosen = NO_TOKEN;
    float kept = 0.0; // over the whole row, in token order
    for (uint i = 0; i < gl_WorkGroupSize.x; i++) {
        kept += segment_mass[i];
    }
    if (temperature == 0.0) {
        chosen = row_argmax(base, largest);
    } else {
        uvec2 key = uvec2(seed_low, seed_high);
        uvec4 random = philox4x32(uvec4(0, position[first_slot + slot], sequence[first_slot + slot], RANDOM_SAMPLE), key);
        float target = uniform24(random.x) * kept;
        // The first segment in which the running sum passes the target. Rounding may
        // keep it from passing: then the last segment that has any mass.
        float below = 0.0, start = 0.0;
        uint  owner = 0;
        for (uint i = 0; i < gl_WorkGroupSize.x; i++) {
            if (below <= target && segment_mass[i] > 0.0) {
                owner = i;
                start = below;
            }
            below += segment_mass[i];
        }
        // Every invocation walks that segment: the loads are then uniform. Likewise,
        // the last token with any mass, if the sum does not pass the target.
        vec2  running = vec2(start, 0.0);
        uint  last = min((owner + 1) * length, vocab);
        for (uint j = min(owner * length, vocab); j < last && running.x <= target; j++) {
            float z = tempered(base, j);
            float weight = ordered(z) >= threshold ? exp(z - largest) : 0.0;
            compensated_add(running, weight);
            chosen = weight > 0.0 ? j : chosen;
        }
    }
    if (lane == 0) {
        bool  found = chosen != NO_TOKEN; // else a row without a finite logit: NaN tells the host
        float x = found ? tempered(base, chosen) - largest : uintBitsToFloat(0x7FC00000u);
        token[first_slot + slot] = found ? chosen : 0;
        logprob[first_slot + slot] = x - precise_log(all);
        if (HAS_FILTERED_LOGPROB) {
            filtered[first_slot + slot] = temperature == 0.0 ? 0.0 : x - precise_log(kept);
        }
    }
}
