#include "engine/model/decode.h"

#include <stdlib.h>
#include <string.h>

#include "engine/ops/attention.h"
#include "engine/ops/embedding.h"
#include "engine/ops/matmul.h"
#include "engine/ops/ops.h"
#include "engine/ops/rmsnorm.h"
#include "engine/ops/rope.h"
#include "engine/ops/swiglu.h"

enum { DEFAULT_SLOTS = 256, DEFAULT_STEPS = 16, MAX_STOPS = 8, SLOT_FIELDS = 6, REQUEST_FIELDS = 4 };
static const uint32_t IDLE = 0xffffffffu;

struct Decoder {
    Gpu          *gpu;
    ModelConfig   config;
    DecodeLimits  limits;
    GpuArena     *arena, *host_arena;
    GpuStream    *stream;
    GpuSpan       x, x_next, norm, rstd, qkv, attention, gate_up, activation, logits; /* [slots, …] */
    GpuSpan      *k_cache, *v_cache; /* [layers] of [slots, max_length, kv] */
    GpuSpan       rope;
    uint32_t      slot_stride;       /* slots rounded up, so that every field can be bound */
    GpuSpan       slots;             /* u32 [SLOT_FIELDS, slot_stride]      */
    GpuSpan       sampled, sampled_logprob;
    GpuSpan       prompts, requests, counters, tokens, logprobs, lengths, stopped;
    GpuSpan       host_counters;     /* copy of the counters for the host   */
    uint8_t      *host;              /* tokens, logprobs, lengths, stopped  */
};

typedef struct Planner {
    GpuArena *arena;
    uint64_t  bytes;
} Planner;

static GpuSpan plan(Planner *planner, uint64_t elements)
{
    planner->bytes += gpu_align(elements * 4);
    return planner->arena != NULL ? gpu_arena_take(planner->arena, elements * 4) : (GpuSpan){0};
}

static void plan_all(Planner *p, Decoder *d)
{
    const ModelConfig  *c = &d->config;
    const DecodeLimits *l = &d->limits;
    const uint64_t      s = l->slots, q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    d->x = plan(p, s * c->hidden_size);
    d->x_next = plan(p, s * c->hidden_size);
    d->norm = plan(p, s * c->hidden_size);
    d->rstd = plan(p, s * (c->heads + c->kv_heads));
    d->qkv = plan(p, s * (q + 2 * kv));
    d->attention = plan(p, s * q);
    d->gate_up = plan(p, s * 2 * c->intermediate_size);
    d->activation = plan(p, s * c->intermediate_size);
    d->logits = plan(p, s * c->vocab_size);
    for (uint32_t i = 0; i < c->layers; i++) {
        d->k_cache[i] = plan(p, s * l->max_length * kv);
        d->v_cache[i] = plan(p, s * l->max_length * kv);
    }
    d->rope = plan(p, rope_table_bytes(l->max_length, c->head_dim) / 4);
    d->slots = plan(p, (uint64_t)d->slot_stride * SLOT_FIELDS);
    d->sampled = plan(p, s);
    d->sampled_logprob = plan(p, s);
    d->prompts = plan(p, l->max_prompt_tokens);
    d->requests = plan(p, (uint64_t)REQUEST_FIELDS * l->max_requests);
    d->counters = plan(p, 2);
    d->tokens = plan(p, (uint64_t)l->max_requests * l->max_new);
    d->logprobs = plan(p, (uint64_t)l->max_requests * l->max_new);
    d->lengths = plan(p, l->max_requests);
    d->stopped = plan(p, l->max_requests);
}

static Status upload_rope(Decoder *d, Error *error)
{
    uint64_t bytes = rope_table_bytes(d->limits.max_length, d->config.head_dim);
    float   *table = malloc(bytes);
    if (table == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
    }
    rope_table_fill(table, &d->config.rope, d->limits.max_length, d->config.head_dim);
    Status status = gpu_upload(d->gpu, d->rope, table, bytes, error);
    free(table);
    return status;
}

