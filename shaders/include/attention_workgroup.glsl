// What a workgroup of the attention kernels for GPUs is about, and what it reads and writes. The including shader binds
// qkv2, qkv4 and tiles, and, if it defines HAS_OUTPUT_GRADIENT, do2 and do4; OWN tokens are a workgroup's.
#ifndef ATTENTION_WORKGROUP_GLSL
#define ATTENTION_WORKGROUP_GLSL

layout(push_constant) uniform Push
{
    uint  tile_count;
    float scale;
};

// What is read: see quad_of.
const uint QUERY = 0, KEY = 1, VALUE = 2, OUTPUT_GRADIENT = 3;

// What the workgroup is about: see find_own.
uint head, kv_head;       // among the query and the key heads; of kernels that own keys, main sets `head`
uint own_first, own_last; // tokens, both inclusive
uint begin, end;          // of the sequence

// Quad i of the row at pair `at` of a buffer seen as vec4 and vec2.
#define ROW_OF(quads, pairs, at, i)                                                                                    \
    (WHOLE ? quads[(at) / 2 + (i)]                                                                                     \
           : vec4(pairs[(at) + 2 * (i)], 2 * (i) + 1 < PAIRS ? pairs[(at) + 2 * (i) + 1] : vec2(0.0)))

// And writes it, nothing behind the row's end.
#define WRITE_QUAD(pairs, at, i, quad)                                                                                 \
    if (2 * (i) < PAIRS) {                                                                                             \
        pairs[(at) + 2 * (i)] = (quad).xy;                                                                             \
    }                                                                                                                  \
    if (2 * (i) + 1 < PAIRS) {                                                                                         \
        pairs[(at) + 2 * (i) + 1] = (quad).zw;                                                                         \
    }

// Quad i of a token's row; 0 behind its end. `which` is a literal.
vec4 quad_of(const uint which, uint token, uint i)
{
    if (i >= QUADS) {
        return vec4(0.0);
    }
#ifdef HAS_OUTPUT_GRADIENT
    if (which == OUTPUT_GRADIENT) {
        return ROW_OF(do4, do2, (token * HEADS + head) * PAIRS, i);
    }
#endif
    const uint at = which == QUERY ? head * PAIRS : which == KEY ? KEYS + kv_head * PAIRS : VALUES + kv_head * PAIRS;
    return ROW_OF(qkv4, qkv2, token * STRIDE + at, i);
}

// Finds what is a workgroup's; false: nothing. `own_keys`: it owns tokens of a key head, else of a query head.
bool find_own(uint group, const bool own_keys)
{
    const uint heads = own_keys ? KV_HEADS : HEADS, per_tile = heads * PARTS;
    if (group >= tile_count * per_tile) {
        return false;
    }
    // The longest jobs first: a query sees what is before it, a key is seen by what is after it.
    const uint i = group / per_tile;
    const Tile tile = tiles[own_keys ? i : tile_count - 1 - i];
    kv_head = own_keys ? group % heads : group % heads / GROUP;
    head = own_keys ? kv_head * GROUP : group % heads;
    own_first = tile.first + group / heads % PARTS * OWN;
    own_last = min(own_first + OWN, tile.first + tile.count) - 1;
    begin = tile.begin;
    end = tile.end;
    return own_first < tile.first + tile.count;
}

#endif
