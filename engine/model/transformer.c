/* Forward and backward of the decoder, one function per block. */
#include "engine/model/workspace.h"
#include "engine/ops/attention.h"
#include "engine/ops/columns.h"
#include "engine/ops/embedding.h"
#include "engine/ops/matmul.h"
#include "engine/ops/rmsnorm.h"
#include "engine/ops/rope.h"
#include "engine/ops/rows.h"
#include "engine/ops/swiglu.h"
#include "engine/ops/weight_pairs.h"

/* The widths of a block, in floats per token. */
typedef struct Widths {
    uint32_t d, q, kv, qkv, ff;
} Widths;

static Widths widths_of(const ModelConfig *c)
{
    const uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    return (Widths){c->hidden_size, q, kv, q + 2 * kv, c->intermediate_size};
}

static AttentionShape attention_shape(const ModelConfig *c)
{
    return (AttentionShape){c->heads, c->kv_heads, c->head_dim};
}

static AttentionBatch attention_batch(const ModelConfig *c, const Batch *batch)
{
    return (AttentionBatch){.tiles      = batch->tiles,
                            .tile_count = batch->tile_count,
                            .longest    = batch->longest,
                            .tokens     = batch->tokens,
                            .compute    = c->compute};
}

/* Of a layer's `products` of one query with one key, per head and pair. */
static double attention_flops(const ModelConfig *c, const Batch *batch, double products)
{
    return products * 2 * batch->pairs * c->heads * c->head_dim;
}

/* The first `count` floats of a span planned for more. */
static GpuSpan head_of(GpuSpan span, uint64_t count)
{
    return gpu_span_slice(span, 0, count * 4);
}

/* The q heads (k false) or the k heads inside packed qkv. */
static RmsnormRows head_rows(const ModelConfig *c, uint32_t tokens, bool k)
{
    const Widths w = widths_of(c);
    return (RmsnormRows){.rows         = tokens * (k ? c->kv_heads : c->heads),
                         .width        = c->head_dim,
                         .per_token    = k ? c->kv_heads : c->heads,
                         .token_stride = w.qkv,
                         .offset       = k ? w.q : 0};
}

/* --- forward --------------------------------------------------------------------- */

/* y += what the group's adapters make of x. */
static void adapter_forward(GpuStream *s, const Workspace *work, const Model *model, uint32_t layer, ModelMatrix group,
                            GpuSpan y, TypedSpan x, uint32_t tokens)
{
    if (model->lora != NULL) {
        lora_forward(s, model->lora, layer, group, y, x, tokens, &work->lora);
    }
}

/* q, k and v of the norm of x, q and k turned. */
static void qkv_forward(GpuStream *s, Workspace *work, const Model *model, const Batch *batch, uint32_t l)
{
    const ModelConfig      *c      = &model->config;
    const Widths            w      = widths_of(c);
    const uint32_t          t      = batch->tokens;
    const ModelLayer       *layer  = &model->layers[l];
    const BlockActivations *a      = &work->blocks[l];
    const GpuSpan           p      = model->parameters;
    const Weight           *weight = model_matrix(model, l, MATRIX_QKV);
    const Matmul            qkv    = {.layout    = MATMUL_NT,
                                      .c         = c->qk_norm ? a->qkv_raw : a->qkv,
                                      .a         = work->norm.span,
                                      .a_halves  = typed_halves(work->norm),
                                      .bias      = c->qkv_bias ? model_span(p, layer->qkv_bias, w.qkv) : (GpuSpan){0},
                                      .m         = t,
                                      .n         = w.qkv,
                                      .k         = w.d,
                                      .workspace = work->scratch};
    if (!c->qk_norm && model->lora == NULL) {
        const RopeTurn turn = {.table     = work->rope,
                               .position  = batch->position,
                               .heads     = c->heads,
                               .kv_heads  = c->kv_heads,
                               .head_dim  = c->head_dim,
                               .positions = work->rope_positions};
        weight_matmul_rope(s, &qkv, weight, &turn);
        return;
    }
    weight_matmul(s, &qkv, weight);
    adapter_forward(s, work, model, l, MATRIX_QKV, qkv.c, work->norm, t);
    if (c->qk_norm) {
        gpu_copy(s, head_of(a->qkv, (uint64_t)t * w.qkv), head_of(a->qkv_raw, (uint64_t)t * w.qkv));
        rmsnorm_forward(s, typed_f32(a->qkv), a->q_rstd, a->qkv_raw, model_span(p, layer->q_norm, c->head_dim),
                        head_rows(c, t, false), c->rms_norm_eps);
        rmsnorm_forward(s, typed_f32(a->qkv), a->k_rstd, a->qkv_raw, model_span(p, layer->k_norm, c->head_dim),
                        head_rows(c, t, true), c->rms_norm_eps);
    }
    rope_forward(s, a->qkv, work->rope, batch->position, t, c->heads, c->kv_heads, c->head_dim, work->rope_positions);
}

