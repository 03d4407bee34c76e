#include "rlsp/math/points.h"

#include "rlsp/math/evaluate.h"

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Every other point has signs: first all of them, then every second, every second pair, … of the variables, so
 * that few points see |xy| and xy apart; then random ones. */
static int is_negative(int attempt, size_t variable, uint64_t random)
{
    int round = attempt / 2;
    if (attempt % 2 == 0) {
        return 0;
    }
    return round == 0 ? 1 : round <= 3 ? (variable >> (round - 1) & 1) == 0 : (int)(random & 1);
}

void math_point(uint64_t seed, MathPointKind kind, int attempt, size_t count, long *point)
{
    const uint64_t one = (uint64_t)1 << MATH_POINT_SHIFT;
    /* where functions are defined and steps lie differs: near 1, below 1, up to 100, up to 250 */
    static const uint64_t ranges[][2] = {{1, 16}, {0, 4}, {16, 400}, {200, 1000}}; /* quarters */
    const uint64_t       *range       = ranges[attempt / 2 % 4];
    for (size_t i = 0; i < count; i++) {
        uint64_t random = mix(seed ^ mix((uint64_t)kind << 48 ^ (uint64_t)attempt << 16 ^ i));
        if (kind == MATH_POINT_WHOLE) {
            point[i] = (long)((1 + random % 40) * one);
        } else {
            point[i] = (long)(range[0] * one / 4 + 1 + (random >> 8) % ((range[1] - range[0]) * one / 4));
            point[i] = is_negative(attempt, i, random) ? -point[i] : point[i];
        }
    }
}

uint64_t math_hash(uint64_t seed, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        seed = (seed ^ (unsigned char)text[i]) * 0x100000001B3u;
    }
    return mix(seed ^ length);
}
