#include "engine/ops/rmsnorm.h"

#include <assert.h>

#include "engine/ops/columns.h"
#include "engine/ops/ops.h"
#include "engine/ops/row_panels.h"
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

/* --- CPU devices with buffer addresses -----------------------------------------------------------------------------
 */

/* Whether shaders/rmsnorm_address.comp takes such rows: by their layout alone, as their bits are others. */
static bool by_address(GpuStream *stream, RmsnormRows rows, const GpuSpan *spans, uint32_t count)
{
    return (rows.token_stride | rows.offset) % 4 == 0 &&
           row_panels_suit(gpu_info(gpu_stream_gpu(stream)), rows.width, spans, count);
}

static void forward_by_address(GpuStream *stream, GpuSpan y, GpuSpan rstd, GpuSpan x, GpuSpan weight, RmsnormRows rows,
                               float eps)
{
    const struct {
        uint64_t    y, rstd, x, weight;
        RmsnormRows rows;
        float       eps;
    } push = {gpu_span_address(y), gpu_span_address(rstd), gpu_span_address(x), gpu_span_address(weight), rows, eps};
    GpuDispatch dispatch = {.kernel     = "rmsnorm_address",
                            .spec_count = 3,
                            .bind       = {gpu_by_address(y, GPU_WRITE), gpu_by_address(rstd, GPU_WRITE),
                                           gpu_by_address(x, GPU_READ), gpu_by_address(weight, GPU_READ)},
                            .push       = &push,
                            .push_size  = sizeof push,
                            .groups     = gpu_groups(rows.rows, 1)};
    row_panels_turns(gpu_info(gpu_stream_gpu(stream)), rows.width, dispatch.spec);
    gpu_dispatch(stream, &dispatch);
}

static void backward_by_address(GpuStream *stream, GpuSpan dx, GpuSpan dy, GpuSpan x, GpuSpan weight, GpuSpan rstd,
                                RmsnormRows rows, bool add)
{
    const struct {
        uint64_t    dx, dy, x, weight, rstd;
        RmsnormRows rows;
        uint32_t    padding;
    } push               = {gpu_span_address(dx),
                            gpu_span_address(dy),
                            gpu_span_address(x),
                            gpu_span_address(weight),
                            gpu_span_address(rstd),
                            rows,
                            0};
    GpuDispatch dispatch = {.kernel     = "rmsnorm_backward_address",
                            .spec       = {[3] = add},
                            .spec_count = 4,
                            .bind = {gpu_by_address(dx, add ? GPU_READ_WRITE : GPU_WRITE), gpu_by_address(dy, GPU_READ),
                                     gpu_by_address(x, GPU_READ), gpu_by_address(weight, GPU_READ),
                                     gpu_by_address(rstd, GPU_READ)},
                            .push = &push,
                            .push_size = sizeof push,
                            .groups    = gpu_groups(rows.rows, 1)};
    row_panels_turns(gpu_info(gpu_stream_gpu(stream)), rows.width, dispatch.spec);
    gpu_dispatch(stream, &dispatch);
}

/* --- all devices ---------------------------------------------------------------------------------------------------
 */

void rmsnorm_forward(GpuStream *stream, TypedSpan y, GpuSpan rstd, GpuSpan x, GpuSpan weight, RmsnormRows rows,
                     float eps)
{
    if (!typed_halves(y) && by_address(stream, rows, (GpuSpan[]){y.span, x, weight}, 3)) {
        forward_by_address(stream, y.span, rstd, x, weight, rows, eps);
        return;
    }
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
    if (by_address(stream, rows, (GpuSpan[]){dx, dy, x, weight}, 4)) {
        backward_by_address(stream, dx, dy, x, weight, rstd, rows, add);
        return;
    }
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
