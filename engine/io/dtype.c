#include "engine/io/dtype.h"

/* Without a branch, so that compilers make vectors of f16_from_f32_all. */
static inline uint16_t narrow_to_f16(float value)
{
    const uint32_t bits = f32_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    /* Below 2^-14 a subnormal, in steps of 2^-24: adding 0.5 shifts the value so that a step is the last bit of the
     * sum, and the addition itself rounds to nearest even. */
    const uint32_t subnormal = f32_bits(f32_from_bits(magnitude) + 0.5f) - f32_bits(0.5f);
    const uint32_t normal    = (magnitude + 0xFFF + (magnitude >> 13 & 1) - 0x38000000) >> 13;
    const uint32_t large     = magnitude > 0x7F800000 ? 0x7E00 : 0x7C00; /* NaN; 65520 and more round to infinity */
    const uint32_t small     = magnitude < 0x38800000 ? subnormal : normal;
    return (uint16_t)(sign | (magnitude >= 0x477FF000 ? large : small));
}

uint16_t f16_from_f32(float value)
{
    return narrow_to_f16(value);
}

float f32_from_f16(uint16_t bits)
{
    uint32_t sign     = (uint32_t)(bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 0x1F;
    uint32_t fraction = bits & 0x3FF;
    if (exponent == 0) { /* zero and subnormals */
        return f32_from_bits(sign | f32_bits((float)fraction * 0x1p-24f));
    }
    exponent = exponent == 31 ? 255 : exponent + 112;
    return f32_from_bits(sign | exponent << 23 | fraction << 13);
}

void f32_from_bf16_all(float *restrict out, const uint16_t *restrict bits, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        out[i] = f32_from_bf16(bits[i]);
    }
}

/* Without a branch, so that compilers make vectors of it: moved into place, the exponent is too small by 112, which a
 * multiplication mends for normal and subnormal values alike; infinities and NaN need 112 more. */
void f32_from_f16_all(float *restrict out, const uint16_t *restrict bits, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t sign = (uint32_t)(bits[i] & 0x8000) << 16, moved = (uint32_t)(bits[i] & 0x7FFF) << 13;
        const uint32_t special = moved >= 0x0F800000 ? 0x7F800000 : 0; /* infinity or NaN */
        out[i]                 = f32_from_bits(f32_bits(f32_from_bits(moved) * 0x1p112f) | special | sign);
    }
}

void bf16_from_f32_all(uint16_t *restrict out, const float *restrict values, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        out[i] = bf16_from_f32(values[i]);
    }
}

void f16_from_f32_all(uint16_t *restrict out, const float *restrict values, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        out[i] = narrow_to_f16(values[i]);
    }
}
