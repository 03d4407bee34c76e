// Sums and maxima over the lanes of the one subgroup, as one scalar: each lane's number is taken out of the register,
// where subgroupAdd() is a loop over memory on lavapipe (SPEED.md).
#ifndef LANES_REDUCE_GLSL
#define LANES_REDUCE_GLSL
#extension GL_KHR_shader_subgroup_ballot : require

#define REDUCE_FOUR(f, x, i)                                                                                           \
    f(f(subgroupBroadcast(x, i), subgroupBroadcast(x, i + 1)),                                                         \
      f(subgroupBroadcast(x, i + 2), subgroupBroadcast(x, i + 3)))
#define REDUCE_LANES(f, x)                                                                                             \
    float four = REDUCE_FOUR(f, x, 0);                                                                                 \
    if (LANES > 4) {                                                                                                   \
        four = f(four, REDUCE_FOUR(f, x, 4));                                                                          \
    }                                                                                                                  \
    if (LANES > 8) {                                                                                                   \
        four = f(four, f(REDUCE_FOUR(f, x, 8), REDUCE_FOUR(f, x, 12)));                                                \
    }                                                                                                                  \
    return four;

float sum_of_two(float x, float y)
{
    return x + y;
}
float lanes_sum(float x)
{
    REDUCE_LANES(sum_of_two, x)
}
float lanes_max(float x)
{
    REDUCE_LANES(max, x)
}

#endif
