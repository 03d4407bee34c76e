/* Element-wise helpers on fp32 vectors. */
#ifndef ENGINE_OPS_ELEMENTWISE_H
#define ENGINE_OPS_ELEMENTWISE_H

#include "engine/vk/stream.h"

void elementwise_scale(GpuStream *stream, GpuSpan y, float a, uint32_t count); /* y[i] *= a */

#endif
