/* RMSNorm: y = x / sqrt(mean(x^2) + eps) * weight, over rows of `width`.
 *
 * Rows may be whole tokens or pieces of them, so that the same kernel normalises
 * the q and k heads inside packed qkv (Qwen3):
 *
 *     rmsnorm_forward(stream, typed_f32(y), rstd, x, weight, rmsnorm_rows(tokens, width), eps);
 *     rmsnorm_forward(stream, typed_f32(qkv), q_rstd, qkv, q_norm, (RmsnormRows){.rows = tokens * heads, .width =
 * head_dim, .per_token = heads, .token_stride = (heads + 2 * kv_heads) * head_dim, .offset = 0}, eps);
 *
 * The backward needs x as it was before the forward: keep it, if y was written
 * over x.
 */
#ifndef ENGINE_OPS_RMSNORM_H
#define ENGINE_OPS_RMSNORM_H

#include <stdbool.h>

#include "engine/ops/typed_span.h"

/* Row r starts at element (r / per_token) * token_stride + offset + (r % per_token) * width
 * of x, y, dx and dy. */
typedef struct RmsnormRows {
    uint32_t rows, width, per_token, token_stride, offset; /* counts of rows and of floats */
} RmsnormRows;

/* Rows that lie one after another. */
static inline RmsnormRows rmsnorm_rows(uint32_t rows, uint32_t width)
{
    return (RmsnormRows){.rows = rows, .width = width, .per_token = 1, .token_stride = width, .offset = 0};
}

/* y, rstd[rows] from x, weight[width]. y may be x, and may be halves if 4 divides widths, strides and offset. */
void rmsnorm_forward(GpuStream *stream, TypedSpan y, GpuSpan rstd, GpuSpan x, GpuSpan weight, RmsnormRows rows,
                     float eps);

/* dx from dy, x, weight[width], rstd[rows]. add: dx += the gradient (the residual
 * stream's); else dx = the gradient, and dx may be dy. */
void rmsnorm_backward(GpuStream *stream, GpuSpan dx, GpuSpan dy, GpuSpan x, GpuSpan weight, GpuSpan rstd,
                      RmsnormRows rows, bool add);

/* dweight[width] += sum over rows of dy x rstd; before a backward whose dx is dy.
 * `workspace` is scratch of at least rmsnorm_workspace_bytes(). */
void rmsnorm_backward_weight(GpuStream *stream, GpuSpan dweight, GpuSpan dy, GpuSpan x, GpuSpan rstd, RmsnormRows rows,
                             GpuSpan workspace);

uint64_t rmsnorm_workspace_bytes(RmsnormRows rows);

#endif
