#include "engine/ops/embedding.h"

#include <string.h>

#include "engine/io/quantize.h"
#include "engine/ops/ops.h"
#include "engine/ops/pieces.h"

static uint32_t rows_per_piece(GpuStream *stream, uint32_t width, uint32_t vocab)
{
    return ops_piece_rows(stream, "embedding: a few rows of the table exceed what the device can bind", width, vocab);
}

void embedding_forward(GpuStream *stream, GpuSpan y, GpuSpan table, GpuSpan ids, uint32_t tokens, uint32_t width,
                       uint32_t vocab)
{
    const uint32_t at_once = rows_per_piece(stream, width, vocab);
    for (uint32_t first = 0; first < vocab; first += at_once) {
        const uint32_t rows    = vocab - first < at_once ? vocab - first : at_once;
        const GpuSpan  part    = ops_row_slice(table, first, rows, width);
        const uint32_t push[6] = {tokens, width, first, rows, 0, 0};
        gpu_dispatch(stream, &(GpuDispatch){
                                 .kernel     = "embedding",
                                 .spec       = {ops_group_row(stream), WEIGHT_F32},
                                 .spec_count = 2,
                                 .bind = {gpu_write(y), gpu_read(part), gpu_read(ids), gpu_read(part), gpu_read(part)},
                                 .push = push,
                                 .push_size = sizeof push,
                                 .groups    = gpu_groups(tokens, 1),
                                 .bytes     = 8.0 * width * tokens * rows / vocab});
    }
}

uint32_t embedding_index_build(EmbeddingIndex *index, const int32_t *ids, uint32_t tokens, uint32_t vocab,
                               uint32_t *counts)
{
    memset(counts, 0, ((size_t)vocab + 1) * sizeof *counts);
    for (uint32_t t = 0; t < tokens; t++) {
        counts[ids[t]]++;
    }
    uint32_t unique = 0, start = 0;
    for (uint32_t id = 0; id < vocab; id++) {
        const uint32_t count = counts[id];
        if (count == 0) {
            continue;
        }
        index->unique_ids[unique] = id;
        index->starts[unique++]   = start;
        counts[id]                = start; /* from here: where the id's next token goes */
        start += count;
    }
    index->starts[unique] = start;
    for (uint32_t t = 0; t < tokens; t++) {
        index->order[counts[ids[t]]++] = t;
    }
    return unique;
}

void embedding_backward(GpuStream *stream, GpuSpan dtable, GpuSpan dy, GpuSpan unique_ids, GpuSpan starts,
                        GpuSpan order, uint32_t unique, uint32_t width, uint32_t vocab)
{
    const uint32_t at_once       = rows_per_piece(stream, width, vocab);
    const bool     cpu           = gpu_info(gpu_stream_gpu(stream))->type == GPU_CPU;
    const uint32_t columns       = cpu ? ops_group_row(stream) : 32;
    const uint64_t tokens        = order.size / 4; /* all of which may be one id's */
    const uint32_t group         = cpu ? ops_group_long_row(stream, tokens * columns, 1) : 256;
    const uint32_t column_blocks = (width + columns - 1) / columns;
    for (uint32_t first = 0; first < vocab; first += at_once) {
        const uint32_t rows    = vocab - first < at_once ? vocab - first : at_once;
        const uint32_t push[5] = {unique, width, column_blocks, first, rows};
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "embedding_backward",
                                    .spec       = {group, columns},
                                    .spec_count = 2,
                                    .bind = {gpu_read_write(ops_row_slice(dtable, first, rows, width)), gpu_read(dy),
                                             gpu_read(unique_ids), gpu_read(starts), gpu_read(order)},
                                    .push = push,
                                    .push_size = sizeof push,
                                    .groups    = gpu_groups((uint64_t)unique * column_blocks, 1),
                                    .bytes     = ((double)dy.size + 8.0 * width * unique) * rows / vocab});
    }
}
