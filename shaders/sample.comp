// Draws one token per slot (one workgroup each) from the filtered softmax of its logits
// by inverse CDF in token order. The random number is Philox(seed; 0, position,
// sequence, RANDOM_SAMPLE): it does not depend on the slot or on the batch.
#version 460
#include "common.glsl"
#include "philox.glsl"

layout(std430, binding = 0) writeonly buffer Token { uint token[]; };                // [slots]
layout(std430, binding = 1) writeonly buffer Logprob { float logprob[]; };           // [slots]
layout(std430, binding = 2) writeonly buffer FilteredLogprob { float filtered[]; };  // [slots]
layout(std430, binding = 3) readonly buffer Logits { float logits[]; };              // [slots, stride]
layout(std430, binding = 4) readonly buffer Sequence { uint sequence[]; };           // [slots]
layout(std430, binding = 5) readonly buffer Position { uint position[]; };           // [slots]
layout(push_constant) uniform Push
{
    uint  first_slot, slots, vocab, top_k;
    float temperature; // 0: greedy
    float inverse_temperature, top_p, min_p;
    uint  seed_low, seed_high;
    uint  stride; // of a row of logits
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
    uint  base = slot * stride;
    uint  lane = gl_LocalInvocationID.x;
    float largest = row_largest(base);
    uint  limit = FILTERED ? row_limit(base, largest) : FARTHEST;

    // Invocation i owns the tokens [i length, (i + 1) length).
    uint  length = (vocab + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
    uint  begin = min(lane * length, vocab), end = min(begin + length, vocab);
    vec2  kept_sum = vec2(0.0), sum = vec2(0.0); // of e^(z - largest)
    for (uint j = begin; j < end; j++) {
        float z = tempered(base, j);
        float weight = exp(z - largest);
        compensated_add(sum, weight);
        if (FILTERED) {
            compensated_add(kept_sum, distance_key(largest, z) <= limit ? weight : 0.0);
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
        // Every subgroup walks that segment, a token per invocation. Should the sum not pass
        // the target there (rounding), it is the segment's last token with any mass. gl_SubgroupSize would not do: a
        // device may run fewer invocations together than it says (Intel says 32 and runs 8 or 16).
        uint  width = subgroupMax(gl_SubgroupInvocationID) + 1;
        uint  last = min((owner + 1) * length, vocab);
        bool  passed = false;
        for (uint first = owner * length; first < last && !passed; first += width) {
            uint  j = first + gl_SubgroupInvocationID;
            float z = tempered(base, min(j, last - 1));
            bool  stays = j < last && (!FILTERED || distance_key(largest, z) <= limit);
            float weight = stays ? exp(z - largest) : 0.0;
            float running = start + subgroupInclusiveAdd(weight);
            uint  passing = subgroupMin(weight > 0.0 && running > target ? j : NO_TOKEN);
            uint  massive = subgroupMax(weight > 0.0 ? j + 1 : 0);
            passed = passing != NO_TOKEN;
            chosen = passed ? passing : massive > 0 ? massive - 1 : chosen;
            start += subgroupAdd(weight);
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
