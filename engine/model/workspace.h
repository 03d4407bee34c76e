/* Workspace: the activations of a decoder, and its forward and backward.
 *
 *     Workspace *work = workspace_new(gpu, &config, max_tokens, max_rows, true, RECOMPUTE_NONE, &error);
 *     gpu_stream_begin(stream);
 *     transformer_forward(stream, work, model, batch);
 *     head_logprobs(stream, work, model, batch, 1.0f, logprob, entropy, lse);
 *     …loss: dlogprob [rows]…
 *     head_backward(stream, work, model, gradients, batch, 1.0f, lse, entropy, dlogprob, no_span);
 *     transformer_backward(stream, work, model, gradients, batch);
 *     gpu_stream_run(stream, &error);
 *
 * One function per block, forward and backward by hand, no tape. A workspace serves
 * any model of its config, one at a time: a backward belongs to the last forward.
 * Gradients are a range of the model's layout, or of its adapter's (then what is frozen gets none), and are added to.
 *
 * Kept per layer for the backward: the residual stream before the layer; and, unless
 * activations are recomputed per block, what its kernels need (about 7 hidden sizes
 * and 2 intermediate sizes per token). The [tokens, vocab] logits never exist whole:
 * the head goes chunk by chunk.
 */
#ifndef ENGINE_MODEL_WORKSPACE_H
#define ENGINE_MODEL_WORKSPACE_H

#include "engine/model/batch.h"
#include "engine/model/model.h"
#include "engine/vk/stream.h"

typedef enum Recompute { KEEP_ACTIVATIONS, RECOMPUTE_BLOCKS } Recompute;

/* What one block computes and its backward reads. */
typedef struct BlockActivations {
    GpuSpan rstd1, qkv, lse, attention, middle, rstd2, gate_up; /* [tokens, …]                       */
    GpuSpan qkv_raw, q_rstd, k_rstd;                            /* with q/k norm: before it, and its rstd */
} BlockActivations;

/* What its memory is for, an arena each. */
enum { WORKSPACE_ACTIVATIONS, WORKSPACE_HEAD, WORKSPACE_SCRATCH, WORKSPACE_PARTS };

typedef struct Workspace {
    Gpu              *gpu;
    ModelConfig       config;
    uint32_t          max_tokens, max_rows, chunk_rows;
    bool              backward; /* planned for the backward too */
    Recompute         recompute;
    GpuArena         *arenas[WORKSPACE_PARTS], *lora_arena, *dropout_arena;
    LoraScratch       lora;             /* for adapters; rank 0: none was planned */
    GpuSpan          *residual;         /* [layers + 1] of [tokens, hidden]: before each layer, after the last */
    BlockActivations *blocks;           /* [layers], or all the same one */
    TypedSpan         norm, activation; /* [tokens, hidden], [tokens, intermediate] */
    GpuSpan           d_residual, d_norm, d_qkv, d_attention, d_delta, d_activation;
    TypedSpan         d_gate_up;                                 /* [tokens, 2 intermediate] */
    GpuSpan           rows_hidden, rows_norm, rows_rstd, d_rows; /* [rows, hidden] of the head      */
    GpuSpan           logits;  /* [chunk_rows, vocab]                                            */
    GpuSpan           scratch; /* reductions and split products                                  */
    GpuSpan           rope;    /* cos, sin [max_positions used, head_dim / 2, 2]                 */
    uint32_t          rope_positions;
    bool              d_started;  /* d_rows holds gradients of this batch                           */
    bool              has_logits; /* logits holds those of all rows of the last forward             */
} Workspace;

/* `longest` is the longest sequence (RoPE table). */
Workspace *workspace_new(Gpu *gpu, const ModelConfig *config, uint32_t max_tokens, uint32_t max_rows, uint32_t longest,
                         bool backward, Recompute recompute, Error *error);
void       workspace_free(Workspace *work); /* NULL is allowed */

/* Room for models with adapters of up to this rank (0: nothing is done). */
Status workspace_add_lora(Workspace *work, uint32_t rank, Error *error);

/* After it: room for their dropout, which work->lora.dropout then turns on and off (rate 0) for each batch. */
Status workspace_add_dropout(Workspace *work, Error *error);

/* Hidden states of the batch, and the final norm at its rows (rows_norm). */
void transformer_forward(GpuStream *stream, Workspace *work, const Model *model, const Batch *batch);

/* From d_rows, which the heads' backwards have filled, to the gradients of all parameters. */
void transformer_backward(GpuStream *stream, Workspace *work, const Model *model, GpuSpan gradients,
                          const Batch *batch);

/* Log-probability of each row's target, entropy and log-sum-exp of softmax(logits / temperature),
 * all [rows] f32. */
void head_logprobs(GpuStream *stream, Workspace *work, const Model *model, const Batch *batch, float temperature,
                   GpuSpan logprob, GpuSpan entropy, GpuSpan lse);

/* From dlogprob and dentropy ([rows]; the latter may have buffer NULL) to d_rows and the head's gradient. */
void head_backward(GpuStream *stream, Workspace *work, const Model *model, GpuSpan gradients, const Batch *batch,
                   float temperature, GpuSpan lse, GpuSpan entropy, GpuSpan dlogprob, GpuSpan dentropy);

/* The logits themselves of rows [first, first + count), count <= chunk_rows, into work->logits. */
void head_logits(GpuStream *stream, Workspace *work, const Model *model, uint32_t first, uint32_t count);

/* Values [rows] of the value head, and its backward from dvalue [rows]. */
void value_forward(GpuStream *stream, Workspace *work, const Model *model, const Batch *batch, GpuSpan value);
void value_backward(GpuStream *stream, Workspace *work, const Model *model, GpuSpan gradients, const Batch *batch,
                    GpuSpan dvalue);

#endif
