#include "rlsp/train/sft_batch.h"

#include <stdlib.h>

Status sft_batch_clear(SftBatch *batch, Error *error)
{
    batch->sequences = 0;
    batch->targets   = 0;
    return sft_batch_reserve(batch, 1, error);
}

Status sft_batch_reserve(SftBatch *batch, uint32_t count, Error *error)
{
    const uint64_t used = batch->sequences > 0 ? batch->starts[batch->sequences] : 0, wanted = used + count;
    if (wanted > UINT32_MAX) {
        return error_set(error, STATUS_BAD_INPUT,
                         "SFT data: a step of more than %u tokens; lower sft.batch_size or sft.batch_tokens",
                         UINT32_MAX);
    }
    if (wanted > batch->id_capacity) {
        const uint32_t capacity = wanted > UINT32_MAX / 2 ? UINT32_MAX : (uint32_t)wanted * 2;
        int32_t       *grown    = realloc(batch->ids, capacity * sizeof *grown);
        if (grown != NULL) {
            batch->ids = grown;
        }
        float *weights = realloc(batch->weight, capacity * sizeof *weights);
        if (weights != NULL) {
            batch->weight = weights;
        }
        if (grown == NULL || weights == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
        }
        batch->id_capacity = capacity;
    }
    if (batch->sequences + 2 > batch->sequence_capacity) {
        const uint32_t capacity = batch->sequence_capacity * 2 + 64;
        uint32_t      *grown    = realloc(batch->starts, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
        }
        batch->starts            = grown;
        batch->sequence_capacity = capacity;
        batch->starts[0]         = 0;
    }
    return STATUS_OK;
}

void sft_batch_free(SftBatch *batch)
{
    free(batch->ids);
    free(batch->weight);
    free(batch->starts);
    *batch = (SftBatch){0};
}
