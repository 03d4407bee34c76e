// Filtered softmax of one row of logits per workgroup: temperature, top-k, top-p and
// min-p. Each filter keeps the tokens whose tempered logit z is within some distance of
// the largest, so together they keep those within the smallest of the three distances:
// the row is never sorted. Include after common.glsl.
//
// Needs, declared by the including shader: float logits[] ([slots, vocab]), and from
// the push constants uint vocab, top_k, float temperature, inverse_temperature, top_p, min_p.
#ifndef SAMPLING_GLSL
#define SAMPLING_GLSL
#include "reduce.glsl"
#include "reduce4.glsl"
#include "precise.glsl"

layout(constant_id = 1) const bool FILTERED = true; // false: no filter is on, their code falls away

const uint NO_TOKEN = 0xFFFFFFFFu;
const uint FARTHEST = 0x7D7FFFFFu; // distance_key() of the largest finite distance

// An integer that grows with largest - z: fixed-point steps of 2^-25 up to 32, so that
// cutting an interval of keys in parts splits the tokens evenly, the float's bits above.
// -infinity is beyond FARTHEST. Tokens with the same key are kept or dropped together.
uint distance_key(float largest, float z)
{
    float distance = largest - z;
    return distance < 32.0 ? uint(distance * 33554432.0) : floatBitsToUint(distance) - 0x42000000u + 0x40000000u;
}

// The tempered logit; NaN counts as -infinity and +infinity as 3e38, so that a broken
// row still gives a token of the vocabulary.
float tempered(uint base, uint j)
{
    float z = logits[base + j] * inverse_temperature;
    uint  bits = floatBitsToUint(z);
    bool  is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return is_nan ? uintBitsToFloat(0xFF800000u) : min(z, 3.0e38);
}

// Largest z of the row.
float row_largest(uint base)
{
    float largest = -3.0e38; // finite: -infinity - largest must not be NaN
    for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
        largest = max(largest, tempered(base, j));
    }
    return workgroup_max(largest);
}

shared uint lowest_scratch[256]; // not floats: small tokens would be denormal ones, which a device may flush to 0

// Lowest token whose z is `largest`; NO_TOKEN if there is none (a row of -infinity).
uint row_argmax(uint base, float largest)
{
    uint lowest = NO_TOKEN;
    for (uint j = gl_LocalInvocationID.x; j < vocab && lowest == NO_TOKEN; j += gl_WorkGroupSize.x) {
        lowest = tempered(base, j) == largest ? j : lowest;
    }
    lowest = subgroupMin(lowest);
    if (gl_NumSubgroups > 1) {
        barrier();
        if (subgroupElect()) {
            lowest_scratch[gl_SubgroupID] = lowest;
        }
        barrier();
        for (uint i = 0; i < gl_NumSubgroups; i++) {
            lowest = min(lowest, lowest_scratch[i]);
        }
    }
    return lowest;
}

// The largest distance_key() that all filters keep. Top-k and top-p look for the smallest t with
//   sum over {key <= t} of weight >= wanted,   weight = 1 (top-k) or e^(z - largest) (top-p).
// t is in [low, high], which is cut in five until one token is left in it.
uint row_limit(uint base, float largest)
{
    uint limit = FARTHEST;
    for (uint stage = 0; stage < 2; stage++) {
        bool by_count = stage == 0;
        if (by_count ? top_k == 0 || top_k >= vocab : !(top_p < 1.0)) {
            continue;
        }
        float wanted = float(top_k);
        if (!by_count) { // top-p is a share of what top-k left
            float mass = 0.0;
            for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
                float z = tempered(base, j);
                mass += distance_key(largest, z) <= limit ? exp(z - largest) : 0.0;
            }
            wanted = top_p * workgroup_sum(mass);
        }
        uint  low = 0, high = limit;
        float count_below = 0.0, count_high = 3.0e38; // tokens with key < low, key <= high
        while (low < high && count_high - count_below > 1.0) {
            uint  step = (high - low) / 5 + 1;
            uvec4 cut = uvec4(low - 1) + step * uvec4(1, 2, 3, 4);
            vec4  sum = vec4(0.0), count = vec4(0.0);
            for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
                float z = tempered(base, j);
                bvec4 inside = lessThanEqual(uvec4(distance_key(largest, z)), cut);
                float weight = by_count ? 1.0 : exp(z - largest);
                sum += mix(vec4(0.0), vec4(weight), inside);
                count += mix(vec4(0.0), vec4(1.0), inside);
            }
            sum = workgroup_sum4(sum);
            count = workgroup_sum4(count);
            for (int i = 3; i >= 0; i--) { // the lowest cut that reaches is the new high
                if (cut[i] < high && sum[i] >= wanted) {
                    high = cut[i];
                    count_high = count[i];
                }
            }
            for (int i = 0; i < 4; i++) { // the highest cut that does not is below the new low
                if (cut[i] < high && sum[i] < wanted) {
                    low = cut[i] + 1;
                    count_below = count[i];
                }
            }
        }
        limit = high;
    }
    if (min_p > 0.0) { // p >= min_p p_largest
        limit = min(limit, distance_key(0.0, min(precise_log(min_p), 0.0)));
    }
    return limit;
}

#endif
