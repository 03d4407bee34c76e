#include "engine/ops/swiglu.h"

#include <assert.h>

#include "engine/ops/ops.h"
#include "engine/ops/pieces.h"
#include "engine/ops/row_panels.h"
#include "engine/ops/units.h"

enum { MOST_TOKENS = 65536 - 64 }; /* workgroups of a dispatch; the next piece begins at a bindable place */

/* These are the widest tensors of a model; of a long batch they may be more than one binding. */
static uint32_t piece_tokens(GpuStream *stream, uint32_t tokens, uint32_t ff)
{
    const uint32_t fit =
        ops_piece_rows(stream, "SwiGLU: 64 tokens are more than the device binds at once", 2 * (uint64_t)ff, tokens);
    return fit < MOST_TOKENS ? fit : MOST_TOKENS;
}

/* Whether shaders/swiglu_address.comp takes such rows. */
static bool by_address(GpuStream *stream, uint32_t ff, const GpuSpan *spans, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (spans[i].size > (uint64_t)1 << 28) { /* what it indexes */
            return false;
        }
    }
    return row_panels_suit(gpu_info(gpu_stream_gpu(stream)), ff, spans, count);
}

void swiglu_forward(GpuStream *stream, TypedSpan act, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const uint32_t step = piece_tokens(stream, tokens, ff);
    for (uint32_t first = 0; first < tokens; first += step) {
        const uint32_t count = tokens - first < step ? tokens - first : step;
        const GpuSpan  from  = ops_row_slice(gate_up, first, count, 2 * (uint64_t)ff);
        const GpuSpan  to    = typed_slice(act, (uint64_t)first * ff, (uint64_t)count * ff).span;
        if (!typed_halves(act) && by_address(stream, ff, (GpuSpan[]){to, from}, 2)) {
            const struct {
                uint64_t act, gate_up;
                uint32_t ff, padding;
            } push               = {gpu_span_address(to), gpu_span_address(from), ff, 0};
            GpuDispatch dispatch = {.kernel     = "swiglu_address",
                                    .spec_count = 3,
                                    .bind       = {gpu_by_address(to, GPU_WRITE), gpu_by_address(from, GPU_READ)},
                                    .push       = &push,
                                    .push_size  = sizeof push,
                                    .groups     = {count, 1, 1}};
            row_panels_turns(gpu_info(gpu_stream_gpu(stream)), ff, dispatch.spec);
            gpu_dispatch(stream, &dispatch);
            continue;
        }
        const Units units = units_for(stream, ff, from);
        assert(!typed_halves(act) || units.size == 4);
        const uint32_t push[2] = {count, ff / units.size};
        gpu_dispatch(stream, &(GpuDispatch){.kernel     = "swiglu",
                                            .spec       = {ops_group_row(stream), units.size, units.texels, act.type},
                                            .spec_count = 4,
                                            .bind = {gpu_write(to), gpu_read(from), texels_bind(from, units.texels)},
                                            .push = push,
                                            .push_size = sizeof push,
                                            .groups    = {count, 1, 1}});
    }
}

void swiglu_backward(GpuStream *stream, TypedSpan dgate_up, GpuSpan dact, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const uint32_t step = piece_tokens(stream, tokens, ff);
    for (uint32_t first = 0; first < tokens; first += step) {
        const uint32_t count  = tokens - first < step ? tokens - first : step;
        const GpuSpan  from   = ops_row_slice(gate_up, first, count, 2 * (uint64_t)ff);
        const GpuSpan  d_from = ops_row_slice(dact, first, count, ff);
        const GpuSpan  to     = typed_slice(dgate_up, 2 * (uint64_t)first * ff, 2 * (uint64_t)count * ff).span;
        if (!typed_halves(dgate_up) && by_address(stream, ff, (GpuSpan[]){to, d_from, from}, 3)) {
            const struct {
                uint64_t dgate_up, dact, gate_up;
                uint32_t ff, padding;
            } push               = {gpu_span_address(to), gpu_span_address(d_from), gpu_span_address(from), ff, 0};
            GpuDispatch dispatch = {.kernel     = "swiglu_backward_address",
                                    .spec_count = 3,
                                    .bind       = {gpu_by_address(to, GPU_WRITE), gpu_by_address(d_from, GPU_READ),
                                                   gpu_by_address(from, GPU_READ)},
                                    .push       = &push,
                                    .push_size  = sizeof push,
                                    .groups     = {count, 1, 1}};
            row_panels_turns(gpu_info(gpu_stream_gpu(stream)), ff, dispatch.spec);
            gpu_dispatch(stream, &dispatch);
            continue;
        }
        const Units units = units_for(stream, ff, from);
        assert(!typed_halves(dgate_up) || units.size == 4);
        const uint32_t push[2] = {count, ff / units.size};
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "swiglu_backward",
                                    .spec       = {ops_group_row(stream), units.size, units.texels, dgate_up.type},
                                    .spec_count = 4,
                                    .bind       = {gpu_write(to), gpu_read(d_from), gpu_read(from),
                                                   texels_bind(d_from, units.texels), texels_bind(from, units.texels)},
                                    .push       = push,
                                    .push_size  = sizeof push,
                                    .groups     = {count, 1, 1}});
    }
}
