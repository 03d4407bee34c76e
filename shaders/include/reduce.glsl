// Sums and maxima over a workgroup, for any subgroup size. Every invocation must
// call them (no early return before), and each receives the result. Include after
// common.glsl. On a CPU device the workgroup is one subgroup and the shared stage
// falls away.
#ifndef REDUCE_GLSL
#define REDUCE_GLSL
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require

shared float reduce_scratch[256];

float workgroup_sum(float value)
{
    value = subgroupAdd(value);
    if (gl_NumSubgroups == 1) {
        return value;
    }
    barrier();
    if (subgroupElect()) {
        reduce_scratch[gl_SubgroupID] = value;
    }
    barrier();
    float total = 0.0;
    for (uint i = 0; i < gl_NumSubgroups; i++) {
        total += reduce_scratch[i];
    }
    return total;
}

float workgroup_max(float value)
{
    value = subgroupMax(value);
    if (gl_NumSubgroups == 1) {
        return value;
    }
    barrier();
    if (subgroupElect()) {
        reduce_scratch[gl_SubgroupID] = value;
    }
    barrier();
    float largest = reduce_scratch[0];
    for (uint i = 1; i < gl_NumSubgroups; i++) {
        largest = max(largest, reduce_scratch[i]);
    }
    return largest;
}

#endif
