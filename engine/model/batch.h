/* Batch: packed ragged sequences on the device, with every index the kernels need.
 *
 *     Batch *batch = batch_new(gpu, &config, max_tokens, max_rows, max_sequences, &error);
 *     batch_set(batch, &(BatchInput){.ids = ids, .starts = starts, .sequences = n,
 *                                    .rows = rows, .targets = targets, .row_count = r}, &error);
 *
 * Sequences lie one after another, [tokens], without padding. A *row* is a token
 * at whose position an output (log-probability, value) is wanted; its target is
 * the token that the position predicts, -1 for none.
 */
#ifndef ENGINE_MODEL_BATCH_H
#define ENGINE_MODEL_BATCH_H

#include "engine/model/config.h"
#include "engine/vk/memory.h"

typedef struct Batch {
    Gpu        *gpu;
    ModelConfig config;
    uint32_t    max_tokens, max_rows, max_sequences;
    uint32_t    tokens, sequences, rows, tile_count, longest, unique; /* of what was set last */
    double      pairs; /* of a query with a key before or at it, over all sequences */
    GpuArena   *arena;
    GpuSpan     ids;                             /* i32 [tokens]                                           */
    GpuSpan     position;                        /* i32 [tokens], from 0 in each sequence                  */
    GpuSpan     row_index;                       /* i32 [rows], token numbers, ascending                   */
    GpuSpan     targets;                         /* i32 [rows], -1: none                                   */
    GpuSpan     tiles;                           /* AttentionTile [tile_count]                             */
    GpuSpan     unique_ids, id_starts, id_order; /* EmbeddingIndex                    */
    GpuSpan     blob;                            /* all of the above, uploaded at once                     */
    uint8_t    *host;                            /* its copy                                               */
    uint32_t   *counts;                          /* scratch [vocab + 1]                                    */
} Batch;

typedef struct BatchInput {
    const int32_t  *ids;    /* [starts[sequences]]                                  */
    const uint32_t *starts; /* [sequences + 1]; starts[0] == 0                      */
    uint32_t        sequences;
    const int32_t  *rows;    /* [row_count] token numbers, ascending, none twice     */
    const int32_t  *targets; /* [row_count] or NULL (all -1)                         */
    uint32_t        row_count;
} BatchInput;

Batch *batch_new(Gpu *gpu, const ModelConfig *config, uint32_t max_tokens, uint32_t max_rows, uint32_t max_sequences,
                 Error *error);
void   batch_free(Batch *batch); /* NULL is allowed */

/* Checks and uploads. STATUS_BAD_INPUT if it is larger than the batch, a sequence
 * is longer than the model's context, or an id is outside the vocabulary. */
Status batch_set(Batch *batch, const BatchInput *input, Error *error);

#endif
