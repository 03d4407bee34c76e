/* Dropout (Srivastava et al. 2014) with masks that nothing has to keep: element i of [tokens, width] is kept if a
 * number in [0, 1) of its own, from (seed, RANDOM_DROPOUT, step, row) and i, is not below `rate`; what is kept grows by
 * 1 / (1 - rate).
 *
 *     const DropoutMask mask = {.rate = 0.05f, .seed = seed, .step = step, .row = matrix};
 *     dropout_forward(stream, y, x, tokens, width, &mask);      // y = mask x / (1 - rate)
 *     dropout_backward(stream, dx, dy, tokens, width, &mask);   // dx += mask dy / (1 - rate)
 */
#ifndef ENGINE_OPS_DROPOUT_H
#define ENGINE_OPS_DROPOUT_H

#include "engine/ops/typed_span.h"

typedef struct DropoutMask {
    float    rate; /* of what is dropped, in [0, 1) */
    uint64_t seed;
    uint32_t step, row;
} DropoutMask;

/* f32 [tokens, width], up to 2^32 elements; y may be x. x may be halves if 4 divides the width, and then is not y. */
void dropout_forward(GpuStream *stream, GpuSpan y, TypedSpan x, uint32_t tokens, uint32_t width,
                     const DropoutMask *mask);
void dropout_backward(GpuStream *stream, GpuSpan dx, GpuSpan dy, uint32_t tokens, uint32_t width,
                      const DropoutMask *mask);

#endif
