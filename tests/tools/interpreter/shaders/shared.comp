// What invocations do to each other. CASE: 0 sums in a tree, 1 the same without barriers, 2 each reads its neighbour's
// word of a buffer, 3 with a barrier that speaks of it, 4 atomics, 5 reads what nobody wrote, 6 a barrier that not all
// reach, 7 two invocations write the halves of a word, 8 workgroups write the same word, 9 a subgroup's barrier,
// 10 the same without it, 11 elements outside, 12 waits for what nobody writes, 13 four invocations write a vector's
// components, 14 all of them the same one, 15 one reads two others than another writes, 16 it loads the whole vector.
#version 450
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint CASE = 0;
layout(std430, binding = 0) buffer Words { uint words[]; };
layout(std430, binding = 1) buffer Halves { uint16_t halves[]; };
layout(std430, binding = 2) buffer Sum { uint sum; };
layout(std430, binding = 1) buffer Vectors { uvec4 vectors[]; };
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
    case 12:
        while (atomicOr(sum, 0) == 0) {
        }
        break;
    case 13: vectors[i / 4][i & 3] = i; break;
    case 14: vectors[i / 4].y = i; break;
    case 15:
        if ((i & 3) == 0)
            vectors[i / 4].w = i;
        else if ((i & 3) == 1)
            words[i / 4] = vectors[i / 4].x + vectors[i / 4].z;
        break;
    case 16:
        if ((i & 3) == 0)
            vectors[i / 4].w = i;
        else if ((i & 3) == 1) {
            const uvec4 vector = vectors[i / 4];
            words[i / 4]       = vector.x + vector.z;
        }
        break;
    default: words[at + i] = i; break;
    }
}
