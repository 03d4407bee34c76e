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

void math_point(uint64_t seed, MathPointKind kind, int attempt, size_t count, long *point)
{
    const uint64_t one = (uint64_t)1 << MATH_POINT_SHIFT;
    for (size_t i = 0; i < count; i++) {
        uint64_t random = mix(seed ^ mix((uint64_t)kind << 48 ^ (uint64_t)attempt << 16 ^ i));
        if (kind == MATH_POINT_WHOLE) {
            point[i] = (long)((1 + random % 40) * one);
        } else {
            point[i] = (long)(one / 4 + (random >> 8) % (4 * one - one / 4));
            if (attempt % 2 == 1 && (random & 1)) {
                point[i] = -point[i];
            }
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
