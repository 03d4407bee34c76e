#include "engine/ops/rmsnorm.h"

#include "engine/ops/columns.h"
#include "engine/ops/ops.h"

/* A workgroup per row: no wider than the row needs, so that the short rows of
 * per-head norms leave few lanes idle. */
static uint32_t group_for(GpuStream *stream, uint32_t width)
{
    const uint32_t group = ops_group_row(stream);
    return group > 64 && width <= 256 ? 64 : group;
}

void rmsnorm_forward(GpuStream *stream, GpuSpan y, GpuSpan rstd, GpuSpan x, GpuSpan weight, RmsnormRows rows, float eps)
{
    const struct {
        RmsnormRows rows;
        float       eps;
    } push = {rows, eps};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "rmsnorm",
                                        .spec       = {group_for(stream, rows.width)},
                                        .spec_count = 1,
                                        .bind       = {gpu_write(y), gpu_write(rstd), gpu_read(x), gpu_read(weight)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(rows.rows, 1)});
}

void rmsnorm_backward(GpuStream *stream, GpuSpan dx, GpuSpan dy, GpuSpan x, GpuSpan weight, GpuSpan rstd,
                      RmsnormRows rows, bool add)
{
    gpu_dispatch(stream, &(GpuDispatch){
                             .kernel     = "rmsnorm_backward",
                             .spec       = {group_for(stream, rows.width), add},
                             .spec_count = 2,
                             .bind = {gpu_read_write(dx), gpu_read(dy), gpu_read(x), gpu_read(weight), gpu_read(rstd)},
                             .push = &rows,
                             .push_size = sizeof rows,
                             .groups    = gpu_groups(rows.rows, 1)});
}

static ColumnsLayout columns_layout(RmsnormRows rows)
{
    return (ColumnsLayout){.rows         = rows.rows,
                           .width        = rows.width,
                           .per_token    = rows.per_token,
                           .token_stride = rows.token_stride,
                           .offset       = rows.offset};
}

void rmsnorm_backward_weight(GpuStream *stream, GpuSpan dweight, GpuSpan dy, GpuSpan x, GpuSpan rstd, RmsnormRows rows,
                             GpuSpan workspace)
{
    columns_product_sum(stream, dweight, dy, x, rstd, columns_layout(rows), workspace);
}

uint64_t rmsnorm_workspace_bytes(RmsnormRows rows)
{
    return columns_workspace_bytes(rows.rows, rows.width);
}
