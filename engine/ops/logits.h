/* From logits to log-probabilities and back, for one chunk of rows at a time: the
 * [tokens, vocab] matrix is never whole in memory.
 *
 *     for each chunk of `rows` tokens, first_row = index of its first:
 *         …GEMM: logits [rows, stride] = hidden [rows, width] x embedding^T…
 *         logits_statistics(stream, logprob, entropy, lse, logits, targets, T, first_row, rows, vocab, stride);
 *         …dlogprob, dentropy from the loss…
 *         logits_backward(stream, logits, lse, entropy, targets, dlogprob, dentropy, T, first_row, rows, vocab,
 *                         stride);
 *         …GEMMs: dhidden, dembedding from logits, which now hold dL/dlogits…
 *
 * With z = logits / temperature, p = softmax(z). `logits` is the chunk [rows, stride]
 * f32, of whose columns the first `vocab` count; every other span holds one 4-byte element per token of the whole
 * batch, and row r of the chunk is element first_row + r of it.
 */
#ifndef ENGINE_OPS_LOGITS_H
#define ENGINE_OPS_LOGITS_H

#include "engine/ops/ops.h"

/* Floats from a row of logits to the next where their products are to be fast: whole vec4s, whatever the vocabulary.
 * What lies between is never read. */
static inline uint32_t logits_stride(uint32_t vocab)
{
    return (vocab + 3) & ~3u;
}

/* logprob = z_target - lse, entropy = -sum_j p_j log p_j in nats, lse = log sum_j e^(z_j).
 * targets i32; where it is -1 the logprob is 0 (entropy and lse are still written). */
void logits_statistics(GpuStream *stream, GpuSpan logprob, GpuSpan entropy, GpuSpan lse, GpuSpan logits,
                       GpuSpan targets, float temperature, uint32_t first_row, uint32_t rows, uint32_t vocab,
                       uint32_t stride);

/* In place, logits -> dL/dlogits:
 *     dlogit_j = (g (1[j = target] - p_j) - e p_j (log p_j + H)) / temperature
 * with g = dlogprob = dL/dlogprob and e = dentropy = dL/dentropy of the row (span with
 * buffer NULL: 0). Cross-entropy with weight w is g = -w. Rows whose target is -1 become 0. */
void logits_backward(GpuStream *stream, GpuSpan logits, GpuSpan lse, GpuSpan entropy, GpuSpan targets, GpuSpan dlogprob,
                     GpuSpan dentropy, float temperature, uint32_t first_row, uint32_t rows, uint32_t vocab,
                     uint32_t stride);

/* Weighted cross-entropy over all rows: dlogprob = -weight, and sums += {sum of -weight * logprob,
 * sum of weight} (f32 [2], zeroed by the caller; adds up over micro-batches). Summed in one
 * fixed order. */
void cross_entropy(GpuStream *stream, GpuSpan dlogprob /* [rows] */, GpuSpan sums /* [2] */,
                   GpuSpan logprob /* [rows] */, GpuSpan weight /* [rows] */, uint32_t rows);

#endif
