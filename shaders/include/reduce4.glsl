// Four sums over a workgroup at once; same rules as reduce.glsl, which comes first.
#ifndef REDUCE4_GLSL
#define REDUCE4_GLSL

shared vec4 reduce4_scratch[256];

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

#endif
