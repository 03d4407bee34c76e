/* Reading through texel buffers, where that is the fast way.
 *
 * On lavapipe a load from a storage buffer is done lane by lane or as a gather,
 * while a texel fetch is one 128-bit load per lane: rows read by neighbouring
 * lanes are faster as texels (RMSNorm 6.8 -> 4.2 ns an element on Mesa 26.2, 10 ->
 * 7 on 22.3), and whole panels of a row by address faster still on 26.2
 * (row_panels.h). Addresses that are the same for all lanes are scalar loads in
 * newer ones, and better left alone; before Mesa 26 inside any control flow they
 * are as slow as the others (attention, GFLOP/s without and with texels: 1.8 and
 * 5 on 22.3, 5.3 and 12.7 on 25.0, 5.6 and 2.7 on 26.2). GPUs do without.
 *
 * Kernels that can do both declare the buffer twice and choose by a
 * specialization constant; what they do not read is bound as one texel.
 */
#ifndef ENGINE_OPS_TEXELS_H
#define ENGINE_OPS_TEXELS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/vk/stream.h"

/* Version of Mesa if the device is lavapipe, 100 * major + minor, else 0. */
static inline int texels_lavapipe_of(const GpuInfo *info)
{
    const char *const version = strstr(info->driver, "llvmpipe Mesa ");
    int               major, minor;
    return version && sscanf(version, "llvmpipe Mesa %d.%d", &major, &minor) == 2 ? 100 * major + minor : 0;
}
static inline int texels_lavapipe(GpuStream *stream)
{
    return texels_lavapipe_of(gpu_info(gpu_stream_gpu(stream)));
}

/* Whether an address that all lanes share is read once for all of them: that, with multiply-adds that take it as an
 * operand, is what gemm_lanes and its like are for. Mesa 26.1 is the oldest that was seen to do so; with 25.0 such
 * kernels have a fifth of the speed of texels (SPEED.md). The driver's number tells nothing: up to Mesa 25 it is 1. */
static inline bool texels_outdone_by_addresses(const GpuInfo *info)
{
    return texels_lavapipe_of(info) >= 2600 && info->tier.buffer_address && info->tier.int64;
}

/* Whether fma() is one instruction: in lavapipe before Mesa 26.2 it is a multiplication and an addition, and LLVM then
 * does not keep the sums of attention's tiles in registers (SPEED.md). */
static inline bool texels_lavapipe_fuses(const GpuInfo *info)
{
    return texels_lavapipe_of(info) >= 2602;
}

/* Whether texels are faster for rows that neighbouring lanes read together, and
 * for addresses that all lanes share. */
static inline bool texels_for_rows(GpuStream *stream)
{
    return texels_lavapipe(stream) > 0;
}
static inline bool texels_for_shared(GpuStream *stream)
{
    const int mesa = texels_lavapipe(stream);
    return mesa > 0 && mesa < 2600;
}

/* Whether `span` can be one texel view on the stream's device. */
static inline bool texels_fit(GpuStream *stream, GpuSpan span)
{
    return span.size % 16 == 0 && span.size / 16 <= gpu_info(gpu_stream_gpu(stream))->max_texels;
}

/* The bind of `span` as texels, or of one texel of its buffer if the kernel will
 * not read them. */
static inline GpuBind texels_bind(GpuSpan span, bool used)
{
    if (used) {
        return gpu_texel(span);
    }
    return gpu_texel(span.size >= 16 ? gpu_span_slice(span, 0, 16) : (GpuSpan){span.buffer, 0, 16});
}

#endif
