// Attention of rows of queries over the cache of their slots, for GPUs. A workgroup owns a (row, key head, segment of
// SEGMENT keys) and TOGETHER of the query heads that share the key head, so that keys and values, which are what a step
// of decoding reads, come from memory once for all of these. Keys go through shared memory, CHUNK vectors of a row at a
// time, and an invocation scores one of them against every query; then an invocation adds up one vector of the rows of
// values, of every SLICES-th key. With more than one segment the result is a part that attention_merge.comp finishes.
//
// A vector is 16 bytes of a row: one quad of floats, or two of halves.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "attention.glsl"
#include "reduce.glsl"
#include "reduce4.glsl"
#include "rounding.glsl"

layout(constant_id = 8) const uint SEGMENT = 512;
layout(constant_id = 9) const bool PARTS_OUT = false;
layout(constant_id = 10) const uint CACHED = 0;   // ComputeType of the cache
layout(constant_id = 11) const uint TOGETHER = 1; // the last of a key head may be fewer

layout(std430, binding = 0) writeonly buffer O { float o[]; };     // [rows, HEADS, HEAD_DIM], or parts
layout(std430, binding = 1) readonly buffer Qkv2 { vec2 qkv2[]; }; // [rows, STRIDE]
layout(std430, binding = 1) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 2) readonly buffer KWords { uint k_words[]; }; // [slots, KV_HEADS, max_length, WORDS]
layout(std430, binding = 2) readonly buffer KVectors { uvec4 k_vectors[]; };
layout(std430, binding = 3) readonly buffer VWords { uint v_words[]; }; // the same
layout(std430, binding = 3) readonly buffer VVectors { uvec4 v_vectors[]; };
layout(std430, binding = 4) readonly buffer Lengths { uint lengths[]; }; // [rows]; 0: idle
layout(std430, binding = 5) readonly buffer Slots { uint slots[]; };     // [rows]

layout(push_constant) uniform Push
{
    uint  first_row, rows, max_length, first_slot, slot_count, segments;
    float scale;
};

const bool HALVES = CACHED != COMPUTE_F32;
const uint WORDS = HALVES ? PAIRS : HEAD_DIM, VECTORS = (WORDS + 3) / 4; // of a row of the cache
const uint PER = HALVES ? 2 : 1;                                         // quads of a vector
const uint BUNDLES = (GROUP + TOGETHER - 1) / TOGETHER;                  // of the query heads of a key head
const uint FOURS = (TOGETHER + 3) / 4;
const uint THREADS = gl_WorkGroupSize.x, SLICES = THREADS / VECTORS; // 1 or more
const uint CHUNK = 4, PITCH = CHUNK + 1; // the same vector of eight rows lies in different banks
const uint MERGED = PITCH / PER;         // query heads whose sums fit where keys were staged
const uint AT_ONCE = 4;                  // keys whose values are on their way together

shared uvec4 staged[THREADS * PITCH];
shared vec4  weights[SEGMENT * FOURS]; // first the scores

// Vector i of the row of keys, or of values, at word `at`; zeros behind its end.
#define ROW_VECTOR(name, vectors, words)                                                                               \
    uvec4 name(uint at, uint i)                                                                                        \
    {                                                                                                                  \
        if (WORDS % 4 == 0) {                                                                                          \
            return vectors[at / 4 + i];                                                                                \
        }                                                                                                              \
        uvec4 value = uvec4(0);                                                                                        \
        [[unroll]] for (uint w = 0; w < 4; w++) {                                                                      \
            value[w] = 4 * i + w < WORDS ? words[at + 4 * i + w] : 0;                                                  \
        }                                                                                                              \
        return value;                                                                                                  \
    }
ROW_VECTOR(key_vector, k_vectors, k_words)
ROW_VECTOR(value_vector, v_vectors, v_words)

vec2 two(uint word)
{
    return CACHED == COMPUTE_BF16 ? vec2(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000u)) : unpackHalf2x16(word);
}

vec4 quad_of(uvec4 vector, uint i)
{
    if (!HALVES) {
        return uintBitsToFloat(vector);
    }
    return i == 0 ? vec4(two(vector.x), two(vector.y)) : vec4(two(vector.z), two(vector.w));
}

