#include "engine/ops/dropout.h"

#include <assert.h>

#include "engine/ops/ops.h"
#include "engine/ops/pieces.h"

static void dispatch(GpuStream *stream, GpuSpan y, TypedSpan x, uint32_t tokens, uint32_t width,
                     const DropoutMask *mask, bool adds)
{
    const uint32_t unit  = width % 4 == 0 ? 4 : 1;
    const uint32_t group = ops_group_elements(stream);
    assert(!typed_halves(x) || unit == 4);
    const uint32_t step =
        ops_piece_rows(stream, "dropout: 64 tokens are more than the device binds at once", width, tokens);
    for (uint32_t first = 0; first < tokens; first += step) {
        const uint32_t rows = tokens - first < step ? tokens - first : step;
        const struct {
            uint32_t count, first, key[2], row, step;
            float    rate, scale;
        } push             = {.count = (uint32_t)((uint64_t)rows * width / unit),
                              .first = (uint32_t)((uint64_t)first * width / unit),
                              .key   = {(uint32_t)mask->seed, (uint32_t)(mask->seed >> 32)},
                              .row   = mask->row,
                              .step  = mask->step,
                              .rate  = mask->rate,
                              .scale = 1.0f / (1.0f - mask->rate)};
        const GpuSpan to   = ops_row_slice(y, first, rows, width),
                      from = typed_slice(x, (uint64_t)first * width, (uint64_t)rows * width).span;
        gpu_dispatch(stream, &(GpuDispatch){.kernel     = "dropout",
                                            .spec       = {group, unit, adds, x.type},
                                            .spec_count = 4,
                                            .bind       = {adds ? gpu_read_write(to) : gpu_write(to), gpu_read(from)},
                                            .push       = &push,
                                            .push_size  = sizeof push,
                                            .groups     = gpu_groups(push.count, group)});
    }
}

void dropout_forward(GpuStream *stream, GpuSpan y, TypedSpan x, uint32_t tokens, uint32_t width,
                     const DropoutMask *mask)
{
    dispatch(stream, y, x, tokens, width, mask, false);
}

void dropout_backward(GpuStream *stream, GpuSpan dx, GpuSpan dy, uint32_t tokens, uint32_t width,
                      const DropoutMask *mask)
{
    dispatch(stream, dx, typed_f32(dy), tokens, width, mask, true);
}
