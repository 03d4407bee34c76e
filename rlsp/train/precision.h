/* What `precision` of a config or a command comes to on a device. */
#ifndef RLSP_TRAIN_PRECISION_H
#define RLSP_TRAIN_PRECISION_H

#include "engine/ops/compute.h"
#include "engine/vk/device.h"
#include "rlsp/run/config.h"

/* "auto" is bf16 on a GPU that multiplies bf16 matrices (VK_KHR_shader_bfloat16) and where this program was built with
 * kernels for it, else f32. bf16 and f16 work on every device. */
ComputeType precision_compute(RunPrecision precision, const GpuInfo *info);

/* What `model.kv_cache` comes to where products multiply `compute`: "auto" is the same on GPUs, f32 on CPU devices. */
ComputeType precision_kv_cache(RunPrecision kv_cache, ComputeType compute, const GpuInfo *info);

#endif