Decoder *decoder_new(Gpu *gpu, const ModelConfig *config, const DecodeLimits *limits, Error *error)
{
    Decoder *d = calloc(1, sizeof *d);
    if (d == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
        return NULL;
    }
    d->gpu = gpu;
    d->config = *config;
    d->limits = *limits;
    if (d->limits.slots == 0) {
        d->limits.slots = DEFAULT_SLOTS < limits->max_requests ? DEFAULT_SLOTS : limits->max_requests;
    }
    if (d->limits.steps_per_submit == 0) {
        d->limits.steps_per_submit = DEFAULT_STEPS;
    }
    d->slot_stride = (d->limits.slots + 63) & ~63u;
    const uint64_t results = ((uint64_t)2 * limits->max_new + 2) * limits->max_requests * 4;
    d->k_cache = calloc(config->layers, sizeof *d->k_cache);
    d->v_cache = calloc(config->layers, sizeof *d->v_cache);
    d->host = malloc(results);
    Planner counting = {0};
    Status  status = d->k_cache != NULL && d->v_cache != NULL && d->host != NULL ? STATUS_OK : STATUS_OUT_OF_MEMORY;
    if (status != STATUS_OK) {
        error_set(error, status, "making a decoder: out of host memory");
    } else {
        plan_all(&counting, d);
        d->arena = gpu_arena_new(gpu, "decoding (KV cache)", GPU_MEMORY_DEVICE, counting.bytes, error);
        d->host_arena = d->arena != NULL ? gpu_arena_new(gpu, "decoding (host)", GPU_MEMORY_HOST, 256, error) : NULL;
        d->stream = d->host_arena != NULL ? gpu_stream_new(gpu, error) : NULL;
        if (d->stream != NULL) {
            Planner placing = {.arena = d->arena};
            plan_all(&placing, d);
            d->host_counters = gpu_arena_take(d->host_arena, 8);
            status = upload_rope(d, error);
        }
    }
    if (d->stream == NULL || status != STATUS_OK) {
        decoder_free(d);
        return NULL;
    }
    return d;
}

void decoder_free(Decoder *d)
{
    if (d != NULL) {
        gpu_stream_free(d->stream);
        gpu_arena_free(d->arena);
        gpu_arena_free(d->host_arena);
        free(d->k_cache);
        free(d->v_cache);
        free(d->host);
        free(d);
    }
}

/* Field `index` of the slots: token, position, length, request, sequence. */
static GpuSpan slot_field(const Decoder *d, uint32_t index)
{
    return gpu_span_slice(d->slots, (uint64_t)index * d->slot_stride * 4, (uint64_t)d->limits.slots * 4);
}

/* --- one step, recorded --------------------------------------------------------- */

static void layer_step(Decoder *d, const Model *model, uint32_t l)
{
    const ModelConfig *c = &d->config;
    GpuStream         *s = d->stream;
    const ModelLayer  *layer = &model->layers[l];
    const GpuSpan      p = model->parameters;
    const uint32_t     n = d->limits.slots, h = c->hidden_size, ff = c->intermediate_size;
    const uint32_t     q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, qkv = q + 2 * kv;
    rmsnorm_forward(s, d->norm, d->rstd, d->x, model_span(p, layer->input_norm, h), rmsnorm_rows(n, h), c->rms_norm_eps);
    matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->qkv, .a = d->norm, .b = model_span(p, layer->qkv, (uint64_t)qkv * h),
                        .bias = c->qkv_bias ? model_span(p, layer->qkv_bias, qkv) : (GpuSpan){0}, .m = n, .n = qkv, .k = h});
    if (c->qk_norm) {
        const RmsnormRows q_rows = {n * c->heads, c->head_dim, c->heads, qkv, 0}, k_rows = {n * c->kv_heads, c->head_dim, c->kv_heads, qkv, q};
        rmsnorm_forward(s, d->qkv, d->rstd, d->qkv, model_span(p, layer->q_norm, c->head_dim), q_rows, c->rms_norm_eps);
        rmsnorm_forward(s, d->qkv, d->rstd, d->qkv, model_span(p, layer->k_norm, c->head_dim), k_rows, c->rms_norm_eps);
    }
    rope_forward(s, d->qkv, d->rope, slot_field(d, 1), n, c->heads, c->kv_heads, c->head_dim, d->limits.max_length);
    attention_decode(s, d->attention, d->k_cache[l], d->v_cache[l], d->qkv, slot_field(d, 2), n, d->limits.max_length,
                     (AttentionShape){c->heads, c->kv_heads, c->head_dim});
    matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->x_next, .a = d->attention, .b = model_span(p, layer->o, (uint64_t)h * q),
                        .add = d->x, .m = n, .n = h, .k = q});
    rmsnorm_forward(s, d->norm, d->rstd, d->x_next, model_span(p, layer->post_norm, h), rmsnorm_rows(n, h), c->rms_norm_eps);
    matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->gate_up, .a = d->norm,
                        .b = model_span(p, layer->gate_up, (uint64_t)2 * ff * h), .m = n, .n = 2 * ff, .k = h});
    swiglu_forward(s, d->activation, d->gate_up, n, ff);
    matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->x, .a = d->activation, .b = model_span(p, layer->down, (uint64_t)h * ff),
                        .add = d->x_next, .m = n, .n = h, .k = ff});
}

