#include "engine/ops/value_head.h"

#include "engine/ops/columns.h"
#include "engine/ops/ops.h"
#include "engine/ops/units.h"

void value_head_forward(GpuStream *stream, GpuSpan value, GpuSpan h, GpuSpan w, GpuSpan b, uint32_t tokens,
                        uint32_t width)
{
    const Units    units   = units_for(stream, width, h);
    const uint32_t push[2] = {tokens, width / units.size};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "value_head",
                                        .spec       = {ops_group_row(stream), units.size, units.texels},
                                        .spec_count = 3,
                                        .bind       = {gpu_write(value), gpu_read(h), gpu_read(w), gpu_read(b),
                                                       texels_bind(h, units.texels), texels_bind(w, units.texels)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(tokens, 1)});
}

void value_head_backward(GpuStream *stream, GpuSpan dh, GpuSpan dw, GpuSpan db, GpuSpan dvalue, GpuSpan h, GpuSpan w,
                         uint32_t tokens, uint32_t width, GpuSpan workspace)
{
    if (dw.buffer) {
        columns_weighted_sum(stream, dw, h, dvalue, tokens, width, workspace);
    }
    if (db.buffer) {
        columns_sum(stream, db, dvalue, tokens, 1, workspace);
    }
    if (dh.buffer) {
        const Units    units   = units_for(stream, width, dh);
        const uint32_t push[2] = {tokens, width / units.size};
        gpu_dispatch(stream, &(GpuDispatch){.kernel     = "value_head_backward",
                                            .spec       = {ops_group_row(stream), units.size, units.texels},
                                            .spec_count = 3,
                                            .bind       = {gpu_read_write(dh), gpu_read(dvalue), gpu_read(w),
                                                           texels_bind(dh, units.texels), texels_bind(w, units.texels)},
                                            .push       = push,
                                            .push_size  = sizeof push,
                                            .groups     = gpu_groups(tokens, 1)});
    }
}

uint64_t value_head_workspace_bytes(uint32_t tokens, uint32_t width)
{
    return columns_workspace_bytes(tokens, width);
}
