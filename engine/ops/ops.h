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

/* lavapipe (seen in Mesa 22.3) leaves all loops after 65,535 turns of an invocation, those of inner and of earlier
 * loops counted, and goes on with what it has by then: nothing says so. What could come to that on a CPU device is cut.
 */
enum { OPS_CPU_TURNS = 60000 };

/* ops_group_row() for rows of `items` that a kernel goes over up to `times` times: so many invocations that none of
 * them comes to that. */
static inline uint32_t ops_group_long_row(GpuStream *stream, uint64_t items, uint32_t times)
{
    uint32_t group = ops_group_row(stream);
    while (gpu_info(gpu_stream_gpu(stream))->type == GPU_CPU && group < 256 && items * times / group > OPS_CPU_TURNS) {
        group *= 2;
    }
    return group;
}

/* For kernels in which each invocation owns one long serial job (a query, a
 * key, a sequence). */
static inline uint32_t ops_group_lanes(GpuStream *stream)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    return info->type == GPU_CPU ? info->subgroup_size : 64;
}

#endif
