/* Reading through texel buffers, where that is the fast way.
 *
 * The lavapipe of Mesa before 23 loads from storage buffers lane by lane with a
 * bounds check each, inside any control flow even at uniform addresses; its
 * texel fetches are unrolled 128-bit loads. Later ones, and GPUs, are faster
 * without (SPEED.md: attention 0.5 -> 8 GFLOP/s on 22.3, 5.6 -> 2.7 on 26.2).
 * Kernels that can do both declare the buffer twice and choose by a
 * specialization constant; what they do not read is bound as one texel.
 */
#ifndef ENGINE_OPS_TEXELS_H
#define ENGINE_OPS_TEXELS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/vk/stream.h"

/* Whether texel loads are faster on the stream's device. */
static inline bool texels_preferred(GpuStream *stream)
{
    const char *const version = strstr(gpu_info(gpu_stream_gpu(stream))->driver, "llvmpipe Mesa ");
    return version && strtol(version + strlen("llvmpipe Mesa "), NULL, 10) < 23;
}

/* Whether `span` can be one texel view on the stream's device. */
static inline bool texels_fit(GpuStream *stream, GpuSpan span)
{
    return span.size % 16 == 0 && span.size / 16 <= gpu_info(gpu_stream_gpu(stream))->max_texels;
}

/* The bind of `span` as texels, or of its first texel if the kernel will not read them. */
static inline GpuBind texels_bind(GpuSpan span, bool used)
{
    return gpu_texel(used || span.size <= 16 ? span : gpu_span_slice(span, 0, 16));
}

#endif