// Quad i of the query at pair `at`, 0 behind its end.
vec4 query_quad(uint at, uint i)
{
    if (i >= QUADS) {
        return vec4(0.0);
    }
    return WHOLE ? qkv4[at / 2 + i] : vec4(qkv2[at + 2 * i], 2 * i + 1 < PAIRS ? qkv2[at + 2 * i + 1] : vec2(0.0));
}

// What the workgroup is about: see main.
uint lane = gl_LocalInvocationID.x, row, segment, first_head, last_head;
uint base, begin, end; // the word where the slot's rows of the key head start; keys
vec4 largest[FOURS], total[FOURS];
vec4 sums[TOGETHER * PER]; // of the invocation's vector

uint o_start(uint head)
{
    return PARTS_OUT ? (((row - first_row) * HEADS + head) * segments + segment) * (HEAD_DIM + 2)
                     : (row * HEADS + head) * HEAD_DIM;
}

uint head_of(uint g) { return min(first_head + g, last_head); } // those behind the last are the last once more

// weights = scores of the keys, in units of log2 e; largest = those of the invocation.
void find_scores()
{
    [[unroll]] for (uint f = 0; f < FOURS; f++) {
        largest[f] = vec4(NEVER);
    }
    [[dont_unroll]] for (uint first = begin; first < end; first += THREADS) {
        vec4 score[FOURS];
        [[unroll]] for (uint f = 0; f < FOURS; f++) {
            score[f] = vec4(0.0);
        }
        [[dont_unroll]] for (uint vector = 0; vector < VECTORS; vector += CHUNK) {
            uvec4 carried[CHUNK];
            [[unroll]] for (uint e = 0; e < CHUNK; e++) {
                const uint at = e * THREADS + lane, key = min(first + at / CHUNK, end - 1), i = vector + at % CHUNK;
                carried[e] = VECTORS % CHUNK == 0 || i < VECTORS ? key_vector(base + key * WORDS, i) : uvec4(0);
            }
            barrier(); // all have done with what is staged
            [[unroll]] for (uint e = 0; e < CHUNK; e++) {
                const uint at = e * THREADS + lane;
                staged[at / CHUNK * PITCH + at % CHUNK] = carried[e];
            }
            barrier();
            [[unroll]] for (uint i = 0; i < CHUNK; i++) {
                const uvec4 key = staged[lane * PITCH + i];
                [[unroll]] for (uint j = 0; j < PER; j++) {
                    const vec4 k = quad_of(key, j);
                    [[unroll]] for (uint g = 0; g < TOGETHER; g++) {
                        const vec4 q = query_quad(row * STRIDE + head_of(g) * PAIRS, (vector + i) * PER + j);
                        float s = score[g / 4][g % 4];
                        s = fma(q.x, k.x, s);
                        s = fma(q.y, k.y, s);
                        s = fma(q.z, k.z, s);
                        score[g / 4][g % 4] = fma(q.w, k.w, s);
                    }
                }
            }
        }
        if (first + lane < end) {
            [[unroll]] for (uint f = 0; f < FOURS; f++) {
                const vec4 s = score[f] * (scale * LOG2_E);
                weights[(first - begin + lane) * FOURS + f] = s;
                largest[f] = max(largest[f], s);
            }
        }
    }
}

// weights = e^(score - largest), and their total. An invocation's keys are those that it has scored.
void find_weights()
{
    [[unroll]] for (uint f = 0; f < FOURS; f++) {
        largest[f] = workgroup_max4(largest[f]);
        total[f] = vec4(0.0);
    }
    for (uint key = lane; key < end - begin; key += THREADS) {
        [[unroll]] for (uint f = 0; f < FOURS; f++) {
            const vec4 weight = exp2(weights[key * FOURS + f] - largest[f]);
            weights[key * FOURS + f] = weight;
            total[f] += weight;
        }
    }
    [[unroll]] for (uint f = 0; f < FOURS; f++) {
        total[f] = workgroup_sum4(total[f]);
    }
    barrier();
}