static void advance_step(Decoder *d, const DecodeInput *input)
{
    struct {
        uint32_t slots, requests, max_new, max_length, stop_count, ignore_stop, vocab, slot_stride;
        uint32_t stop[MAX_STOPS];
    } push = {d->limits.slots, input->requests, d->limits.max_new, d->limits.max_length, input->stop_count,
              input->ignore_stop, d->config.vocab_size, d->slot_stride, {0}};
    for (uint32_t i = 0; i < input->stop_count && i < MAX_STOPS; i++) {
        push.stop[i] = (uint32_t)input->stop_ids[i];
    }
    gpu_dispatch(d->stream, &(GpuDispatch){.kernel = "decode_advance",
                                           .spec = {64},
                                           .spec_count = 1,
                                           .bind = {gpu_read_write(d->slots), gpu_read(d->sampled), gpu_read(d->sampled_logprob),
                                                    gpu_read(d->prompts), gpu_read(d->requests), gpu_read_write(d->counters),
                                                    gpu_read_write(d->tokens), gpu_read_write(d->logprobs),
                                                    gpu_read_write(d->lengths), gpu_read_write(d->stopped)},
                                           .push = &push,
                                           .push_size = sizeof push,
                                           .groups = gpu_groups(d->limits.slots, 64)});
}

static void record(Decoder *d, const Model *model, const DecodeInput *input)
{
    const ModelConfig *c = &d->config;
    GpuStream         *s = d->stream;
    const uint32_t     n = d->limits.slots, h = c->hidden_size;
    const GpuSpan      p = model->parameters;
    gpu_stream_begin(s);
    for (uint32_t step = 0; step < d->limits.steps_per_submit; step++) {
        embedding_forward(s, d->x, model_span(p, model->embedding, (uint64_t)c->vocab_size * h), slot_field(d, 0), n, h, c->vocab_size);
        for (uint32_t l = 0; l < c->layers; l++) {
            layer_step(d, model, l);
        }
        rmsnorm_forward(s, d->norm, d->rstd, d->x, model_span(p, model->final_norm, h), rmsnorm_rows(n, h), c->rms_norm_eps);
        matmul(s, &(Matmul){.layout = MATMUL_NT, .c = d->logits, .a = d->norm,
                            .b = model_span(p, model->head, (uint64_t)c->vocab_size * h), .m = n, .n = c->vocab_size, .k = h});
        sample_tokens(s, d->sampled, d->sampled_logprob, (GpuSpan){0}, d->logits, slot_field(d, 4), slot_field(d, 1),
                      &input->sample, n, c->vocab_size);
        advance_step(d, input);
    }
    gpu_copy(s, d->host_counters, d->counters);
}

/* --- running ------------------------------------------------------------------------ */

static Status check_input(const Decoder *d, const DecodeInput *input, Error *error)
{
    const DecodeLimits *l = &d->limits;
    if (input->requests > l->max_requests || input->prompt_starts[input->requests] > l->max_prompt_tokens || input->stop_count > MAX_STOPS) {
        return error_set(error, STATUS_BAD_INPUT, "generating: %u requests with %u prompt tokens are more than planned (%u, %u)",
                         input->requests, input->prompt_starts[input->requests], l->max_requests, l->max_prompt_tokens);
    }
    for (uint32_t r = 0; r < input->requests; r++) {
        uint32_t length = input->prompt_starts[r + 1] - input->prompt_starts[r];
        if (length == 0 || length >= l->max_length) {
            return error_set(error, STATUS_BAD_INPUT, "prompt %u has %u tokens; there must be 1 to %u (a context of %u)", r + 1, length,
                             l->max_length - 1, l->max_length);
        }
        if (input->max_new != NULL && (input->max_new[r] == 0 || input->max_new[r] > l->max_new)) {
            return error_set(error, STATUS_BAD_INPUT, "prompt %u asks for %u new tokens; 1 to %u are possible", r + 1, input->max_new[r], l->max_new);
        }
    }
    for (uint32_t i = 0; i < input->prompt_starts[input->requests]; i++) {
        if (input->prompts[i] < 0 || (uint32_t)input->prompts[i] >= d->config.vocab_size) {
            return error_set(error, STATUS_BAD_INPUT, "prompt token id %d is outside the vocabulary of %u", (int)input->prompts[i], d->config.vocab_size);
        }
    }
    return STATUS_OK;
}

