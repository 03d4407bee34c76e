/* One decode step, recorded: every slot's token through all layers, a sample of each. */
#include "engine/model/decode_parts.h"
#include "engine/ops/attention.h"
#include "engine/ops/pieces.h"
#include "engine/ops/rmsnorm.h"
#include "engine/ops/rope.h"
#include "engine/ops/swiglu.h"

GpuSpan decoder_slot_field(const Decoder *d, uint32_t field)
{
    return gpu_span_slice(d->slots, (uint64_t)field * d->slot_stride * 4, (uint64_t)d->width * 4);
}

/* Where the lengths of piece `piece` are copied to. */
static GpuSpan lengths_of_piece(const Decoder *d, uint32_t piece, uint32_t count)
{
    return gpu_span_slice(d->piece_lengths, piece * gpu_align((uint64_t)d->piece_slots * 4), (uint64_t)count * 4);
}

/* The cache is bound in pieces of whole slots; a piece's lengths have to start where they can be bound. */
static void copy_lengths(Decoder *d)
{
    for (uint32_t first = 0; d->width > d->piece_slots && first < d->width; first += d->piece_slots) {
        const uint32_t count = d->width - first < d->piece_slots ? d->width - first : d->piece_slots;
        gpu_copy(d->stream, lengths_of_piece(d, first / d->piece_slots, count),
                 gpu_span_slice(decoder_slot_field(d, SLOT_LENGTH), (uint64_t)first * 4, (uint64_t)count * 4));
    }
}

static void attention_step(Decoder *d, uint32_t layer)
{
    const ModelConfig   *c = &d->config;
    const AttentionShape shape = {c->heads, c->kv_heads, c->head_dim};
    const uint64_t       q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    const uint64_t       row = d->cache_length * kv;
    for (uint32_t first = 0; first < d->width; first += d->piece_slots) {
        const uint32_t count = d->width - first < d->piece_slots ? d->width - first : d->piece_slots;
        attention_decode(d->stream, ops_row_slice(d->attention, first, count, q), ops_row_slice(d->k_cache[layer], first, count, row),
                         ops_row_slice(d->v_cache[layer], first, count, row), ops_row_slice(d->qkv, first, count, q + 2 * kv),
                         d->width > d->piece_slots ? lengths_of_piece(d, first / d->piece_slots, count)
                                                   : decoder_slot_field(d, SLOT_LENGTH),
                         count, d->cache_length, shape);
    }
}

static void adapter_step(Decoder *d, const Model *model, uint32_t layer, LoraGroup group, GpuSpan y, GpuSpan x)
{
    if (model->lora != NULL) {
        lora_forward(d->stream, model->lora, layer, group, y, x, d->width, &d->lora);
    }
}

static void layer_step(Decoder *d, const Model *model, uint32_t l)
{
    const ModelConfig *c = &d->config;
    GpuStream         *s = d->stream;
    const ModelLayer  *layer = &model->layers[l];
    const GpuSpan      p = model->parameters;
    const uint32_t     n = d->width, h = c->hidden_size, ff = c->intermediate_size;
    const uint32_t     q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, qkv = q + 2 * kv;
    rmsnorm_forward(s, d->norm, d->rstd, d->x, model_span(p, layer->input_norm, h), rmsnorm_rows(n, h), c->rms_norm_eps);
    weight_matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->qkv, .a = d->norm,
                               .bias = c->qkv_bias ? model_span(p, layer->qkv_bias, qkv) : (GpuSpan){0}, .m = n, .n = qkv, .k = h,
                               .workspace = d->scratch}, model_matrix(model, l, MATRIX_QKV));
    adapter_step(d, model, l, LORA_QKV, d->qkv, d->norm);
    if (c->qk_norm) {
        const RmsnormRows q_rows = {n * c->heads, c->head_dim, c->heads, qkv, 0};
        const RmsnormRows k_rows = {n * c->kv_heads, c->head_dim, c->kv_heads, qkv, q};
        rmsnorm_forward(s, d->qkv, d->rstd, d->qkv, model_span(p, layer->q_norm, c->head_dim), q_rows, c->rms_norm_eps);
        rmsnorm_forward(s, d->qkv, d->rstd, d->qkv, model_span(p, layer->k_norm, c->head_dim), k_rows, c->rms_norm_eps);
    }
    rope_forward(s, d->qkv, d->rope, decoder_slot_field(d, SLOT_POSITION), n, c->heads, c->kv_heads, c->head_dim, d->limits.max_length);
    attention_step(d, l);
    weight_matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->x_next, .a = d->attention, .add = d->x, .m = n, .n = h, .k = q,
                               .workspace = d->scratch}, model_matrix(model, l, MATRIX_O));
    adapter_step(d, model, l, LORA_ATTENTION_OUT, d->x_next, d->attention);
    rmsnorm_forward(s, d->norm, d->rstd, d->x_next, model_span(p, layer->post_norm, h), rmsnorm_rows(n, h), c->rms_norm_eps);
    weight_matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->gate_up, .a = d->norm, .m = n, .n = 2 * ff, .k = h,
                               .workspace = d->scratch}, model_matrix(model, l, MATRIX_GATE_UP));
    adapter_step(d, model, l, LORA_GATE_UP, d->gate_up, d->norm);
    swiglu_forward(s, d->activation, d->gate_up, n, ff);
    weight_matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->x, .a = d->activation, .add = d->x_next, .m = n, .n = h, .k = ff,
                               .workspace = d->scratch}, model_matrix(model, l, MATRIX_DOWN));
    adapter_step(d, model, l, LORA_MLP_OUT, d->x, d->activation);
}