/* middle = x + attention(norm(x)) Wo, keeping what the backward reads. */
static void attention_block_forward(GpuStream *s, Workspace *work, const Model *model, const Batch *batch, uint32_t l)
{
    const ModelConfig      *c = &model->config;
    const Widths            w = widths_of(c);
    const uint32_t          t = batch->tokens;
    const BlockActivations *a = &work->blocks[l];
    const GpuSpan           x = work->residual[l];
    rmsnorm_forward(s, work->norm, a->rstd1, x, model_span(model->parameters, model->layers[l].input_norm, w.d),
                    rmsnorm_rows(t, w.d), c->rms_norm_eps);
    qkv_forward(s, work, model, batch, l);
    gpu_stream_flops(s, attention_flops(c, batch, 2));
    const AttentionBatch tiles = attention_batch(c, batch);
    attention_forward(s, a->attention, a->lse, a->qkv, &tiles, attention_shape(c));
    gpu_stream_flops(s, 0);
    weight_matmul(s,
                  &(Matmul){.layout    = MATMUL_NT,
                            .c         = a->middle,
                            .a         = a->attention,
                            .add       = x,
                            .m         = t,
                            .n         = w.d,
                            .k         = w.q,
                            .workspace = work->scratch},
                  model_matrix(model, l, MATRIX_O));
    adapter_forward(s, work, model, l, MATRIX_O, a->middle, typed_f32(a->attention), t);
}

/* Whether the backward reads a layer's gate and up as the forward left them. */
static bool keeps_gate_up(const Workspace *work, const ModelConfig *c, uint32_t l)
{
    return work->backward && (work->recompute == KEEP_ACTIVATIONS || l + 1 == c->layers);
}

/* next = middle + mlp(norm(middle)). */
static void mlp_block_forward(GpuStream *s, Workspace *work, const Model *model, const Batch *batch, uint32_t l,
                              GpuSpan next)
{
    const ModelConfig      *c       = &model->config;
    const Widths            w       = widths_of(c);
    const uint32_t          t       = batch->tokens;
    const BlockActivations *a       = &work->blocks[l];
    const Weight           *weight  = model_matrix(model, l, MATRIX_GATE_UP);
    const Matmul            gate_up = {.layout    = MATMUL_NT,
                                       .c         = a->gate_up,
                                       .a         = work->norm.span,
                                       .a_halves  = typed_halves(work->norm),
                                       .m         = t,
                                       .n         = 2 * w.ff,
                                       .k         = w.d,
                                       .workspace = work->scratch};
    rmsnorm_forward(s, work->norm, a->rstd2, a->middle, model_span(model->parameters, model->layers[l].post_norm, w.d),
                    rmsnorm_rows(t, w.d), c->rms_norm_eps);
    if (model->lora == NULL && next.buffer != NULL) {
        weight_matmul_swiglu(s, &gate_up, weight, work->activation, keeps_gate_up(work, c, l));
    } else {
        weight_matmul(s, &gate_up, weight);
        adapter_forward(s, work, model, l, MATRIX_GATE_UP, a->gate_up, work->norm, t);
        if (next.buffer == NULL) { /* recomputing for the backward: the rest is not needed */
            return;
        }
        swiglu_forward(s, work->activation, a->gate_up, t, w.ff);
    }
    weight_matmul(s,
                  &(Matmul){.layout    = MATMUL_NT,
                            .c         = next,
                            .a         = work->activation.span,
                            .a_halves  = typed_halves(work->activation),
                            .add       = a->middle,
                            .m         = t,
                            .n         = w.d,
                            .k         = w.ff,
                            .workspace = work->scratch},
                  model_matrix(model, l, MATRIX_DOWN));
    adapter_forward(s, work, model, l, MATRIX_DOWN, next, work->activation, t);
}

