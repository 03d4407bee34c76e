/* Token embedding: rows of a table, and its gradient without atomics.
 *
 * The gradient needs the tokens sorted by id, which the host does when it knows
 * the batch:
 *
 *     EmbeddingIndex index = {.unique_ids = …, .starts = …, .order = …};  // room for tokens, tokens + 1, tokens
 *     uint32_t unique = embedding_index_build(&index, ids, tokens, vocab, counts);
 *     …upload the three arrays…
 *     embedding_backward(stream, dtable, dy, unique_ids, starts, order, unique, width, vocab);
 *
 * Tables larger than what a device binds at once are taken in pieces.
 */
#ifndef ENGINE_OPS_EMBEDDING_H
#define ENGINE_OPS_EMBEDDING_H

#include "engine/vk/stream.h"

/* y[tokens, width] = table[vocab, width][ids[tokens]]; ids are int32 in [0, vocab). */
void embedding_forward(GpuStream *stream, GpuSpan y, GpuSpan table, GpuSpan ids, uint32_t tokens, uint32_t width,
                       uint32_t vocab);

/* The tokens of a batch by id. Token numbers under one id are ascending. */
typedef struct EmbeddingIndex {
    uint32_t *unique_ids; /* [unique], room for `tokens`; ascending                       */
    uint32_t *starts;     /* [unique + 1], room for `tokens + 1`                          */
    uint32_t *order;      /* [tokens]: id unique_ids[u] is at order[starts[u]..starts[u+1]) */
} EmbeddingIndex;

/* Fills the index by a counting sort and returns `unique`. ids[tokens] must lie
 * in [0, vocab); `counts` is scratch for vocab + 1 numbers. */
uint32_t embedding_index_build(EmbeddingIndex *index, const int32_t *ids, uint32_t tokens, uint32_t vocab,
                               uint32_t *counts);

/* dtable[vocab, width] += the gradient dy[tokens, width], the three uint32 spans
 * being those of EmbeddingIndex. */
void embedding_backward(GpuStream *stream, GpuSpan dtable, GpuSpan dy, GpuSpan unique_ids, GpuSpan starts,
                        GpuSpan order, uint32_t unique, uint32_t width, uint32_t vocab);

#endif
