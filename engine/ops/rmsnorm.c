#include "engine/ops/rmsnorm.h"

#include <assert.h>

#include "engine/ops/columns.h"
#include "engine/ops/ops.h"
#include "engine/ops/units.h"

/* A workgroup per row: no wider than the row needs, so that the short rows of
 * per-head norms leave few lanes idle. */
static uint32_t group_for(GpuStream *stream, uint32_t width)
{
    const uint32_t group = ops_group_row(stream);
    return group > 64 && width <= 256 ? 64 : group;
}

static Units row_units(GpuStream *stream, RmsnormRows rows, GpuSpan x)
{
    return units_for(stream, rows.width | rows.token_stride | rows.offset, x);
}

static RmsnormRows in_units(RmsnormRows rows, Units units)
{
    rows.width /= units.size;
    rows.token_stride /= units.size;
    rows.offset /= units.size;
    return rows;
}

void rmsnorm_forward(GpuStream *stream, TypedSpan y, GpuSpan rstd, GpuSpan x, GpuSpan weight, RmsnormRows rows,
                     float eps)
{
    const Units units = row_units(stream, rows, x);
    assert(!typed_halves(y) || units.size == 4);
    const struct {
        RmsnormRows rows;
        float       eps;
    } push = {in_units(rows, units), eps};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "rmsnorm",
                                        .spec       = {group_for(stream, rows.width), units.size, units.texels, y.type},
                                        .spec_count = 4,
                                        .bind      = {gpu_write(y.span), gpu_write(rstd), gpu_read(x), gpu_read(weight),
                                                      texels_bind(x, units.texels), texels_bind(weight, units.texels)},
                                        .push      = &push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups(rows.rows, 1)});
}

void rmsnorm_backward(GpuStream *stream, GpuSpan dx, GpuSpan dy, GpuSpan x, GpuSpan weight, GpuSpan rstd,
                      RmsnormRows rows, bool add)
{
    const Units       units = row_units(stream, rows, x);
    const RmsnormRows push  = in_units(rows, units);
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "rmsnorm_backward",
                                .spec       = {group_for(stream, rows.width), units.size, units.texels, add},
                                .spec_count = 4,
                                .bind       = {gpu_read_write(dx), gpu_read(dy), gpu_read(x), gpu_read(weight),
                                               gpu_read(rstd), texels_bind(dx, units.texels), texels_bind(dy, units.texels),
                                               texels_bind(x, units.texels), texels_bind(weight, units.texels)},
                                .push       = &push,
                                .push_size  = sizeof push,
                                .groups     = gpu_groups(rows.rows, 1)});
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