/* A workspace holds its activations in the compute type of the model that it was planned for: those of another would be
 * taken for numbers that they are not, and nothing would say so. */
static bool suits(GpuStream *s, const Workspace *work, const Model *model)
{
    const ModelConfig *c     = &model->config;
    const bool         suits = work->norm.type == typed_storage(c->compute, c->hidden_size) &&
                       work->activation.type == typed_storage(c->compute, c->intermediate_size);
    if (!suits) {
        gpu_stream_fail(s, STATUS_FAILED, "transformer: the workspace is of a model that computes in another type");
    }
    return suits;
}

void transformer_forward(GpuStream *s, Workspace *work, const Model *model, const Batch *batch)
{
    const ModelConfig *c = &model->config;
    const uint32_t     d = c->hidden_size;
    if (!suits(s, work, model)) {
        return;
    }
    weight_embedding(s, work->residual[0], model_embedding(model), batch->ids, batch->tokens);
    for (uint32_t l = 0; l < c->layers; l++) {
        attention_block_forward(s, work, model, batch, l);
        mlp_block_forward(s, work, model, batch, l, work->residual[l + 1]);
    }
    rows_gather(s, work->rows_hidden, work->residual[c->layers], batch->row_index, batch->rows, d);
    rmsnorm_forward(s, typed_f32(work->rows_norm), work->rows_rstd, work->rows_hidden,
                    model_span(model->parameters, model->final_norm, d), rmsnorm_rows(batch->rows, d), c->rms_norm_eps);
    work->d_started  = false;
    work->has_logits = false;
}

/* --- backward ----------------------------------------------------------------------- */

/* What a block's backward works on: the gradients g are the model's, or its adapter's. */
typedef struct Backward {
    GpuStream   *s;
    Workspace   *work;
    const Model *model;
    GpuSpan      g;
    uint32_t     tokens, layer;
} Backward;

/* dW += dyᵀ x over the tokens, W at `at`; nothing if W is frozen. */
static void weight_gradient(const Backward *b, uint64_t at, TypedSpan dy, TypedSpan x, uint32_t out, uint32_t in)
{
    if (b->model->lora == NULL) {
        matmul(b->s, &(Matmul){.layout     = MATMUL_TN,
                               .compute    = b->model->config.compute,
                               .c          = model_span(b->g, at, (uint64_t)out * in),
                               .a          = dy.span,
                               .b          = x.span,
                               .a_halves   = typed_halves(dy),
                               .b_halves   = typed_halves(x),
                               .accumulate = true,
                               .m          = out,
                               .n          = in,
                               .k          = b->tokens,
                               .workspace  = b->work->scratch});
    }
}

/* The gradient of a norm's weight at `at`; nothing if it is frozen. */
static void norm_weight_gradient(const Backward *b, uint64_t at, GpuSpan dy, GpuSpan x, GpuSpan rstd, RmsnormRows rows)
{
    if (b->model->lora == NULL) {
        rmsnorm_backward_weight(b->s, model_span(b->g, at, rows.width), dy, x, rstd, rows, b->work->scratch);
    }
}

/* The gradients of the group's adapters, and what they add to dx (buffer NULL: not wanted). */
static void adapter_backward(const Backward *b, ModelMatrix group, GpuSpan dx, TypedSpan dy, TypedSpan x)
{
    if (b->model->lora != NULL) {
        lora_backward(b->s, b->model->lora, b->g, b->layer, group, dx, dy, x, b->tokens, &b->work->lora);
    }
}

