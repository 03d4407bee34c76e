#include "engine/io/dtype.h"

#include <string.h>

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t bf16_from_f32(float value)
{
    uint32_t bits = bits_of(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) {
        return 0x7FC0; /* the one NaN that PyTorch writes */
    }
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float f32_from_bf16(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

uint16_t f16_from_f32(float value)
{
    uint32_t bits      = bits_of(value);
    uint32_t sign      = bits >> 16 & 0x8000;
    uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) {
        return (uint16_t)(sign | 0x7E00); /* NaN */
    }
    if (magnitude >= 0x477FF000) { /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7C00);
    }
    if (magnitude < 0x38800000) { /* below 2^-14: a subnormal, in steps of 2^-24 */
        /* Adding 0.5 shifts the value so that a step is the last bit of the sum, and
         * the addition itself rounds to nearest even. */
        return (uint16_t)(sign | (bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f)));
    }
    uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

float f32_from_f16(uint16_t bits)
{
    uint32_t sign     = (uint32_t)(bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 0x1F;
    uint32_t fraction = bits & 0x3FF;
    if (exponent == 0) { /* zero and subnormals */
        return float_of(sign | bits_of((float)fraction * 0x1p-24f));
    }
    exponent = exponent == 31 ? 255 : exponent + 112;
    return float_of(sign | exponent << 23 | fraction << 13);
}

void f32_from_bf16_all(float *restrict out, const uint16_t *restrict bits, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        out[i] = float_of((uint32_t)bits[i] << 16);
    }
}

/* Without a branch, so that compilers make vectors of it: moved into place, the exponent is too small by 112, which a
 * multiplication mends for normal and subnormal values alike; infinities and NaN need 112 more. */
void f32_from_f16_all(float *restrict out, const uint16_t *restrict bits, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t sign = (uint32_t)(bits[i] & 0x8000) << 16, moved = (uint32_t)(bits[i] & 0x7FFF) << 13;
        const uint32_t special = moved >= 0x0F800000 ? 0x7F800000 : 0; /* infinity or NaN */
        out[i]                 = float_of(bits_of(float_of(moved) * 0x1p112f) | special | sign);
    }
}
