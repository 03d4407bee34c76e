#include "engine/ops/swiglu.h"

#include "engine/ops/ops.h"
#include "engine/ops/units.h"

void swiglu_forward(GpuStream *stream, GpuSpan act, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const Units    units   = units_for(stream, ff, gate_up);
    const uint32_t push[2] = {tokens, ff / units.size};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "swiglu",
                                        .spec       = {ops_group_row(stream), units.size, units.texels},
                                        .spec_count = 3,
                                        .bind = {gpu_write(act), gpu_read(gate_up), texels_bind(gate_up, units.texels)},
                                        .push = push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups(tokens, 1)});
}

void swiglu_backward(GpuStream *stream, GpuSpan dgate_up, GpuSpan dact, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const Units    units   = units_for(stream, ff, gate_up);
    const uint32_t push[2] = {tokens, ff / units.size};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "swiglu_backward",
                                        .spec       = {ops_group_row(stream), units.size, units.texels},
                                        .spec_count = 3,
                                        .bind       = {gpu_write(dgate_up), gpu_read(dact), gpu_read(gate_up),
                                                       texels_bind(dact, units.texels), texels_bind(gate_up, units.texels)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(tokens, 1)});
}