// sums = those of the invocation's slice of the keys.
void add_values(uint slice, uint vector)
{
    const uint count = end - begin;
    [[unroll]] for (uint i = 0; i < TOGETHER * PER; i++) {
        sums[i] = vec4(0.0);
    }
    for (uint first = slice; first < count; first += AT_ONCE * SLICES) {
        uvec4 values[AT_ONCE];
        [[unroll]] for (uint u = 0; u < AT_ONCE; u++) {
            values[u] = value_vector(base + (begin + min(first + u * SLICES, count - 1)) * WORDS, vector);
        }
        [[unroll]] for (uint u = 0; u < AT_ONCE; u++) {
            const uint key = first + u * SLICES;
            vec4 weight[FOURS];
            [[unroll]] for (uint f = 0; f < FOURS; f++) {
                weight[f] = key < count ? weights[min(key, count - 1) * FOURS + f] : vec4(0.0);
            }
            [[unroll]] for (uint j = 0; j < PER; j++) {
                const vec4 v = quad_of(values[u], j);
                [[unroll]] for (uint g = 0; g < TOGETHER; g++) {
                    sums[g * PER + j] = fma(vec4(weight[g / 4][g % 4]), v, sums[g * PER + j]);
                }
            }
        }
    }
}

// That of query head g. What is indexed by a constant alone stays in registers, on NVIDIA's cards too.
float of_head(const vec4 of[FOURS], uint g)
{
    float value = 0.0;
    [[unroll]] for (uint i = 0; i < TOGETHER; i++) {
        value = i == g ? of[i / 4][i % 4] : value;
    }
    return value;
}

// The slices meet in shared memory, MERGED heads at a time.
void put_down()
{
    [[dont_unroll]] for (uint first = 0; first < TOGETHER; first += MERGED) {
        barrier();
        [[unroll]] for (uint g = 0; g < TOGETHER; g++) {
            if (g >= first && g < first + MERGED) {
                [[unroll]] for (uint j = 0; j < PER; j++) {
                    staged[((g - first) * PER + j) * THREADS + lane] = floatBitsToUint(sums[g * PER + j]);
                }
            }
        }
        barrier();
        [[dont_unroll]] for (uint g = first; g < min(first + MERGED, TOGETHER) && first_head + g <= last_head; g++) {
            const uint o_at = o_start(first_head + g);
            const float whole = of_head(total, g);
            for (uint e = lane; e < VECTORS * PER; e += THREADS) {
                vec4 sum = vec4(0.0);
                for (uint s = 0; s < SLICES; s++) {
                    sum += uintBitsToFloat(staged[((g - first) * PER + e % PER) * THREADS + s * VECTORS + e / PER]);
                }
                sum = PARTS_OUT ? sum : sum / whole;
                [[unroll]] for (uint c = 0; c < 4; c++) {
                    if (4 * e + c < HEAD_DIM) {
                        o[o_at + 4 * e + c] = sum[c];
                    }
                }
            }
            if (PARTS_OUT && lane == 0) {
                o[o_at + HEAD_DIM] = of_head(largest, g);
                o[o_at + HEAD_DIM + 1] = whole;
            }
        }
    }
}

void main()
{
    const uint group = linear_group(), bundles = KV_HEADS * BUNDLES;
    if (group >= rows * bundles * segments) {
        return;
    }
    const uint bundle = group / segments % bundles, kv_head = bundle / BUNDLES;
    row = first_row + group / (segments * bundles);
    segment = group % segments;
    first_head = kv_head * GROUP + bundle % BUNDLES * TOGETHER;
    last_head = min(first_head + TOGETHER, (kv_head + 1) * GROUP) - 1;
    const uint length = min(lengths[row], max_length), slot = slots[row] - first_slot;
    begin = segment * SEGMENT;
    end = min(length, begin + SEGMENT);
    if (slot >= slot_count || (begin >= end && segment > 0)) {
        return;
    }
    if (length == 0) {
        for (uint head = first_head; head <= last_head; head++) {
            for (uint i = lane; i < HEAD_DIM + (PARTS_OUT ? 2 : 0); i += THREADS) {
                o[o_start(head) + i] = 0.0;
            }
        }
        return;
    }
    base = (slot * KV_HEADS + kv_head) * max_length * WORDS;
    find_scores();
    find_weights();
    if (lane < SLICES * VECTORS) {
        add_values(lane / VECTORS, lane % VECTORS);
    }
    put_down();
}