/* Uploads prompts, requests and the first request of every slot. */
static Status prepare(Decoder *d, const DecodeInput *input, Error *error)
{
    const uint32_t n = d->limits.slots, stride = d->slot_stride, requests = input->requests;
    uint32_t      *words = calloc((size_t)SLOT_FIELDS * stride + (size_t)REQUEST_FIELDS * requests, 4);
    if (words == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "generating: out of host memory");
    }
    uint32_t *slot = words, *request = words + (size_t)SLOT_FIELDS * stride;
    for (uint32_t r = 0; r < requests; r++) {
        uint32_t length = input->prompt_starts[r + 1] - input->prompt_starts[r];
        request[r] = input->prompt_starts[r];
        request[requests + r] = length;
        request[2 * requests + r] = input->max_new != NULL ? input->max_new[r] : d->limits.max_new;
        request[3 * requests + r] = input->sequence[r];
    }
    for (uint32_t s = 0; s < n; s++) {
        slot[3 * stride + s] = IDLE;
        if (s < requests) {
            slot[s] = (uint32_t)input->prompts[input->prompt_starts[s]];
            slot[2 * stride + s] = 1;
            slot[3 * stride + s] = s;
            slot[4 * stride + s] = input->sequence[s];
        }
    }
    uint32_t counters[2] = {n < requests ? n : requests, n < requests ? n : requests};
    Status   status = gpu_upload(d->gpu, d->slots, slot, (uint64_t)SLOT_FIELDS * stride * 4, error);
    if (status == STATUS_OK) {
        status = gpu_upload(d->gpu, d->requests, request, (uint64_t)REQUEST_FIELDS * requests * 4, error);
    }
    if (status == STATUS_OK) {
        status = gpu_upload(d->gpu, d->prompts, input->prompts, (uint64_t)input->prompt_starts[requests] * 4, error);
    }
    if (status == STATUS_OK) {
        status = gpu_upload(d->gpu, d->counters, counters, sizeof counters, error);
    }
    if (status == STATUS_OK) {
        memset(d->host, 0, (size_t)requests * 8);
        status = gpu_upload(d->gpu, d->lengths, d->host, (uint64_t)requests * 4, error);
    }
    if (status == STATUS_OK) {
        status = gpu_upload(d->gpu, d->stopped, d->host, (uint64_t)requests * 4, error);
    }
    free(words);
    return status;
}

static Status collect(Decoder *d, uint32_t requests, DecodeOutput *output, Error *error)
{
    const uint64_t tokens = (uint64_t)requests * d->limits.max_new * 4, lengths = (uint64_t)requests * 4;
    uint8_t       *at = d->host;
    const struct {
        GpuSpan  from;
        uint64_t bytes;
    } pieces[4] = {{d->tokens, tokens}, {d->logprobs, tokens}, {d->lengths, lengths}, {d->stopped, lengths}};
    for (int i = 0; i < 4; i++) {
        Status status = gpu_download(d->gpu, pieces[i].from, at, pieces[i].bytes, error);
        if (status != STATUS_OK) {
            return status;
        }
        at += pieces[i].bytes;
    }
    output->max_new = d->limits.max_new;
    output->tokens = (const int32_t *)(const void *)d->host;
    output->logprobs = (const float *)(const void *)(d->host + tokens);
    output->lengths = (const uint32_t *)(const void *)(d->host + 2 * tokens);
    output->stopped = (const uint32_t *)(const void *)(d->host + 2 * tokens + lengths);
    return STATUS_OK;
}

Status decoder_run(Decoder *d, const Model *model, const DecodeInput *input, DecodeOutput *output, Error *error)
{
    output->steps = 0;
    Status status = check_input(d, input, error);
    if (status == STATUS_OK) {
        status = prepare(d, input, error);
    }
    if (status == STATUS_OK) {
        record(d, model, input);
        status = gpu_stream_end(d->stream, error);
    }
    const uint32_t *counters = gpu_span_map(d->host_counters);
    uint32_t        active = input->requests;
    bool            stop = false;
    while (status == STATUS_OK && active > 0 && !stop) {
        status = gpu_stream_run(d->stream, error);
        active = counters[1];
        output->steps += d->limits.steps_per_submit;
        stop = status == STATUS_OK && input->progress != NULL && input->progress(input->user, active);
    }
    return status == STATUS_OK ? collect(d, input->requests, output, error) : status;
}
