/* The output heads: log-probabilities chunk by chunk, and the critic's value. */
#include "engine/model/workspace.h"
#include "engine/ops/logits.h"
#include "engine/ops/matmul.h"
#include "engine/ops/value_head.h"

/* The head's gradient. */
static GpuSpan head_gradient(const Model *model, GpuSpan gradients)
{
    return model_span(gradients, model->head, (uint64_t)model->config.vocab_size * model->config.hidden_size);
}

void head_logits(GpuStream *s, Workspace *work, const Model *model, uint32_t first, uint32_t count)
{
    const uint32_t d = model->config.hidden_size, vocab = model->config.vocab_size;
    work->has_logits = false;
    weight_matmul(s,
                  &(Matmul){.layout = MATMUL_NT,
                            .c      = work->logits,
                            .a      = gpu_span_slice(work->rows_norm, (uint64_t)first * d * 4, (uint64_t)count * d * 4),
                            .m      = count,
                            .n      = vocab,
                            .n_room = logits_stride(vocab),
                            .ldc    = logits_stride(vocab),
                            .k      = d,
                            .workspace = work->scratch},
                  model_head(model));
}

/* Rows per chunk of this batch. Chunks start at multiples of 64 rows, where spans may be bound. */
static uint32_t chunk_of(const Workspace *work, const Batch *batch)
{
    if (batch->rows <= work->chunk_rows) {
        return batch->rows;
    }
    return work->chunk_rows > 64 ? work->chunk_rows & ~63u : work->chunk_rows;
}

void head_logprobs(GpuStream *s, Workspace *work, const Model *model, const Batch *batch, float temperature,
                   GpuSpan logprob, GpuSpan entropy, GpuSpan lse)
{
    const uint32_t chunk = chunk_of(work, batch);
    for (uint32_t first = 0; first < batch->rows; first += chunk) {
        const uint32_t count = batch->rows - first < chunk ? batch->rows - first : chunk;
        head_logits(s, work, model, first, count);
        logits_statistics(s, logprob, entropy, lse, work->logits, batch->targets, temperature, first, count,
                          model->config.vocab_size, logits_stride(model->config.vocab_size));
    }
    work->has_logits = batch->rows <= chunk;
}

/* d_rows is written by the first head of a batch and added to by the next. */
void head_backward(GpuStream *s, Workspace *work, const Model *model, GpuSpan gradients, const Batch *batch,
                   float temperature, GpuSpan lse, GpuSpan entropy, GpuSpan dlogprob, GpuSpan dentropy)
{
    const uint32_t d = model->config.hidden_size, vocab = model->config.vocab_size, chunk = chunk_of(work, batch);
    for (uint32_t first = 0; first < batch->rows; first += chunk) {
        const uint32_t count = batch->rows - first < chunk ? batch->rows - first : chunk;
        const uint64_t at = (uint64_t)first * d * 4, bytes = (uint64_t)count * d * 4;
        if (!work->has_logits) {
            head_logits(s, work, model, first, count);
        }
        work->has_logits = false; /* their gradient takes their place */
        logits_backward(s, work->logits, lse, entropy, batch->targets, dlogprob, dentropy, temperature, first, count,
                        vocab, logits_stride(vocab));
        weight_matmul(s,
                      &(Matmul){.layout     = MATMUL_NN,
                                .c          = gpu_span_slice(work->d_rows, at, bytes),
                                .a          = work->logits,
                                .accumulate = work->d_started,
                                .m          = count,
                                .n          = d,
                                .k          = vocab,
                                .lda        = logits_stride(vocab),
                                .workspace  = work->scratch},
                      model_head(model));
        if (model->lora != NULL) {
            continue; /* the head is frozen */
        }
        matmul(s, &(Matmul){.layout     = MATMUL_TN,
                            .compute    = model->config.compute,
                            .c          = head_gradient(model, gradients),
                            .a          = work->logits,
                            .b          = gpu_span_slice(work->rows_norm, at, bytes),
                            .accumulate = true,
                            .m          = vocab,
                            .n          = d,
                            .k          = count,
                            .lda        = logits_stride(vocab),
                            .workspace  = work->scratch});
    }
    work->d_started = true;
}

void value_forward(GpuStream *s, Workspace *work, const Model *model, const Batch *batch, GpuSpan value)
{
    const uint32_t d = model->config.hidden_size;
    const GpuSpan  p = model_trained(model); /* a value head is always trained */
    value_head_forward(s, value, work->rows_norm, model_span(p, model->value_weight, d),
                       model_span(p, model->value_bias, 1), batch->rows, d);
}

void value_backward(GpuStream *s, Workspace *work, const Model *model, GpuSpan gradients, const Batch *batch,
                    GpuSpan dvalue)
{
    const uint32_t d = model->config.hidden_size;
    if (!work->d_started) {
        gpu_fill(s, gpu_span_slice(work->d_rows, 0, (uint64_t)batch->rows * d * 4), 0);
        work->d_started = true;
    }
    value_head_backward(s, work->d_rows, model_span(gradients, model->value_weight, d),
                        model_span(gradients, model->value_bias, 1), dvalue, work->rows_norm,
                        model_span(model_trained(model), model->value_weight, d), batch->rows, d, work->scratch);
}
