/* Floats of 16 bits, as bits: rounded to the nearest, ties to even, subnormals kept. */
#ifndef TESTS_TOOLS_INTERPRETER_HALF_H
#define TESTS_TOOLS_INTERPRETER_HALF_H

#include <stdint.h>
#include <string.h>

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float f16_to_float(uint32_t half)
{
    const uint32_t x = half & 0x7fff, sign = (half & 0x8000) << 16;
    if (x >= 0x7c00) /* infinity, NaN */
        return float_of(sign | 0x7f800000u | (x & 0x3ff) << 13);
    return float_of(sign | bits_of(float_of(x << 13) * 0x1p112f)); /* exact, of subnormals too */
}

static inline uint32_t float_to_f16(float value)
{
    const uint32_t bits = bits_of(value), x = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    if (x > 0x7f800000u)
        return sign | 0x7e00 | (x >> 13 & 0x3ff);
    if (x >= 0x47800000u) /* 2^16 */
        return sign | 0x7c00;
    if (x < 0x38800000u) /* 2^-14: what is added makes the sum's last place the subnormals' */
        return sign | (bits_of(float_of(x) + 0.5f) - 0x3f000000u);
    return sign | ((x - 0x38000000u + 0xfff + (x >> 13 & 1)) >> 13);
}

static inline float bf16_to_float(uint32_t half)
{
    return float_of(half << 16);
}

static inline uint32_t float_to_bf16(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000u)
        return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

#endif
