#include "engine/ops/columns.h"

#include "engine/ops/ops.h"
#include "engine/ops/units.h"

enum { SUM = 0, SCALE = 1, NORM = 2 }; /* as in shaders/columns.comp */

/* The split depends on the shape alone, so that every device sums in the same order. */
enum { MIN_CHUNK_ROWS = 64, MAX_CHUNKS = 128 };

static uint32_t chunk_rows(uint32_t rows)
{
    const uint32_t even = (rows + MAX_CHUNKS - 1) / MAX_CHUNKS;
    return even > MIN_CHUNK_ROWS ? even : MIN_CHUNK_ROWS;
}

static uint32_t chunk_count(uint32_t rows)
{
    return (rows + chunk_rows(rows) - 1) / chunk_rows(rows);
}

uint64_t columns_workspace_bytes(uint32_t rows, uint32_t width)
{
    return (uint64_t)chunk_count(rows) * width * sizeof(float);
}

static void dispatch(GpuStream *stream, uint32_t mode, GpuSpan out, GpuSpan y, GpuSpan x, GpuSpan s,
                     ColumnsLayout layout, GpuSpan workspace)
{
    if (layout.rows == 0) {
        return;
    }
    const uint32_t chunks = chunk_count(layout.rows);
    if (workspace.size < columns_workspace_bytes(layout.rows, layout.width)) {
        gpu_stream_fail(stream, STATUS_FAILED, "columns: the workspace is smaller than columns_workspace_bytes()");
        return;
    }
    const GpuSpan  partial = gpu_span_slice(workspace, 0, columns_workspace_bytes(layout.rows, layout.width));
    const uint32_t group   = ops_group_lanes(stream);
    const Units    units   = units_for(stream, layout.width | layout.token_stride | layout.offset, y);
    const uint32_t width = layout.width / units.size, blocks = (width + group - 1) / group;
    const uint32_t push[8] = {layout.rows,
                              width,
                              layout.per_token,
                              layout.token_stride / units.size,
                              layout.offset / units.size,
                              chunk_rows(layout.rows),
                              chunks,
                              blocks};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "columns",
                                        .spec       = {group, units.size, units.texels, mode},
                                        .spec_count = 4,
                                        .bind       = {gpu_write(partial), gpu_read(y), gpu_read(x), gpu_read(s),
                                                       texels_bind(y, units.texels), texels_bind(x, units.texels)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)chunks * blocks, 1)});
    const uint32_t finish[2] = {layout.width, chunks};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "columns_finish",
                                        .spec       = {group},
                                        .spec_count = 1,
                                        .bind       = {gpu_read_write(out), gpu_read(partial)},
                                        .push       = finish,
                                        .push_size  = sizeof finish,
                                        .groups     = gpu_groups(layout.width, group)});
}

static ColumnsLayout plain(uint32_t rows, uint32_t width)
{
    return (ColumnsLayout){.rows = rows, .width = width, .per_token = 1, .token_stride = width, .offset = 0};
}

void columns_sum(GpuStream *stream, GpuSpan db, GpuSpan dy, uint32_t rows, uint32_t width, GpuSpan workspace)
{
    dispatch(stream, SUM, db, dy, dy, dy, plain(rows, width), workspace);
}

void columns_weighted_sum(GpuStream *stream, GpuSpan dw, GpuSpan y, GpuSpan s, uint32_t rows, uint32_t width,
                          GpuSpan workspace)
{
    dispatch(stream, SCALE, dw, y, y, s, plain(rows, width), workspace);
}

void columns_product_sum(GpuStream *stream, GpuSpan dw, GpuSpan y, GpuSpan x, GpuSpan s, ColumnsLayout layout,
                         GpuSpan workspace)
{
    dispatch(stream, NORM, dw, y, x, s, layout, workspace);
}
