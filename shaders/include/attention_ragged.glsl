// What attention over packed sequences, forward and backward, shares beside attention.glsl: its push constants, and how
// rows of qkv are read. The files that include it bind qkv2, qkv4 and qkv_texels. Rows that an invocation owns are read
// by OWN_QKV; those that all lanes share by QKV, which is by address where the device has a kernel for that.
//
// One dispatch goes over `turns` of what a tile has to see, from `turned` on; RESUMED: an earlier one went over those
// before, and left its result where this one leaves its own (engine/ops/attention_lanes.c says why).
#ifndef ATTENTION_RAGGED_GLSL
#define ATTENTION_RAGGED_GLSL
#include "common.glsl"
#include "attention.glsl"
#ifdef BY_ADDRESS
#include "addresses.glsl"
#endif

layout(constant_id = 8) const bool RESUMED = false;

layout(push_constant) uniform Push
{
    uint  tile_count;
    float scale;
    uint  turned, turns; // turns: a multiple of BLOCK
#ifdef BY_ADDRESS
    uint64_t qkv_address, do_address, lse_address, delta_address;
#endif
};

#define OWN_QKV(at, i) ROW_QUAD(qkv_texels, qkv4, qkv2, at, i)
#ifdef BY_ADDRESS
#define QKV(at, i) Vec4s(qkv_address).v[bounded((at) / 2) + (i)]
#else
#define QKV(at, i) OWN_QKV(at, i)
#endif

#endif
