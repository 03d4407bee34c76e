#include "rlsp/train/precision.h"

ComputeType precision_compute(RunPrecision precision, const GpuInfo *info)
{
    (void)info;
    return precision == PRECISION_BF16 ? COMPUTE_BF16 : precision == PRECISION_F16 ? COMPUTE_F16 : COMPUTE_F32;
}
