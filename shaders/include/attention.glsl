// What the attention kernels share: the shape, tiles and rows as vec2 or vec4.
//
// Packed qkv holds, per token, HEADS query heads, KV_HEADS key heads and KV_HEADS
// value heads of HEAD_DIM floats. A tile is up to one workgroup of consecutive
// tokens of one sequence; an invocation owns one of them, of one head. The other
// side (keys for a query, queries for a key) is read at addresses that are the
// same for all invocations. Loops over it clamp the address, because CPU devices
// may run the body once more with no invocation active.
#ifndef ATTENTION_GLSL
#define ATTENTION_GLSL
#extension GL_EXT_control_flow_attributes : require

layout(constant_id = 1) const uint HEADS = 4;
layout(constant_id = 2) const uint KV_HEADS = 4;
layout(constant_id = 3) const uint HEAD_DIM = 32;

const uint PAIRS = HEAD_DIM / 2;                    // head_dim is even
const uint GROUP = HEADS / KV_HEADS;                // query heads per key head
const uint STRIDE = (HEADS + 2 * KV_HEADS) * PAIRS; // a token of qkv
const uint KEYS = HEADS * PAIRS;                    // where a token's keys start
const uint VALUES = (HEADS + KV_HEADS) * PAIRS;

struct Tile {
    uint first, count;   // tokens
    uint begin, end;     // the sequence they belong to
};

const float NEVER = -1e30; // a score that contributes nothing

#endif
