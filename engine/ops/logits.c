#include "engine/ops/logits.h"

#include "engine/ops/pieces.h"

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

void logits_statistics(GpuStream *stream, GpuSpan logprob, GpuSpan entropy, GpuSpan lse, GpuSpan logits,
                       GpuSpan targets, float temperature, uint32_t first_row, uint32_t rows, uint32_t vocab,
                       uint32_t stride)
{
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
    bool     has_entropy = dentropy.buffer != NULL;
    uint32_t step        = piece_rows(stream, stride);
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
