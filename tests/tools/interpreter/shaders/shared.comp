// What invocations do to each other. CASE: 0 sums in a tree, 1 the same without barriers, 2 each reads its neighbour's
// word of a buffer, 3 with a barrier that speaks of it, 4 atomics, 5 reads what nobody wrote, 6 a barrier that not all
// reach, 7 two invocations write the halves of a word, 8 workgroups write the same word, 9 a subgroup's barrier,
// 10 the same without it, 11 elements outside.
#version 450
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint CASE = 0;
layout(std430, binding = 0) buffer Words { uint words[]; };
layout(std430, binding = 1) buffer Halves { uint16_t halves[]; };
layout(std430, binding = 2) buffer Sum { uint sum; };
layout(push_constant) uniform Push { uint at; };
shared uint tile[128];

void main()
{
    const uint i = gl_LocalInvocationIndex, lane = gl_SubgroupInvocationID;
    switch (CASE) {
    case 0:
    case 1:
        tile[i] = words[i];
        barrier();
        for (uint half_size = 64; half_size > 0; half_size /= 2) {
            if (i < half_size)
                tile[i] += tile[i + half_size];
            if (CASE == 0)
                barrier();
        }
        if (i == 0)
            words[128] = tile[0];
        break;
    case 2:
        words[i] = i;
        barrier(); // of shared memory alone
        halves[i] = uint16_t(words[(i + 1) % 128]);
        break;
    case 3:
        words[i] = i;
        memoryBarrierBuffer();
        barrier();
        halves[i] = uint16_t(words[(i + 1) % 128]);
        break;
    case 4: atomicAdd(sum, i); break;
    case 5:
        if (i != 77)
            tile[i] = i;
        barrier();
        words[i] = tile[i];
        break;
    case 6:
        if (i < 64) {
            tile[i] = i;
            barrier();
        }
        break;
    case 7: halves[i] = uint16_t(i); break;
    case 8: words[i] = gl_WorkGroupID.x; break;
    case 9:
    case 10:
        tile[i] = i * 3;
        if (CASE == 9)
            subgroupBarrier();
        words[i] = tile[i - lane + (lane + 1) % gl_SubgroupSize];
        break;
    default: words[at + i] = i; break;
    }
}
