// For every row of packed qkv: rotates its query heads in place, and writes its key heads,
// rotated, and its value heads into the cache at position lengths[row] - 1 of its slot, or
// of all its slots. A workgroup per row. Rotation as in rope.comp.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "units.glsl"
#include "rounding.glsl"

layout(constant_id = 3) const uint HEADS = 4;
layout(constant_id = 4) const uint KV_HEADS = 4;
layout(constant_id = 5) const uint HALF = 4;        // head_dim / 2, in units
layout(constant_id = 6) const uint KEY_BLOCK = 1;   // 16: keys by block and dimension, see attention_decode_lanes.comp
layout(constant_id = 7) const bool SHARED = false;  // a row has several slots
layout(constant_id = 8) const uint CACHED = 0;      // ComputeType of the cache; of 16 bits: two to a word, KEY_BLOCK 1
layout(constant_id = 9) const uint KEY_HEADS = 1;   // whose blocks lie side by side, see attention_decode_lanes.comp

layout(std430, binding = 0) buffer Qkv { float qkv[]; }; // [rows, (HEADS + 2 KV_HEADS) 2 HALF]
layout(std430, binding = 0) buffer Qkv4 { vec4 qkv4[]; };
layout(std430, binding = 1) writeonly buffer K { float k_cache[]; };
layout(std430, binding = 1) writeonly buffer K4 { vec4 k_cache4[]; };
layout(std430, binding = 1) writeonly buffer KWords { uint k_words[]; };
layout(std430, binding = 2) writeonly buffer V { float v_cache[]; };
layout(std430, binding = 2) writeonly buffer V4 { vec4 v_cache4[]; };
layout(std430, binding = 2) writeonly buffer VWords { uint v_words[]; };
layout(std430, binding = 3) readonly buffer Lengths { uint lengths[]; };  // [rows]; 0: idle
layout(std430, binding = 4) readonly buffer Slots { uint slots[]; };      // [rows]
layout(std430, binding = 5) readonly buffer Table { vec2 table[]; };      // [positions, head_dim / 2] cos, sin
layout(std430, binding = 5) readonly buffer Table4 { vec4 table4[]; };
layout(std430, binding = 6) readonly buffer Starts { uint target_starts[]; }; // SHARED: [rows], where a row's slots begin
layout(std430, binding = 7) readonly buffer Ends { uint target_ends[]; };     // SHARED: [rows], and end
layout(std430, binding = 8) readonly buffer Targets { uint targets[]; };      // SHARED: slots
layout(binding = 9) uniform textureBuffer qkv_texels;
layout(binding = 10) uniform textureBuffer table_texels;

layout(push_constant) uniform Push { uint rows, max_length, first_slot, slot_count; }; // slots of the bound piece

const uint STRIDE = (HEADS + 2 * KV_HEADS) * 2 * HALF; // a row, in units
const uint HEAD_DIM = 2 * HALF * UNIT;

void turn(uint at, out vec4 cosine, out vec4 sine)
{
    if (UNIT == 4) { // two quads hold the cos, sin pairs of four angles
        vec4 a = TEXELS ? texelFetch(table_texels, int(2 * at)) : table4[2 * at];
        vec4 b = TEXELS ? texelFetch(table_texels, int(2 * at + 1)) : table4[2 * at + 1];
        cosine = vec4(a.xz, b.xz);
        sine = vec4(a.yw, b.yw);
    } else {
        cosine = vec4(table[at].x);
        sine = vec4(table[at].y);
    }
}

// Where key `position` of a head lies in a slot's cache, in rows of the slots [0, slot) and the heads before; of blocks.
uint row_of(uint slot, uint head, uint position)
{
    uint beside = head % KEY_HEADS;
    return (slot * KV_HEADS + head - beside) * max_length + (position / KEY_BLOCK * KEY_HEADS + beside) * KEY_BLOCK +
           position % KEY_BLOCK;
}

// Unit `unit` of key head `head` at `position`.
void store_key(uint slot, uint head, uint position, uint unit, vec4 value)
{
    uint row = row_of(slot, head, position);
    if (KEY_BLOCK == 1) {
        uint at = row * 2 * HALF + unit;
        STORE(k_cache4, k_cache, at, value)
    } else {
        uint in_block = position % KEY_BLOCK, at = (row - in_block) * HEAD_DIM + unit * UNIT * KEY_BLOCK + in_block;
        for (uint i = 0; i < UNIT; i++) {
            k_cache[at + i * KEY_BLOCK] = value[i];
        }
    }
}

