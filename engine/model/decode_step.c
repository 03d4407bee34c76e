/* What the decoder records: a step (every slot's token through all layers, a sample of each), a chunk of prompts. */
#include "engine/model/decode_parts.h"
#include "engine/ops/logits.h"
#include "engine/ops/rmsnorm.h"
#include "engine/ops/swiglu.h"
#include "engine/ops/weight_pairs.h"

AttentionShape decoder_attention(const Decoder *d)
{
    return (AttentionShape){d->config.heads, d->config.kv_heads, d->config.head_dim};
}

/* Whether steps never have more: a token must not depend on how many slots are at work. */
static bool few_rows(const Decoder *d)
{
    return d->limits.few_rows && d->limits.slots <= MATMUL_FEW_ROWS;
}

static GpuSpan slot_field(const Decoder *d, uint32_t field)
{
    return gpu_span_slice(d->slots, (uint64_t)field * d->slot_stride * 4, (uint64_t)d->width * 4);
}

static GpuSpan row_field(const Decoder *d, uint32_t field, uint32_t rows)
{
    return gpu_span_slice(d->chunk, (uint64_t)field * d->chunk_stride * 4, (uint64_t)rows * 4);
}

static void adapter_step(Decoder *d, const DecodeRows *rows, const Model *model, uint32_t layer, ModelMatrix group,
                         GpuSpan y, TypedSpan x)
{
    if (model->lora != NULL) {
        lora_forward(rows->stream, model->lora, layer, group, y, x, rows->cache.rows, &d->lora);
    }
}

static GpuSpan layer_panels(const Decoder *d, uint32_t layer, ModelMatrix matrix)
{
    return d->panels[MATRIX_LAYERS + MATRICES * layer + (uint32_t)matrix];
}

/* Layer l of all rows, x to x; where `last`, of a chunk, no more of it than its keys and values. */
static void layer_step(Decoder *d, const DecodeRows *rows, const Model *model, uint32_t l, bool last)
{
    const ModelConfig *c     = &d->config;
    GpuStream         *s     = rows->stream;
    const ModelLayer  *layer = &model->layers[l];
    const GpuSpan      p     = model->parameters;
    const uint32_t     n = rows->cache.rows, h = c->hidden_size, ff = c->intermediate_size;
    const uint32_t     q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, qkv = q + 2 * kv;
    rmsnorm_forward(s, d->norm, d->rstd, d->x, model_span(p, layer->input_norm, h), rmsnorm_rows(n, h),
                    c->rms_norm_eps);
    weight_matmul(s,
                  &(Matmul){.layout    = MATMUL_NT,
                            .c         = d->qkv,
                            .a         = d->norm.span,
                            .a_halves  = typed_halves(d->norm),
                            .bias      = c->qkv_bias ? model_span(p, layer->qkv_bias, qkv) : (GpuSpan){0},
                            .m         = n,
                            .n         = qkv,
                            .k         = h,
                            .few_rows  = rows->few,
                            .workspace = d->scratch,
                            .panels    = layer_panels(d, l, MATRIX_QKV)},
                  model_matrix(model, l, MATRIX_QKV));
    adapter_step(d, rows, model, l, MATRIX_QKV, d->qkv, d->norm);
    if (c->qk_norm) {
        const RmsnormRows q_rows = {n * c->heads, c->head_dim, c->heads, qkv, 0};
        const RmsnormRows k_rows = {n * c->kv_heads, c->head_dim, c->kv_heads, qkv, q};
        rmsnorm_forward(s, typed_f32(d->qkv), d->rstd, d->qkv, model_span(p, layer->q_norm, c->head_dim), q_rows,
                        c->rms_norm_eps);
        rmsnorm_forward(s, typed_f32(d->qkv), d->rstd, d->qkv, model_span(p, layer->k_norm, c->head_dim), k_rows,
                        c->rms_norm_eps);
    }
    if (rows->chunk) {
        kv_append(s, &d->cache[l], d->qkv, d->rope, &rows->cache, decoder_attention(d));
        if (last) {
            return;
        }
        attention_decode(s, d->attention, &d->cache[l], d->qkv, &rows->cache, d->scratch, decoder_attention(d));
    } else {
        attention_step(s, d->attention, &d->cache[l], d->qkv, d->rope, &rows->cache, d->scratch, decoder_attention(d));
    }
    weight_matmul(s,
                  &(Matmul){.layout    = MATMUL_NT,
                            .c         = d->x_next,
                            .a         = d->attention,
                            .add       = d->x,
                            .m         = n,
                            .n         = h,
                            .k         = q,
                            .few_rows  = rows->few,
                            .workspace = d->scratch,
                            .panels    = layer_panels(d, l, MATRIX_O)},
                  model_matrix(model, l, MATRIX_O));
    adapter_step(d, rows, model, l, MATRIX_O, d->x_next, typed_f32(d->attention));
    rmsnorm_forward(s, d->norm, d->rstd, d->x_next, model_span(p, layer->post_norm, h), rmsnorm_rows(n, h),
                    c->rms_norm_eps);
    const Matmul gate_up = {.layout    = MATMUL_NT,
                            .c         = d->gate_up,
                            .a         = d->norm.span,
                            .a_halves  = typed_halves(d->norm),
                            .m         = n,
                            .n         = 2 * ff,
                            .k         = h,
                            .few_rows  = rows->few,
                            .workspace = d->scratch,
                            .panels    = layer_panels(d, l, MATRIX_GATE_UP)};
    if (model->lora == NULL) {
        weight_matmul_swiglu(s, &gate_up, model_matrix(model, l, MATRIX_GATE_UP), d->activation, false);
    } else {
        weight_matmul(s, &gate_up, model_matrix(model, l, MATRIX_GATE_UP));
        adapter_step(d, rows, model, l, MATRIX_GATE_UP, d->gate_up, d->norm);
        swiglu_forward(s, d->activation, d->gate_up, n, ff);
    }
    weight_matmul(s,
                  &(Matmul){.layout    = MATMUL_NT,
                            .c         = d->x,
                            .a         = d->activation.span,
                            .a_halves  = typed_halves(d->activation),
                            .add       = d->x_next,
                            .m         = n,
                            .n         = h,
                            .k         = ff,
                            .few_rows  = rows->few,
                            .workspace = d->scratch,
                            .panels    = layer_panels(d, l, MATRIX_DOWN)},
                  model_matrix(model, l, MATRIX_DOWN));
    adapter_step(d, rows, model, l, MATRIX_DOWN, d->x, d->activation);
}

