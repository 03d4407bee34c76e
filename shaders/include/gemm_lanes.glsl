// Vectors from addresses that are the same for all lanes: see gemm_lanes.comp.
#ifndef GEMM_LANES_GLSL
#define GEMM_LANES_GLSL

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Vec4s { vec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Floats { float v[]; };
const uint LANES = gl_WorkGroupSize.x;

// An index that is known not to wrap, so that constants added to it become immediates.
uint bounded(uint index) { return index & 0x00ffffffu; }

// lane i gets the i-th float at p.v[at]; LANES is 4, 8 or 16.
float lane_values(Vec4s p, uint at)
{
    const uint lane = gl_SubgroupInvocationID;
    const vec4 x = p.v[at];
    float value = x.x;
    value = lane == 1 ? x.y : value;
    value = lane == 2 ? x.z : value;
    value = lane == 3 ? x.w : value;
    [[unroll]] for (uint q = 1; q < LANES / 4; q++) {
        const vec4 y = p.v[at + q];
        value = lane == 4 * q ? y.x : value;
        value = lane == 4 * q + 1 ? y.y : value;
        value = lane == 4 * q + 2 ? y.z : value;
        value = lane == 4 * q + 3 ? y.w : value;
    }
    return value;
}

// lane i gets p.v[at + i * pitch]: four k of one column each
vec4 lane_rows(Vec4s p, uint at, uint pitch)
{
    const uint lane = gl_SubgroupInvocationID;
    vec4 value = p.v[at];
    [[unroll]] for (uint i = 1; i < LANES; i++) {
        const vec4 x = p.v[at + i * pitch];
        value = lane == i ? x : value;
    }
    return value;
}

#endif
