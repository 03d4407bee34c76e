/* The numbers that products multiply: f32, or of 16 bits to save time and memory (mixed precision). Sums are f32
 * whatever they are of.
 *
 * Rounding to a 16-bit type is to the nearest, ties to even; what is beyond the largest f16 (65504) becomes infinite.
 * Halves lie two to a word, the first one low.
 */
#ifndef ENGINE_OPS_COMPUTE_H
#define ENGINE_OPS_COMPUTE_H

typedef enum ComputeType {
    COMPUTE_F32,  /* 24 bits of precision                              */
    COMPUTE_BF16, /* 8 bits, f32's range                               */
    COMPUTE_F16   /* 11 bits, from 6e-5 (denormal: 6e-8) to 65504      */
} ComputeType;

/* "f32", "bf16", "f16", NULL. */
extern const char *const compute_type_names[];

static inline const char *compute_type_name(ComputeType compute)
{
    return compute_type_names[compute];
}

#endif
