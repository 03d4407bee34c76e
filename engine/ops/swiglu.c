#include "engine/ops/swiglu.h"

#include <assert.h>

#include "engine/ops/ops.h"
#include "engine/ops/pieces.h"
#include "engine/ops/units.h"

/* These are the widest tensors of a model; of a long batch they may be more than one binding. */
static uint32_t piece_tokens(GpuStream *stream, uint32_t tokens, uint32_t ff)
{
    return ops_piece_rows(stream, "SwiGLU: 64 tokens are more than the device binds at once", 2 * (uint64_t)ff, tokens);
}

void swiglu_forward(GpuStream *stream, TypedSpan act, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const uint32_t step = piece_tokens(stream, tokens, ff);
    for (uint32_t first = 0; first < tokens; first += step) {
        const uint32_t count = tokens - first < step ? tokens - first : step;
        const GpuSpan  from  = ops_row_slice(gate_up, first, count, 2 * (uint64_t)ff);
        const Units    units = units_for(stream, ff, from);
        assert(!typed_halves(act) || units.size == 4);
        const uint32_t push[2] = {count, ff / units.size};
        gpu_dispatch(stream, &(GpuDispatch){
                                 .kernel     = "swiglu",
                                 .spec       = {ops_group_row(stream), units.size, units.texels, act.type},
                                 .spec_count = 4,
                                 .bind = {gpu_write(typed_slice(act, (uint64_t)first * ff, (uint64_t)count * ff).span),
                                          gpu_read(from), texels_bind(from, units.texels)},
                                 .push = push,
                                 .push_size = sizeof push,
                                 .groups    = gpu_groups(count, 1)});
    }
}

void swiglu_backward(GpuStream *stream, TypedSpan dgate_up, GpuSpan dact, GpuSpan gate_up, uint32_t tokens, uint32_t ff)
{
    const uint32_t step = piece_tokens(stream, tokens, ff);
    for (uint32_t first = 0; first < tokens; first += step) {
        const uint32_t count  = tokens - first < step ? tokens - first : step;
        const GpuSpan  from   = ops_row_slice(gate_up, first, count, 2 * (uint64_t)ff);
        const GpuSpan  d_from = ops_row_slice(dact, first, count, ff);
        const Units    units  = units_for(stream, ff, from);
        assert(!typed_halves(dgate_up) || units.size == 4);
        const uint32_t push[2] = {count, ff / units.size};
        gpu_dispatch(
            stream,
            &(GpuDispatch){
                .kernel     = "swiglu_backward",
                .spec       = {ops_group_row(stream), units.size, units.texels, dgate_up.type},
                .spec_count = 4,
                .bind      = {gpu_write(typed_slice(dgate_up, 2 * (uint64_t)first * ff, 2 * (uint64_t)count * ff).span),
                              gpu_read(d_from), gpu_read(from), texels_bind(d_from, units.texels),
                              texels_bind(from, units.texels)},
                .push      = push,
                .push_size = sizeof push,
                .groups    = gpu_groups(count, 1)});
    }
}
