#include "engine/ops/adamw.h"

#include <math.h>

#include "engine/ops/pieces.h"

enum { NORM_BLOCK = 8192 }; /* gradients per workgroup of grad_norm_partial */

static uint64_t norm_blocks(uint64_t count)
{
    return (count + NORM_BLOCK - 1) / NORM_BLOCK;
}

/* Where the range is cut (GpuLayout) a block ends early. */
uint64_t grad_norm_bytes(uint64_t count)
{
    return gpu_align((norm_blocks(count) + GPU_LAYOUT_CUTS + 1) * sizeof(float));
}

/* Elements per piece: whole blocks, so that the partial sums do not depend on how much the device binds. */
static uint64_t piece_elements(GpuStream *stream)
{
    uint64_t elements = ops_elements_per_binding(stream);
    return elements - elements % NORM_BLOCK;
}

/* Elements of the piece that begins at `first`: at most `most`, and in one buffer. */
static uint64_t piece_of(GpuSpan range, uint64_t first, uint64_t count, uint64_t most)
{
    const uint64_t whole = gpu_span_whole(range, first * sizeof(float)) / sizeof(float);
    const uint64_t left  = count - first < most ? count - first : most;
    return whole < left ? whole : left;
}

void grad_norm(GpuStream *stream, GpuSpan norm, GpuSpan gradient, GpuSpan partial, float max_norm, float unscale,
               uint64_t count)
{
    const uint64_t most   = piece_elements(stream);
    uint64_t       blocks = 0;
    for (uint64_t first = 0, piece; first < count; first += piece, blocks += norm_blocks(piece)) {
        piece = piece_of(gradient, first, count, most);
        struct {
            uint32_t first_block, count;
        } push = {(uint32_t)blocks, (uint32_t)piece};
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "grad_norm_partial",
                                    .spec       = {ops_group_row(stream), NORM_BLOCK},
                                    .spec_count = 2,
                                    .bind = {gpu_write(partial), gpu_read(ops_row_slice(gradient, first, piece, 1))},
                                    .push = &push,
                                    .push_size = sizeof push,
                                    .groups    = gpu_groups(norm_blocks(piece), 1)});
    }
    grad_norm_of_sums(stream, norm, partial, max_norm, unscale, (uint32_t)blocks);
}

void grad_norm_of_sums(GpuStream *stream, GpuSpan norm, GpuSpan sums, float max_norm, float unscale, uint32_t blocks)
{
    const struct {
        uint32_t blocks;
        float    max_norm, unscale;
    } push = {blocks, max_norm, unscale};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "grad_norm",
                                        .spec       = {ops_group_long_row(stream, blocks, 1)},
                                        .spec_count = 1,
                                        .bind       = {gpu_write(norm), gpu_read(sums)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = {1, 1, 1}});
}

void adamw(GpuStream *stream, GpuSpan parameter, GpuSpan first_moment, GpuSpan second_moment, GpuSpan gradient,
           GpuSpan norm, const AdamwOptions *options, uint64_t step, uint64_t decay_count, uint64_t count)
{
    double         correction1 = 1.0 - pow(options->beta1, (double)step);
    double         correction2 = 1.0 - pow(options->beta2, (double)step);
    const uint64_t most        = piece_elements(stream);
    for (uint64_t first = 0, piece; first < count; first += piece) {
        piece                = piece_of(parameter, first, count, most);
        piece                = piece_of(first_moment, first, first + piece, piece);
        piece                = piece_of(second_moment, first, first + piece, piece);
        piece                = piece_of(gradient, first, first + piece, piece);
        const uint64_t decay = decay_count > first ? decay_count - first : 0;
        struct {
            uint32_t count, decay_count;
            float    decay, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_root, eps;
        } push = {.count           = (uint32_t)piece,
                  .decay_count     = (uint32_t)(decay < piece ? decay : piece),
                  .decay           = (float)(1.0 - options->lr * options->weight_decay),
                  .beta1           = (float)options->beta1,
                  .one_minus_beta1 = (float)(1.0 - options->beta1),
                  .beta2           = (float)options->beta2,
                  .one_minus_beta2 = (float)(1.0 - options->beta2),
                  .step_size       = (float)(options->lr / correction1),
                  .inverse_root    = (float)(1.0 / sqrt(correction2)),
                  .eps             = (float)options->eps};
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "adamw",
                                    .spec       = {ops_group_elements(stream)},
                                    .spec_count = 1,
                                    .bind       = {gpu_read_write(ops_row_slice(parameter, first, piece, 1)),
                                                   gpu_read_write(ops_row_slice(first_moment, first, piece, 1)),
                                                   gpu_read_write(ops_row_slice(second_moment, first, piece, 1)),
                                                   gpu_read(ops_row_slice(gradient, first, piece, 1)), gpu_read(norm)},
                                    .push       = &push,
                                    .push_size  = sizeof push,
                                    .groups     = gpu_groups(piece, ops_group_elements(stream))});
    }
}
