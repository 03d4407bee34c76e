/* Element-wise helpers on fp32 vectors. Inputs and the output may be the same
 * span. */
#ifndef ENGINE_OPS_ELEMENTWISE_H
#define ENGINE_OPS_ELEMENTWISE_H

#include "engine/vk/stream.h"

void elementwise_copy(GpuStream *stream, GpuSpan y, GpuSpan x, uint32_t count);           /* y[i] = x[i]        */
void elementwise_axpy(GpuStream *stream, GpuSpan y, float a, GpuSpan x, uint32_t count);  /* y[i] += a x[i]     */
void elementwise_scale(GpuStream *stream, GpuSpan y, float a, uint32_t count);            /* y[i] *= a          */
void elementwise_add(GpuStream *stream, GpuSpan y, GpuSpan x, GpuSpan z, uint32_t count); /* y[i] = x[i] + z[i] */

#endif
