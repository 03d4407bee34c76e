/* What one SFT step trains on: packed sequences with a loss weight per token. */
#ifndef RLSP_TRAIN_SFT_BATCH_H
#define RLSP_TRAIN_SFT_BATCH_H

#include <stdint.h>

#include "engine/error.h"

/* Starts as {0}; the memory is used again for the next step. */
typedef struct SftBatch {
    int32_t  *ids;    /* [starts[sequences]]                                                       */
    float    *weight; /* of the loss at ids[i] as a target; of a step they make the mean that is minimised */
    uint32_t *starts; /* [sequences + 1]                                                           */
    uint32_t  sequences;
    uint32_t  id_capacity, sequence_capacity;
    uint64_t  targets; /* tokens with a weight                                                      */
} SftBatch;

/* Empties the batch. */
Status sft_batch_clear(SftBatch *batch, Error *error);

/* Makes room for one more sequence of `count` tokens: to be written at starts[sequences], and then counted by
 * starts[++sequences]. */
Status sft_batch_reserve(SftBatch *batch, uint32_t count, Error *error);

void sft_batch_free(SftBatch *batch);

#endif
