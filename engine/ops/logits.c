#include "engine/ops/logits.h"

#include "engine/ops/pieces.h"
#include "engine/ops/row_panels.h"

typedef struct LogitsPush {
    uint32_t first_row, rows, vocab, stride;
    float    inverse_temperature;
} LogitsPush;

/* Rows of the chunk that one dispatch can bind; fails the stream if there are none. */
static uint32_t piece_rows(GpuStream *stream, uint32_t stride)
{
    uint32_t rows = ops_rows_per_binding(stream, stride);
    if (rows == 0) {
        gpu_stream_fail(stream, STATUS_FAILED,
                        "logits: a few rows of the vocabulary do not fit one buffer binding of this device");
    }
    return rows;
}

/* --- CPU devices with buffer addresses --- */

/* Whether the kernels by address take such rows: by their layout alone, as their bits are others. */
static bool by_address(GpuStream *stream, GpuSpan logits, uint32_t vocab, uint32_t stride)
{
    return stride % 4 == 0 && row_panels_suit(gpu_info(gpu_stream_gpu(stream)), vocab, &logits, 1);
}

static void statistics_by_address(GpuStream *stream, GpuSpan logprob, GpuSpan entropy, GpuSpan lse, GpuSpan logits,
                                  GpuSpan targets, LogitsPush sizes)
{
    const struct {
        uint64_t   logprob, entropy, lse, logits, targets;
        LogitsPush sizes;
        uint32_t   padding;
    } push               = {gpu_span_address(logprob),
                            gpu_span_address(entropy),
                            gpu_span_address(lse),
                            gpu_span_address(logits),
                            gpu_span_address(targets),
                            sizes,
                            0};
    GpuDispatch dispatch = {.kernel     = "logits_statistics_address",
                            .spec_count = 3,
                            .bind       = {gpu_by_address(logprob, GPU_WRITE), gpu_by_address(entropy, GPU_WRITE),
                                           gpu_by_address(lse, GPU_WRITE), gpu_by_address(logits, GPU_READ),
                                           gpu_by_address(targets, GPU_READ)},
                            .push       = &push,
                            .push_size  = sizeof push,
                            .groups     = gpu_groups(sizes.rows, 1)};
    row_panels_turns(gpu_info(gpu_stream_gpu(stream)), sizes.vocab, dispatch.spec);
    gpu_dispatch(stream, &dispatch);
}

static void backward_by_address(GpuStream *stream, GpuSpan logits, GpuSpan lse, GpuSpan entropy, GpuSpan targets,
                                GpuSpan dlogprob, GpuSpan dentropy, bool has_entropy, LogitsPush sizes)
{
    const struct {
        uint64_t   logits, lse, entropy, targets, dlogprob, dentropy;
        LogitsPush sizes;
        uint32_t   padding;
    } push               = {gpu_span_address(logits),
                            gpu_span_address(lse),
                            gpu_span_address(entropy),
                            gpu_span_address(targets),
                            gpu_span_address(dlogprob),
                            gpu_span_address(dentropy),
                            sizes,
                            0};
    GpuDispatch dispatch = {.kernel     = "logits_backward_address",
                            .spec       = {[3] = has_entropy},
                            .spec_count = 4,
                            .bind       = {gpu_by_address(logits, GPU_READ_WRITE), gpu_by_address(lse, GPU_READ),
                                           gpu_by_address(entropy, GPU_READ), gpu_by_address(targets, GPU_READ),
                                           gpu_by_address(dlogprob, GPU_READ), gpu_by_address(dentropy, GPU_READ)},
                            .push       = &push,
                            .push_size  = sizeof push,
                            .groups     = gpu_groups(sizes.rows, 1)};
    row_panels_turns(gpu_info(gpu_stream_gpu(stream)), sizes.vocab, dispatch.spec);
    gpu_dispatch(stream, &dispatch);
}

/* --- all devices --- */

void logits_statistics(GpuStream *stream, GpuSpan logprob, GpuSpan entropy, GpuSpan lse, GpuSpan logits,
                       GpuSpan targets, float temperature, uint32_t first_row, uint32_t rows, uint32_t vocab,
                       uint32_t stride)
{
    if (by_address(stream, logits, vocab, stride)) {
        statistics_by_address(stream, logprob, entropy, lse, logits, targets,
                              (LogitsPush){first_row, rows, vocab, stride, 1.0f / temperature});
        return;
    }
    uint32_t step = piece_rows(stream, stride);
    for (uint32_t row = 0; step > 0 && row < rows; row += step) {
        uint32_t   count = rows - row < step ? rows - row : step;
        LogitsPush push  = {first_row + row, count, vocab, stride, 1.0f / temperature};
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "logits_statistics",
                                    .spec       = {ops_group_long_row(stream, vocab, 2)},
                                    .spec_count = 1,
                                    .bind       = {gpu_write(logprob), gpu_write(entropy), gpu_write(lse),
                                                   gpu_read(ops_row_slice(logits, row, count, stride)), gpu_read(targets)},
                                    .push       = &push,
                                    .push_size  = sizeof push,
                                    .groups     = gpu_groups(count, 1)});
    }
}

void logits_backward(GpuStream *stream, GpuSpan logits, GpuSpan lse, GpuSpan entropy, GpuSpan targets, GpuSpan dlogprob,
                     GpuSpan dentropy, float temperature, uint32_t first_row, uint32_t rows, uint32_t vocab,
                     uint32_t stride)
{
    bool has_entropy = dentropy.buffer != NULL;
    if (by_address(stream, logits, vocab, stride)) {
        backward_by_address(stream, logits, lse, has_entropy ? entropy : lse, targets, dlogprob,
                            has_entropy ? dentropy : dlogprob, has_entropy,
                            (LogitsPush){first_row, rows, vocab, stride, 1.0f / temperature});
        return;
    }
    uint32_t step = piece_rows(stream, stride);
    for (uint32_t row = 0; step > 0 && row < rows; row += step) {
        uint32_t   count = rows - row < step ? rows - row : step;
        LogitsPush push  = {first_row + row, count, vocab, stride, 1.0f / temperature};
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "logits_backward",
                                    .spec       = {ops_group_long_row(stream, vocab, 1), has_entropy},
                                    .spec_count = 2,
                                    .bind = {gpu_read_write(ops_row_slice(logits, row, count, stride)), gpu_read(lse),
                                             gpu_read(has_entropy ? entropy : lse), gpu_read(targets),
                                             gpu_read(dlogprob), gpu_read(has_entropy ? dentropy : dlogprob)},
                                    .push = &push,
                                    .push_size = sizeof push,
                                    .groups    = gpu_groups(count, 1)});
    }
}

void cross_entropy(GpuStream *stream, GpuSpan dlogprob, GpuSpan sums, GpuSpan logprob, GpuSpan weight, uint32_t rows)
{
    if (rows == 0) {
        return;
    }
    gpu_dispatch(
        stream, &(GpuDispatch){.kernel     = "cross_entropy",
                               .spec       = {ops_group_long_row(stream, rows, 1)},
                               .spec_count = 1,
                               .bind = {gpu_write(dlogprob), gpu_read_write(sums), gpu_read(logprob), gpu_read(weight)},
                               .push = &rows,
                               .push_size = sizeof rows,
                               .groups    = {1, 1, 1}});
}
