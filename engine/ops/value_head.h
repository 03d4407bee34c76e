/* The critic's last layer: one value per token. */
#ifndef ENGINE_OPS_VALUE_HEAD_H
#define ENGINE_OPS_VALUE_HEAD_H

#include "engine/vk/stream.h"

/* value[tokens] = h[tokens, width] . w[width] + b[1]. */
void value_head_forward(GpuStream *stream, GpuSpan value, GpuSpan h, GpuSpan w, GpuSpan b, uint32_t tokens,
                        uint32_t width);

/* dh[tokens, width] += dvalue[tokens] w; dw[width] += sum of dvalue h; db[1] += sum
 * of dvalue. A span without a buffer is not computed (dh of a frozen trunk).
 * `workspace` is scratch of at least value_head_workspace_bytes(). */
void value_head_backward(GpuStream *stream, GpuSpan dh, GpuSpan dw, GpuSpan db, GpuSpan dvalue, GpuSpan h, GpuSpan w,
                         uint32_t tokens, uint32_t width, GpuSpan workspace);

uint64_t value_head_workspace_bytes(uint32_t tokens, uint32_t width);

#endif
