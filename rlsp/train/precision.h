/* What `precision` of a config or a command comes to on a device. */
#ifndef RLSP_TRAIN_PRECISION_H
#define RLSP_TRAIN_PRECISION_H

#include "engine/ops/compute.h"
#include "engine/vk/device.h"
#include "rlsp/run/config.h"

/* "auto" is f32: no device has kernels yet that multiply 16-bit numbers faster. bf16 and f16 work on every device. */
ComputeType precision_compute(RunPrecision precision, const GpuInfo *info);

#endif
