/* What the operation families share: how large a workgroup should be.
 *
 * Every kernel takes its workgroup size as specialization constant 0. CPU
 * devices run a workgroup as a loop over subgroups, so one subgroup is best
 * there; GPUs want several.
 */
#ifndef ENGINE_OPS_OPS_H
#define ENGINE_OPS_OPS_H

#include "engine/vk/stream.h"

/* For element-wise kernels: one item per invocation, contiguous. */
static inline uint32_t ops_group_elements(GpuStream *stream)
{
    (void)stream;
    return 64;
}

/* For kernels with one row (of a reduction) per workgroup. */
static inline uint32_t ops_group_row(GpuStream *stream)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    return info->type == GPU_CPU ? info->subgroup_size : 128;
}

/* For kernels in which each invocation owns one long serial job (a query, a
 * key, a sequence). */
static inline uint32_t ops_group_lanes(GpuStream *stream)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    return info->type == GPU_CPU ? info->subgroup_size : 64;
}

#endif
