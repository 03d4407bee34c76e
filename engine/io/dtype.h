/* Half-precision floats: exact widening, and narrowing that rounds to the nearest,
 * ties to even, with overflow to infinity and NaN kept NaN (as PyTorch casts). */
#ifndef ENGINE_IO_DTYPE_H
#define ENGINE_IO_DTYPE_H

#include <stdint.h>
#include <string.h>

static inline uint32_t f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float f32_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bfloat16: 1 sign, 8 exponent, 7 fraction bits. */
static inline uint16_t bf16_from_f32(float value)
{
    const uint32_t bits = f32_bits(value), rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : rounded); /* the one NaN that PyTorch writes */
}

static inline float f32_from_bf16(uint16_t bits)
{
    return f32_from_bits((uint32_t)bits << 16);
}

uint16_t f16_from_f32(float value); /* IEEE binary16: 1, 5, 10; subnormals kept */
float    f32_from_f16(uint16_t bits);

/* `count` of them. */
void bf16_from_f32_all(uint16_t *out, const float *values, uint64_t count);
void f16_from_f32_all(uint16_t *out, const float *values, uint64_t count);
void f32_from_bf16_all(float *out, const uint16_t *bits, uint64_t count);
void f32_from_f16_all(float *out, const uint16_t *bits, uint64_t count);

#endif
