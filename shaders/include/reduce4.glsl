// Four sums or maxima over a workgroup at once; same rules as reduce.glsl, which comes first.
#ifndef REDUCE4_GLSL
#define REDUCE4_GLSL

shared vec4 reduce4_scratch[gl_WorkGroupSize.x]; // of subgroups, one invocation each at least

vec4 workgroup_sum4(vec4 value)
{
    value = subgroupAdd(value);
    if (gl_NumSubgroups == 1) {
        return value;
    }
    barrier();
    if (subgroupElect()) {
        reduce4_scratch[gl_SubgroupID] = value;
    }
    barrier();
    vec4 total = vec4(0.0);
    for (uint i = 0; i < gl_NumSubgroups; i++) {
        total += reduce4_scratch[i];
    }
    return total;
}

vec4 workgroup_max4(vec4 value)
{
    value = subgroupMax(value);
    if (gl_NumSubgroups == 1) {
        return value;
    }
    barrier();
    if (subgroupElect()) {
        reduce4_scratch[gl_SubgroupID] = value;
    }
    barrier();
    vec4 largest = reduce4_scratch[0];
    for (uint i = 1; i < gl_NumSubgroups; i++) {
        largest = max(largest, reduce4_scratch[i]);
    }
    return largest;
}

#endif