static void head_step(Decoder *d, const Model *model, const SampleOptions *sample)
{
    const ModelConfig *c = &d->config;
    const uint32_t     n = d->width, h = c->hidden_size;
    const GpuSpan      p = model->parameters;
    rmsnorm_forward(d->stream, d->norm, d->rstd, d->x, model_span(p, model->final_norm, h), rmsnorm_rows(n, h),
                    c->rms_norm_eps);
    weight_matmul(d->stream,
                  &(Matmul){.layout    = MATMUL_NT,
                            .c         = d->logits,
                            .a         = d->norm.span,
                            .a_halves  = typed_halves(d->norm),
                            .m         = n,
                            .n         = c->vocab_size,
                            .n_room    = logits_stride(c->vocab_size),
                            .ldc       = logits_stride(c->vocab_size),
                            .k         = h,
                            .few_rows  = few_rows(d),
                            .workspace = d->scratch,
                            .panels    = d->panels[c->tie_embeddings ? MATRIX_EMBEDDING : MATRIX_HEAD]},
                  model_head(model));
    sample_tokens(d->stream, d->sampled, d->sampled_logprob, (GpuSpan){0}, d->logits, slot_field(d, SLOT_SEQUENCE),
                  slot_field(d, SLOT_POSITION), sample, n, c->vocab_size, logits_stride(c->vocab_size));
}

static void advance_step(Decoder *d, const DecodeInput *input)
{
    struct {
        uint32_t width, requests, max_new, max_length, stop_count, ignore_stop, vocab, slot_stride;
        uint32_t stop[STOP_TOKENS_MAX];
    } push = {d->width,
              input->requests,
              d->limits.max_new,
              d->limits.max_length,
              input->stop_count,
              input->ignore_stop,
              d->config.vocab_size,
              d->slot_stride,
              {0}};
    for (uint32_t i = 0; i < input->stop_count; i++) {
        push.stop[i] = (uint32_t)input->stop_ids[i];
    }
    gpu_dispatch(d->stream,
                 &(GpuDispatch){.kernel     = "decode_advance",
                                .spec       = {64},
                                .spec_count = 1,
                                .bind = {gpu_read_write(d->slots), gpu_read(d->sampled), gpu_read(d->sampled_logprob),
                                         gpu_read(d->prompts), gpu_read(d->request_table), gpu_read_write(d->counters),
                                         gpu_write(d->tokens), gpu_write(d->logprobs), gpu_write(d->lengths),
                                         gpu_write(d->stopped)},
                                .push = &push,
                                .push_size = sizeof push,
                                .groups    = gpu_groups(d->width, 64)});
}

/* `outputs`: whether anything reads x after the last layer. */
static void layers_step(Decoder *d, const DecodeRows *rows, const Model *model, bool outputs)
{
    const ModelConfig *c = &d->config;
    weight_embedding(rows->stream, d->x, model_embedding(model), rows->tokens, rows->cache.rows);
    for (uint32_t l = 0; l < c->layers; l++) {
        layer_step(d, rows, model, l, !outputs && l + 1 == c->layers);
    }
}

void decoder_record_steps(Decoder *d, const Model *model, const DecodeInput *input)
{
    const DecodeRows rows = {
        .stream = d->stream,
        .tokens = slot_field(d, SLOT_TOKEN),
        .few    = few_rows(d),
        .cache  = {.rows = d->width, .lengths = slot_field(d, SLOT_LENGTH), .slots = slot_field(d, SLOT_CACHE)}};
    gpu_stream_begin(d->stream);
    for (uint32_t step = 0; step < d->steps; step++) {
        layers_step(d, &rows, model, true);
        head_step(d, model, &input->sample);
        advance_step(d, input);
    }
    gpu_copy(d->stream, d->host_counters, d->counters);
    gpu_copy(d->stream, d->host_slots, d->slots);
    if (input->finished != NULL) {
        gpu_copy(d->stream, d->host_lengths, gpu_span_slice(d->lengths, 0, (uint64_t)input->requests * 4));
        gpu_copy(d->stream, d->host_stopped, gpu_span_slice(d->stopped, 0, (uint64_t)input->requests * 4));
    }
}

void decoder_record_chunk(Decoder *d, const Model *model, uint32_t n)
{
    const uint64_t   targets = (uint64_t)ROW_FIELDS * d->chunk_stride * 4;
    const DecodeRows rows    = {.stream = d->chunks,
                                .tokens = row_field(d, ROW_TOKEN, n),
                                .chunk  = true,
                                .cache  = {.rows    = n,
                                           .lengths = row_field(d, ROW_LENGTH, n),
                                           .slots   = row_field(d, ROW_CACHE, n),
                                           .begins  = row_field(d, ROW_BEGIN, n),
                                           .ends    = row_field(d, ROW_END, n),
                                           .targets = gpu_span_slice(d->chunk, targets, d->chunk.size - targets)}};
    gpu_stream_begin(d->chunks);
    layers_step(d, &rows, model, false);
}
