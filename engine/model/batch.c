#include "engine/model/batch.h"

#include <stdlib.h>
#include <string.h>

#include "engine/ops/attention.h"
#include "engine/ops/embedding.h"

/* Takes the next `count` 4-byte elements of the blob. */
static GpuSpan carve(const Batch *batch, uint64_t *offset, uint64_t count)
{
    GpuSpan span = gpu_span_slice(batch->blob, *offset, count * 4);
    *offset += gpu_align(count * 4);
    return span;
}

static void *host_of(const Batch *batch, GpuSpan span)
{
    return batch->host + (span.offset - batch->blob.offset);
}

Batch *batch_new(Gpu *gpu, const ModelConfig *config, uint32_t max_tokens, uint32_t max_rows, uint32_t max_sequences,
                 Error *error)
{
    Batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "making a batch: out of host memory");
        return NULL;
    }
    max_rows = max_rows > 0 ? max_rows : 1;
    *batch   = (Batch){
          .gpu = gpu, .config = *config, .max_tokens = max_tokens, .max_rows = max_rows, .max_sequences = max_sequences};
    uint64_t max_tiles = (uint64_t)max_tokens / attention_lanes(gpu_transfer_stream(gpu)) + max_sequences + 1;
    max_tiles          = max_tiles < max_tokens ? max_tiles : max_tokens;
    uint64_t bytes     = 4 * gpu_align((uint64_t)max_tokens * 4) + gpu_align(((uint64_t)max_tokens + 1) * 4) +
                     2 * gpu_align((uint64_t)max_rows * 4) + gpu_align(max_tiles * sizeof(AttentionTile));
    batch->host   = calloc(1, bytes);
    batch->counts = malloc(((size_t)config->vocab_size + 1) * sizeof *batch->counts);
    batch->arena  = gpu_arena_new(gpu, "batch indices", GPU_MEMORY_DEVICE, bytes, error);
    if (batch->host == NULL || batch->counts == NULL || batch->arena == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "making a batch: out of host memory");
        batch_free(batch);
        return NULL;
    }
    batch->blob       = gpu_arena_take(batch->arena, bytes);
    uint64_t offset   = 0;
    batch->ids        = carve(batch, &offset, max_tokens);
    batch->position   = carve(batch, &offset, max_tokens);
    batch->unique_ids = carve(batch, &offset, max_tokens);
    batch->id_order   = carve(batch, &offset, max_tokens);
    batch->id_starts  = carve(batch, &offset, (uint64_t)max_tokens + 1);
    batch->row_index  = carve(batch, &offset, max_rows);
    batch->targets    = carve(batch, &offset, max_rows);
    batch->tiles      = carve(batch, &offset, max_tiles * (sizeof(AttentionTile) / 4));
    return batch;
}

void batch_free(Batch *batch)
{
    if (batch != NULL) {
        gpu_arena_free(batch->arena);
        free(batch->host);
        free(batch->counts);
        free(batch);
    }
}

static Status check(const Batch *batch, const BatchInput *input, Error *error)
{
    const uint32_t tokens = input->starts[input->sequences];
    if (tokens > batch->max_tokens || input->row_count > batch->max_rows || input->sequences > batch->max_sequences) {
        return error_set(error, STATUS_BAD_INPUT,
                         "a batch of %u tokens, %u rows, %u sequences is larger than planned (%u, %u, %u)", tokens,
                         input->row_count, input->sequences, batch->max_tokens, batch->max_rows, batch->max_sequences);
    }
    for (uint32_t s = 0; s < input->sequences; s++) {
        uint32_t length = input->starts[s + 1] - input->starts[s];
        if (length > batch->config.max_positions) {
            return error_set(error, STATUS_BAD_INPUT, "sequence %u has %u tokens; the model's context is %u", s, length,
                             batch->config.max_positions);
        }
    }
    for (uint32_t t = 0; t < tokens; t++) {
        if (input->ids[t] < 0 || (uint32_t)input->ids[t] >= batch->config.vocab_size) {
            return error_set(error, STATUS_BAD_INPUT, "token id %d at position %u is outside the vocabulary of %u",
                             (int)input->ids[t], t, batch->config.vocab_size);
        }
    }
    for (uint32_t r = 0; r < input->row_count && input->targets != NULL; r++) {
        if (input->targets[r] < -1 || input->targets[r] >= (int32_t)batch->config.vocab_size) {
            return error_set(error, STATUS_BAD_INPUT, "target id %d of row %u is outside the vocabulary of %u",
                             (int)input->targets[r], r, batch->config.vocab_size);
        }
    }
    return STATUS_OK;
}

Status batch_set(Batch *batch, const BatchInput *input, Error *error)
{
    Status status = check(batch, input, error);
    if (status != STATUS_OK) {
        return status;
    }
    batch->tokens    = input->starts[input->sequences];
    batch->pairs     = 0;
    batch->longest   = 0;
    batch->sequences = input->sequences;
    batch->rows      = input->row_count;
    memcpy(host_of(batch, batch->ids), input->ids, batch->tokens * 4);
    int32_t *position = host_of(batch, batch->position);
    for (uint32_t s = 0; s < input->sequences; s++) {
        const uint32_t tokens = input->starts[s + 1] - input->starts[s];
        const double   length = tokens;
        batch->pairs += length * (length + 1) / 2;
        batch->longest = tokens > batch->longest ? tokens : batch->longest;
        for (uint32_t t = input->starts[s]; t < input->starts[s + 1]; t++) {
            position[t] = (int32_t)(t - input->starts[s]);
        }
    }
    if (input->row_count > 0) {
        memcpy(host_of(batch, batch->row_index), input->rows, input->row_count * 4);
        int32_t *targets = host_of(batch, batch->targets);
        for (uint32_t r = 0; r < input->row_count; r++) {
            targets[r] = input->targets != NULL ? input->targets[r] : -1;
        }
    }
    uint32_t lanes       = attention_lanes(gpu_transfer_stream(batch->gpu));
    batch->tile_count    = attention_plan(host_of(batch, batch->tiles), input->starts, input->sequences, lanes);
    EmbeddingIndex index = {.unique_ids = host_of(batch, batch->unique_ids),
                            .starts     = host_of(batch, batch->id_starts),
                            .order      = host_of(batch, batch->id_order)};
    batch->unique = embedding_index_build(&index, input->ids, batch->tokens, batch->config.vocab_size, batch->counts);
    for (uint32_t u = 0; u < batch->unique; u++) {
        /* As torch.nn.Embedding(padding_idx): looking the padding token up trains nothing. */
        if ((int64_t)index.unique_ids[u] == batch->config.pad_token_id) {
            index.unique_ids[u] = UINT32_MAX;
        }
    }
    return gpu_upload(batch->gpu, batch->blob, batch->host, batch->blob.size, error);
}
