#include "engine/ops/swiglu.h"

#include "engine/ops/ops.h"

void swiglu_forward(GpuStream *stream, GpuSpan act, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const uint32_t push[2] = {tokens, ff};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "swiglu",
                                        .spec       = {ops_group_row(stream)},
                                        .spec_count = 1,
                                        .bind       = {gpu_write(act), gpu_read(gate_up)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(tokens, 1)});
}

void swiglu_backward(GpuStream *stream, GpuSpan dgate_up, GpuSpan dact, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const uint32_t push[2] = {tokens, ff};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "swiglu_backward",
                                        .spec       = {ops_group_row(stream)},
                                        .spec_count = 1,
                                        .bind       = {gpu_write(dgate_up), gpu_read(dact), gpu_read(gate_up)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(tokens, 1)});
}
