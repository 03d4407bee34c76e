// Arithmetic of subgroups of any size; every third lane ends before it.
#version 450
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
layout(local_size_x = 128) in;
layout(std430, binding = 0) readonly buffer In { uint numbers[]; };
layout(std430, binding = 1) writeonly buffer Out { uint results[]; };

void main()
{
    const uint i = gl_LocalInvocationIndex, x = numbers[i];
    if (i % 3 == 2)
        return;
    results[i * 8] = uint(subgroupElect());
    results[i * 8 + 1] = uint(subgroupAdd(float(x & 0xff)));
    results[i * 8 + 2] = subgroupMax(x);
    results[i * 8 + 3] = subgroupMin(x);
    results[i * 8 + 4] = subgroupInclusiveAdd(x & 0xff);
    results[i * 8 + 5] = subgroupBroadcast(x, 1);
    results[i * 8 + 6] = gl_SubgroupID * 1000 + gl_SubgroupInvocationID;
    results[i * 8 + 7] = gl_NumSubgroups * 1000 + gl_SubgroupSize;
}