// Float `i` of the head at float `head` of qkv, rotated; the table's row starts at `angle`.
float rotated(uint head, uint angle, uint i)
{
    const uint half_dim = HEAD_DIM / 2, pair = i % half_dim;
    vec2  turn = table[angle + pair];
    float low = qkv[head + pair], high = qkv[head + pair + half_dim];
    return i < half_dim ? low * turn.x - high * turn.y : high * turn.x + low * turn.y;
}

// Two neighbours a time; all in floats, not units.
void store_words(uint row, uint keys, uint values, uint angle, uint position, uint begin, uint end)
{
    for (uint i = gl_LocalInvocationID.x; i < KV_HEADS * (HEAD_DIM / 2); i += gl_WorkGroupSize.x) {
        uint head = i / (HEAD_DIM / 2), word = i % (HEAD_DIM / 2), key = keys + head * HEAD_DIM;
        uint k = compute_bits(CACHED, rotated(key, angle, 2 * word)) | compute_bits(CACHED, rotated(key, angle, 2 * word + 1)) << 16;
        uint v = compute_bits(CACHED, qkv[values + 2 * i]) | compute_bits(CACHED, qkv[values + 2 * i + 1]) << 16;
        for (uint t = begin; t < end; t++) {
            uint slot = (SHARED ? targets[t] : slots[row]) - first_slot;
            if (slot < slot_count) {
                uint to = ((slot * KV_HEADS + head) * max_length + position) * (HEAD_DIM / 2) + word;
                k_words[to] = k;
                v_words[to] = v;
            }
        }
    }
}

void main()
{
    uint row = linear_group();
    if (row >= rows) {
        return;
    }
    uint length = lengths[row];
    if (length == 0 || length > max_length) {
        return;
    }
    uint position = length - 1, angle = position * HALF, base = row * STRIDE;
    if (slots[row] - first_slot < slot_count) { // one piece turns the queries
        for (uint i = gl_LocalInvocationID.x; i < HEADS * HALF; i += gl_WorkGroupSize.x) {
            uint at = base + i / HALF * 2 * HALF + i % HALF;
            vec4 cosine, sine;
            turn(angle + i % HALF, cosine, sine);
            vec4 low = LOAD(qkv_texels, qkv4, qkv, at), high = LOAD(qkv_texels, qkv4, qkv, at + HALF);
            STORE(qkv4, qkv, at, low * cosine - high * sine)
            STORE(qkv4, qkv, at + HALF, high * cosine + low * sine)
        }
    }
    uint keys = base + HEADS * 2 * HALF, values = keys + KV_HEADS * 2 * HALF;
    uint begin = SHARED ? target_starts[row] : 0, end = SHARED ? target_ends[row] : 1;
    if (CACHED != COMPUTE_F32) {
        store_words(row, keys * UNIT, values * UNIT, angle * UNIT, position, begin, end);
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < KV_HEADS * HALF; i += gl_WorkGroupSize.x) {
        uint head = i / HALF, unit = i % HALF, at = head * 2 * HALF + unit;
        vec4 cosine, sine;
        turn(angle + unit, cosine, sine);
        vec4 low = LOAD(qkv_texels, qkv4, qkv, keys + at), high = LOAD(qkv_texels, qkv4, qkv, keys + at + HALF);
        vec4 turned_low = low * cosine - high * sine, turned_high = high * cosine + low * sine;
        vec4 value_low = LOAD(qkv_texels, qkv4, qkv, values + at), value_high = LOAD(qkv_texels, qkv4, qkv, values + at + HALF);
        for (uint t = begin; t < end; t++) {
            uint slot = (SHARED ? targets[t] : slots[row]) - first_slot;
            if (slot < slot_count) {
                store_key(slot, head, position, unit, turned_low);
                store_key(slot, head, position, unit + HALF, turned_high);
                uint to = row_of(slot, head, position) * 2 * HALF + unit;
                STORE(v_cache4, v_cache, to, value_low)
                STORE(v_cache4, v_cache, to + HALF, value_high)
            }
        }
    }
}
