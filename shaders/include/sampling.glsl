// Filtered softmax of one row of logits per workgroup: temperature, top-k, top-p and
// min-p. Each filter keeps the tokens whose tempered logit z is at least some
// threshold, so together they keep z >= the largest of the three: the row is never
// sorted. Tokens equal at a threshold are kept together. Include after common.glsl.
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
const uint LOWEST_FINITE = 0x00800000u; // ordered() of -3.4e38: every finite z is kept, -infinity is not

// A float's bits, so that a < b as floats iff ordered(a) < ordered(b) as integers.
uint ordered(float z)
{
    uint bits = floatBitsToUint(z);
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
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
            reduce4_scratch[gl_SubgroupID].x = uintBitsToFloat(lowest);
        }
        barrier();
        for (uint i = 0; i < gl_NumSubgroups; i++) {
            lowest = min(lowest, floatBitsToUint(reduce4_scratch[i].x));
        }
    }
    return lowest;
}

// The threshold of all filters, as ordered(). Top-k and top-p look for the largest t with
//   sum over {z >= t} of weight >= wanted,   weight = 1 (top-k) or e^(z - largest) (top-p),
// by cutting the integer interval [low, high] in five at a time.
uint row_threshold(uint base, float largest)
{
    uint threshold = LOWEST_FINITE;
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
                mass += ordered(z) >= threshold ? exp(z - largest) : 0.0;
            }
            wanted = top_p * workgroup_sum(mass);
        }
        uint low = threshold, high = max(ordered(largest), threshold);
        while (low < high) {
            uint  step = (high - low) / 5 + 1;
            uvec4 cut = uvec4(low) + step * uvec4(1, 2, 3, 4);
            vec4  sum = vec4(0.0);
            for (uint j = gl_LocalInvocationID.x; j < vocab; j += gl_WorkGroupSize.x) {
                float z = tempered(base, j);
                uint  key = ordered(z);
                float weight = by_count ? 1.0 : exp(z - largest);
                sum += mix(vec4(0.0), vec4(weight), greaterThanEqual(uvec4(key), cut));
            }
            sum = workgroup_sum4(sum);
            bvec4 reached = bvec4(cut.x <= high && sum.x >= wanted, cut.y <= high && sum.y >= wanted,
                                  cut.z <= high && sum.z >= wanted, cut.w <= high && sum.w >= wanted);
            uint  cuts = reached.w ? 4 : reached.z ? 3 : reached.y ? 2 : reached.x ? 1 : 0;
            low += cuts * step;
            high = min(high, low + step - 1);
        }
        threshold = low;
    }
    if (min_p > 0.0) { // p >= min_p p_largest
        threshold = max(threshold, ordered(largest + precise_log(min_p)));
    }
    return min(threshold, ordered(largest)); // the most likely token always stays
}

#endif