/* dx = dy W. */
static void input_gradient(const Backward *b, GpuSpan dx, TypedSpan dy, ModelMatrix matrix)
{
    const Weight *weight = model_matrix(b->model, b->layer, matrix);
    weight_matmul(b->s,
                  &(Matmul){.layout    = MATMUL_NN,
                            .c         = dx,
                            .a         = dy.span,
                            .a_halves  = typed_halves(dy),
                            .m         = b->tokens,
                            .n         = weight->columns,
                            .k         = weight->rows,
                            .workspace = b->work->scratch},
                  weight);
}

/* d_residual: gradient after the MLP -> gradient of `middle`. */
static void mlp_block_backward(const Backward *b)
{
    GpuStream              *s     = b->s;
    Workspace              *work  = b->work;
    const ModelConfig      *c     = &b->model->config;
    const Widths            w     = widths_of(c);
    const uint32_t          t     = b->tokens;
    const ModelLayer       *layer = &b->model->layers[b->layer];
    const BlockActivations *a     = &work->blocks[b->layer];
    const GpuSpan           p = b->model->parameters, dx = work->d_residual;
    input_gradient(b, work->d_activation, typed_f32(dx), MATRIX_DOWN);
    swiglu_forward(s, work->activation, a->gate_up, t, w.ff);
    weight_gradient(b, layer->down, typed_f32(dx), work->activation, w.d, w.ff);
    adapter_backward(b, MATRIX_DOWN, work->d_activation, typed_f32(dx), work->activation);
    swiglu_backward(s, work->d_gate_up, work->d_activation, a->gate_up, t, w.ff);
    rmsnorm_forward(s, work->norm, a->rstd2, a->middle, model_span(p, layer->post_norm, w.d), rmsnorm_rows(t, w.d),
                    c->rms_norm_eps);
    weight_gradient(b, layer->gate_up, work->d_gate_up, work->norm, 2 * w.ff, w.d);
    input_gradient(b, work->d_norm, work->d_gate_up, MATRIX_GATE_UP);
    adapter_backward(b, MATRIX_GATE_UP, work->d_norm, work->d_gate_up, work->norm);
    norm_weight_gradient(b, layer->post_norm, work->d_norm, a->middle, a->rstd2, rmsnorm_rows(t, w.d));
    rmsnorm_backward(s, dx, work->d_norm, a->middle, model_span(p, layer->post_norm, w.d), a->rstd2,
                     rmsnorm_rows(t, w.d), true);
}

/* Through q/k norm, in place on d_qkv. */
static void qk_norm_backward(const Backward *b)
{
    const ModelConfig      *c     = &b->model->config;
    const ModelLayer       *layer = &b->model->layers[b->layer];
    const BlockActivations *a     = &b->work->blocks[b->layer];
    const GpuSpan           d_qkv = b->work->d_qkv;
    for (int k = 0; k < 2; k++) {
        const uint64_t    at   = k ? layer->k_norm : layer->q_norm;
        const GpuSpan     rstd = k ? a->k_rstd : a->q_rstd;
        const RmsnormRows rows = head_rows(c, b->tokens, k == 1);
        norm_weight_gradient(b, at, d_qkv, a->qkv_raw, rstd, rows);
        rmsnorm_backward(b->s, d_qkv, d_qkv, a->qkv_raw, model_span(b->model->parameters, at, c->head_dim), rstd, rows,
                         false);
    }
}

