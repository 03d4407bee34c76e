// What the attention kernels share: shape, tiles, and how rows are read.
//
// Packed qkv holds, per token, HEADS query heads, KV_HEADS key heads and KV_HEADS
// value heads of HEAD_DIM floats. A tile is a run of consecutive tokens of one
// sequence; an invocation owns PER_LANE of them, of one head. In the kernels for CPU
// devices it has them in registers and reads the other side (keys for a query, queries
// for a key) at addresses that are the same for all invocations, each value being used
// PER_LANE times; loops over it clamp the address, because CPU devices may run the body
// once more with no invocation active. GPUs: attention_tiles.glsl.
//
// A row is QUADS vec4; where head_dim is not a multiple of 4 the last ends in two
// zeros. `at` counts pairs of floats, because such rows start at odd pairs.
#ifndef ATTENTION_GLSL
#define ATTENTION_GLSL
#extension GL_EXT_control_flow_attributes : require

layout(constant_id = 1) const uint HEADS = 4;
layout(constant_id = 2) const uint KV_HEADS = 4;
layout(constant_id = 3) const uint HEAD_DIM = 32;
layout(constant_id = 4) const uint PARTS = 1;     // workgroups that share a tile
layout(constant_id = 5) const uint PER_LANE = 1;  // tokens an invocation owns
#ifndef USUAL_BLOCK
#define USUAL_BLOCK 2
#endif
layout(constant_id = 6) const uint BLOCK = USUAL_BLOCK; // tokens of the other side taken at once
layout(constant_id = 7) const bool TEXELS = false; // read through texel buffers

const uint PAIRS = HEAD_DIM / 2; // head_dim is even
const uint QUADS = (HEAD_DIM + 3) / 4;
const bool WHOLE = HEAD_DIM % 4 == 0;
const uint GROUP = HEADS / KV_HEADS;                // query heads per key head
const uint STRIDE = (HEADS + 2 * KV_HEADS) * PAIRS; // a token of qkv
const uint KEYS = HEADS * PAIRS;                    // where a token's keys start
const uint VALUES = (HEADS + KV_HEADS) * PAIRS;

const float NEVER = -1e30; // a score that contributes nothing
const float LOG2_E = 1.4426950408889634, LN_2 = 0.6931471805599453;

struct Tile {
    uint first, count; // tokens
    uint begin, end;   // the sequence they belong to
};

// Quad i of the row at pair `at` of a buffer seen as texels, vec4 and vec2.
#define ROW_QUAD(texels, quads, pairs, at, i)                                                                          \
    (TEXELS  ? texelFetch(texels, int((at) / 2 + (i)))                                                                 \
     : WHOLE ? quads[(at) / 2 + (i)]                                                                                   \
             : vec4(pairs[(at) + 2 * (i)], 2 * (i) + 1 < PAIRS ? pairs[(at) + 2 * (i) + 1] : vec2(0.0)))

float sum4(vec4 v) { return (v.x + v.y) + (v.z + v.w); }

#endif
