/* Activations that products read: f32, or, where products compute in 16 bits, rounded to that type by the kernel that
 * makes them. The products round what they read in any case, so that no bit of theirs depends on it; but they read
 * every activation many times.
 *
 *     TypedSpan norm = {span, typed_storage(config->compute, width)};
 *     rmsnorm_forward(stream, norm, rstd, x, weight, rows, eps);
 *     matmul(stream, &(Matmul){.a = norm.span, .a_halves = typed_halves(norm), .compute = config->compute, …});
 */
#ifndef ENGINE_OPS_TYPED_SPAN_H
#define ENGINE_OPS_TYPED_SPAN_H

#include <stdbool.h>

#include "engine/ops/compute.h"
#include "engine/vk/stream.h"

typedef struct TypedSpan {
    GpuSpan     span;
    ComputeType type; /* f32, or halves of that type, two to a word */
} TypedSpan;

/* How rows of `width` are kept for products in a compute type: kernels write halves four at a time. */
static inline ComputeType typed_storage(ComputeType compute, uint32_t width)
{
    return width % 4 == 0 ? compute : COMPUTE_F32;
}

static inline TypedSpan typed_f32(GpuSpan span)
{
    return (TypedSpan){span, COMPUTE_F32};
}

static inline bool typed_halves(TypedSpan x)
{
    return x.type != COMPUTE_F32;
}

/* Bytes of an element. */
static inline uint64_t typed_size(TypedSpan x)
{
    return typed_halves(x) ? 2 : 4;
}

/* Elements [first, first + count). */
static inline TypedSpan typed_slice(TypedSpan x, uint64_t first, uint64_t count)
{
    return (TypedSpan){gpu_span_slice(x.span, first * typed_size(x), count * typed_size(x)), x.type};
}

#endif
