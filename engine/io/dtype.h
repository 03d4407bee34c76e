/* Half-precision floats: exact widening, and narrowing that rounds to the nearest,
 * ties to even, with overflow to infinity and NaN kept NaN (as PyTorch casts). */
#ifndef ENGINE_IO_DTYPE_H
#define ENGINE_IO_DTYPE_H

#include <stdint.h>

uint16_t bf16_from_f32(float value); /* bfloat16: 1 sign, 8 exponent, 7 fraction bits */
uint16_t f16_from_f32(float value);  /* IEEE binary16: 1, 5, 10; subnormals kept      */
float    f32_from_bf16(uint16_t bits);
float    f32_from_f16(uint16_t bits);

/* `count` of them. */
void f32_from_bf16_all(float *out, const uint16_t *bits, uint64_t count);
void f32_from_f16_all(float *out, const uint16_t *bits, uint64_t count);

#endif
