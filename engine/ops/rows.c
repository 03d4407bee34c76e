#include "engine/ops/rows.h"

#include "engine/ops/ops.h"

enum { GATHER = 0, SCATTER_ADD = 1 }; /* as in shaders/rows.comp */

static void dispatch(GpuStream *stream, uint32_t mode, GpuBind y, GpuSpan x, GpuSpan index, uint32_t rows,
                     uint32_t width)
{
    const uint32_t push[2] = {rows, width};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "rows",
                                        .spec       = {ops_group_row(stream), mode},
                                        .spec_count = 2,
                                        .bind       = {y, gpu_read(x), gpu_read(index)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(rows, 1),
                                        .bytes      = (mode == GATHER ? 8.0 : 12.0) * width * rows});
}

void rows_gather(GpuStream *stream, GpuSpan y, GpuSpan x, GpuSpan index, uint32_t rows, uint32_t width)
{
    dispatch(stream, GATHER, gpu_write(y), x, index, rows, width);
}

void rows_scatter_add(GpuStream *stream, GpuSpan dx, GpuSpan dy, GpuSpan index, uint32_t rows, uint32_t width)
{
    dispatch(stream, SCATTER_ADD, gpu_read_write(dx), dy, index, rows, width);
}