/* d_residual: gradient of `middle` -> gradient before the layer. */
static void attention_block_backward(const Backward *b, const Batch *batch)
{
    GpuStream              *s     = b->s;
    Workspace              *work  = b->work;
    const ModelConfig      *c     = &b->model->config;
    const Widths            w     = widths_of(c);
    const uint32_t          t     = b->tokens;
    const ModelLayer       *layer = &b->model->layers[b->layer];
    const BlockActivations *a     = &work->blocks[b->layer];
    const GpuSpan           p = b->model->parameters, dx = work->d_residual, x = work->residual[b->layer];
    weight_gradient(b, layer->o, typed_f32(dx), typed_f32(a->attention), w.d, w.q);
    input_gradient(b, work->d_attention, typed_f32(dx), MATRIX_O);
    adapter_backward(b, MATRIX_O, work->d_attention, typed_f32(dx), typed_f32(a->attention));
    gpu_stream_flops(s, attention_flops(c, batch, 5) / 2); /* in two kernels */
    const AttentionBatch tiles = attention_batch(c, batch);
    attention_backward(s, work->d_qkv, work->d_delta, work->d_attention, a->attention, a->lse, a->qkv, &tiles,
                       attention_shape(c));
    gpu_stream_flops(s, 0);
    rope_backward(s, work->d_qkv, work->rope, batch->position, t, c->heads, c->kv_heads, c->head_dim,
                  work->rope_positions);
    if (c->qk_norm) {
        qk_norm_backward(b);
    }
    if (c->qkv_bias && b->model->lora == NULL) {
        columns_sum(s, model_span(b->g, layer->qkv_bias, w.qkv), work->d_qkv, t, w.qkv, work->scratch);
    }
    rmsnorm_forward(s, work->norm, a->rstd1, x, model_span(p, layer->input_norm, w.d), rmsnorm_rows(t, w.d),
                    c->rms_norm_eps);
    weight_gradient(b, layer->qkv, typed_f32(work->d_qkv), work->norm, w.qkv, w.d);
    if (b->layer == 0 && b->model->lora != NULL) { /* nothing below is trained */
        adapter_backward(b, MATRIX_QKV, (GpuSpan){0}, typed_f32(work->d_qkv), work->norm);
        return;
    }
    input_gradient(b, work->d_norm, typed_f32(work->d_qkv), MATRIX_QKV);
    adapter_backward(b, MATRIX_QKV, work->d_norm, typed_f32(work->d_qkv), work->norm);
    norm_weight_gradient(b, layer->input_norm, work->d_norm, x, a->rstd1, rmsnorm_rows(t, w.d));
    rmsnorm_backward(s, dx, work->d_norm, x, model_span(p, layer->input_norm, w.d), a->rstd1, rmsnorm_rows(t, w.d),
                     true);
}

void transformer_backward(GpuStream *s, Workspace *work, const Model *model, GpuSpan g, const Batch *batch)
{
    const ModelConfig *c      = &model->config;
    const uint32_t     d      = c->hidden_size;
    const RmsnormRows  rows   = rmsnorm_rows(batch->rows, d);
    const GpuSpan      weight = model_span(model->parameters, model->final_norm, d);
    Backward           b      = {s, work, model, g, batch->tokens, 0};
    if (!work->d_started) {
        gpu_stream_fail(s, STATUS_FAILED, "transformer_backward: no head has given a gradient");
        return;
    }
    if (!suits(s, work, model)) {
        return;
    }
    norm_weight_gradient(&b, model->final_norm, work->d_rows, work->rows_hidden, work->rows_rstd, rows);
    rmsnorm_backward(s, work->d_norm, work->d_rows, work->rows_hidden, weight, work->rows_rstd, rows, false);
    gpu_fill(s, head_of(work->d_residual, (uint64_t)batch->tokens * d), 0);
    rows_scatter_add(s, work->d_residual, work->d_norm, batch->row_index, batch->rows, d);
    for (uint32_t l = c->layers; l-- > 0;) {
        if (work->recompute == RECOMPUTE_BLOCKS && l + 1 < c->layers) {
            attention_block_forward(s, work, model, batch, l);
            mlp_block_forward(s, work, model, batch, l, (GpuSpan){0});
        }
        b.layer = l;
        mlp_block_backward(&b);
        attention_block_backward(&b, batch);
    }
    if (model->lora == NULL) {
        embedding_backward(s, model_span(g, model->embedding, (uint64_t)c->vocab_size * d), work->d_residual,
                           batch->unique_ids, batch->id_starts, batch->id_order, batch->unique, d, c->vocab_size);
    }
}
