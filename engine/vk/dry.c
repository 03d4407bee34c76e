/* Devices that are only planned for. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/vk/private.h"

GpuInfo gpu_info_typical(uint64_t memory_bytes)
{
    GpuInfo info = {.index                = -1,
                    .type                 = GPU_DISCRETE,
                    .api_version          = VK_API_VERSION_1_3,
                    .memory_bytes         = memory_bytes,
                    .max_binding_bytes    = UINT32_MAX,
                    .max_allocation_bytes = (uint64_t)4 << 30,
                    .max_buffer_bytes     = UINT64_MAX,
                    .subgroup_size        = 32,
                    .min_subgroup         = 32,
                    .max_subgroup         = 32,
                    .max_subgroups        = 32,
                    .max_workgroup        = 1024,
                    .shared_bytes         = 48 << 10,
                    .max_texels           = 1 << 27,
                    .tier                 = {.fp16_storage          = true,
                                             .fp16_arithmetic       = true,
                                             .bf16                  = true,
                                             .int8_storage          = true,
                                             .cooperative_matrix    = true,
                                             .subgroup_arithmetic   = true,
                                             .subgroup_size_control = true,
                                             .buffer_address        = true,
                                             .timeline_semaphore    = true,
                                             .memory_budget         = true,
                                             .timestamps            = true,
                                             .sparse_memory         = true},
                    .matrices             = {{GPU_MATRIX_F16, 16, 16, 16, 0}, {GPU_MATRIX_BF16, 16, 16, 16, 0}},
                    .matrix_count         = 2};
    snprintf(info.name, sizeof info.name, "a discrete GPU with %.4g GiB", (double)memory_bytes / 1073741824.0);
    snprintf(info.driver, sizeof info.driver, "none: only planned for");
    return info;
}

Gpu *gpu_open_dry(const GpuInfo *info, Error *error)
{
    Gpu *gpu = calloc(1, sizeof *gpu);
    if (gpu != NULL) {
        gpu->info     = *info;
        gpu->dry      = true;
        gpu->transfer = gpu_stream_new(gpu, error);
    }
    if (gpu == NULL || gpu->transfer == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "cannot plan for a device: out of host memory");
        free(gpu);
        return NULL;
    }
    return gpu;
}

bool gpu_is_dry(const Gpu *gpu)
{
    return gpu->dry;
}
