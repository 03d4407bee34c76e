#include "rlsp/train/precision.h"

#include "engine/vk/stream.h"

/* Never f16: its range needs the loss scale's care, which a run should ask for. */
static bool multiplies_bf16(const GpuInfo *info)
{
    for (uint32_t i = 0; i < info->matrix_count && info->type != GPU_CPU && info->tier.cooperative_matrix; i++) {
        if (info->matrices[i].type == GPU_MATRIX_BF16 && gpu_has_kernel("gemm_coopmat_bf16")) {
            return true;
        }
    }
    return false;
}

static ComputeType named(RunPrecision precision, ComputeType automatic)
{
    switch (precision) {
    case PRECISION_F32: return COMPUTE_F32;
    case PRECISION_BF16: return COMPUTE_BF16;
    case PRECISION_F16: return COMPUTE_F16;
    case PRECISION_AUTO: break;
    }
    return automatic;
}

ComputeType precision_compute(RunPrecision precision, const GpuInfo *info)
{
    return named(precision, multiplies_bf16(info) ? COMPUTE_BF16 : COMPUTE_F32);
}

ComputeType precision_kv_cache(RunPrecision kv_cache, ComputeType compute, const GpuInfo *info)
{
    return named(kv_cache, info->type != GPU_CPU ? compute : COMPUTE_F32);
}
