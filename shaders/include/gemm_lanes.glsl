// Vectors from addresses that are the same for all lanes: see gemm_lanes.comp.
#ifndef GEMM_LANES_GLSL
#define GEMM_LANES_GLSL

#include "addresses.glsl"

const uint LANES = gl_WorkGroupSize.x;
const uint PANEL = 2 * LANES; // columns of a panel, see gemm_pack.comp

// Which lane this is: lane_is[i] says whether it is the i-th. To be computed at the top of main: what is computed in a loop
// and used after it, or after it too, is no constant any more but a masked vector, and then selects are not folded to
// vector loads.
bool lane_is[16];

void find_lane()
{
    [[unroll]] for (uint i = 0; i < LANES; i++) {
        lane_is[i] = gl_SubgroupInvocationID == i;
    }
}

// lane i gets the i-th float at p.v[at]; LANES is 4, 8 or 16. Of buffers that the kernel does not write, and that it does.
#define LANE_VALUES(name, Rows)                                                                                        \
    float name(Rows p, uint at)                                                                                        \
    {                                                                                                                  \
        const vec4 x = p.v[at];                                                                                        \
        float value = x.x;                                                                                             \
        value = lane_is[1] ? x.y : value;                                                                              \
        value = lane_is[2] ? x.z : value;                                                                              \
        value = lane_is[3] ? x.w : value;                                                                              \
        [[unroll]] for (uint q = 1; q < LANES / 4; q++) {                                                              \
            const vec4 y = p.v[at + q];                                                                                \
            value = lane_is[4 * q] ? y.x : value;                                                                      \
            value = lane_is[4 * q + 1] ? y.y : value;                                                                  \
            value = lane_is[4 * q + 2] ? y.z : value;                                                                  \
            value = lane_is[4 * q + 3] ? y.w : value;                                                                  \
        }                                                                                                              \
        return value;                                                                                                  \
    }
LANE_VALUES(lane_values, Vec4s)
LANE_VALUES(written_values, Written)

// Lane i gets the i-th pair of floats from the at-th on.
vec2 lane_pairs(uint64_t floats, uint at)
{
    Pairs p = Pairs(floats);
    uint64_t value = p.v[at];
    [[unroll]] for (uint i = 1; i < LANES; i++) {
        const uint64_t x = p.v[at + i];
        value = lane_is[i] ? x : value;
    }
    return uintBitsToFloat(unpackUint2x32(value));
}

// A lane owns two neighbouring columns of a panel, so that it writes 64 bits at a time: those of PANEL floats, which start at
// the at-th pair.
vec2 lane_columns(uint64_t floats, uint at) { return lane_pairs(floats, at); }

// Two floats as 64 bits, to be stored at `address`, whose first bit is never set: the instruction that packs sixteen of each
// overruns a table of Mesa 26.2's compiler, which knows a shift by 32 for the same, but not one by a number it cannot tell.
uint64_t pair_bits(vec2 x, uint64_t address)
{
    return LANES <= 8 ? packUint2x32(floatBitsToUint(x))
                      : uint64_t(floatBitsToUint(x.x)) | uint64_t(floatBitsToUint(x.y)) << (32 + uint(address >> 63));
}

// Columns [begin, PANEL) of them.
void store_columns(uint64_t floats, uint at, vec2 x, uint begin)
{
    const uint lane = gl_SubgroupInvocationID;
    Pairs p = Pairs(floats);
    if (2 * lane >= begin) {
        p.v[at + lane] = pair_bits(x, floats);
    }
}

#endif