static void head_step(Decoder *d, const Model *model, const SampleOptions *sample)
{
    const ModelConfig *c = &d->config;
    const uint32_t     n = d->width, h = c->hidden_size;
    const GpuSpan      p = model->parameters;
    rmsnorm_forward(d->stream, d->norm, d->rstd, d->x, model_span(p, model->final_norm, h), rmsnorm_rows(n, h), c->rms_norm_eps);
    weight_matmul(d->stream, &(Matmul){.layout = MATMUL_NT, .c = d->logits, .a = d->norm, .m = n, .n = c->vocab_size, .k = h,
                                       .workspace = d->scratch}, model_head(model));
    sample_tokens(d->stream, d->sampled, d->sampled_logprob, (GpuSpan){0}, d->logits, decoder_slot_field(d, SLOT_SEQUENCE),
                  decoder_slot_field(d, SLOT_POSITION), sample, n, c->vocab_size);
}

static void advance_step(Decoder *d, const DecodeInput *input)
{
    struct {
        uint32_t width, requests, max_new, max_length, stop_count, ignore_stop, vocab, slot_stride;
        uint32_t stop[DECODE_MAX_STOPS];
    } push = {d->width,           input->requests,    d->limits.max_new,    d->limits.max_length,
              input->stop_count, input->ignore_stop, d->config.vocab_size, d->slot_stride, {0}};
    for (uint32_t i = 0; i < input->stop_count; i++) {
        push.stop[i] = (uint32_t)input->stop_ids[i];
    }
    gpu_dispatch(d->stream, &(GpuDispatch){.kernel = "decode_advance",
                                           .spec = {64},
                                           .spec_count = 1,
                                           .bind = {gpu_read_write(d->slots), gpu_read(d->sampled), gpu_read(d->sampled_logprob),
                                                    gpu_read(d->prompts), gpu_read(d->request_table), gpu_read_write(d->counters),
                                                    gpu_write(d->tokens), gpu_write(d->logprobs), gpu_write(d->lengths),
                                                    gpu_write(d->stopped)},
                                           .push = &push,
                                           .push_size = sizeof push,
                                           .groups = gpu_groups(d->width, 64)});
}

void decoder_record(Decoder *d, const Model *model, const DecodeInput *input, bool head)
{
    const ModelConfig *c = &d->config;
    gpu_stream_begin(d->stream);
    for (uint32_t step = 0; step < d->limits.steps_per_submit; step++) {
        weight_embedding(d->stream, d->x, model_embedding(model), decoder_slot_field(d, SLOT_TOKEN), d->width);
        copy_lengths(d);
        for (uint32_t l = 0; l < c->layers; l++) {
            layer_step(d, model, l);
        }
        if (head) {
            head_step(d, model, &input->sample);
        }
        advance_step(d, input);
    }
    gpu_copy(d->stream, d->host_counters, d->counters);
}
