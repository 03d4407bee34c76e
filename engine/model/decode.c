#include "engine/model/decode.h"

#include <stdlib.h>
#include <string.h>

#include "engine/model/decode_parts.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pieces.h"
#include "engine/ops/rope.h"

enum { DEFAULT_SLOTS = 256, DEFAULT_STEPS = 16, REQUEST_FIELDS = 4, NARROWEST = 16 };

typedef struct Planner {
    GpuArena *arena;
    uint64_t  bytes;
} Planner;

static GpuSpan plan(Planner *planner, uint64_t elements)
{
    planner->bytes += gpu_align(elements * 4);
    return planner->arena != NULL ? gpu_arena_take(planner->arena, elements * 4) : (GpuSpan){0};
}

/* The most that any product of a step asks for, in bytes. */
static uint64_t products_bytes(const Decoder *d)
{
    const ModelConfig *c = &d->config;
    const uint32_t     q = c->heads * c->head_dim, h = c->hidden_size, ff = c->intermediate_size;
    const uint32_t     shapes[5][2] = {{q + 2 * c->kv_heads * c->head_dim, h}, {h, q}, {2 * ff, h}, {h, ff}, {c->vocab_size, h}};
    uint64_t           bytes = 0;
    for (int i = 0; i < 5; i++) {
        GpuStream     *s = gpu_transfer_stream(d->gpu);
        const uint64_t needed = matmul_workspace(s, MATMUL_NT, d->limits.slots, shapes[i][0], shapes[i][1]);
        const uint64_t frozen = weight_workspace(s, shapes[i][0], shapes[i][1]);
        bytes = needed > bytes ? needed : bytes;
        bytes = frozen > bytes ? frozen : bytes;
    }
    return bytes;
}

static void plan_all(Planner *p, Decoder *d)
{
    const ModelConfig  *c = &d->config;
    const DecodeLimits *l = &d->limits;
    const uint64_t      s = l->slots, q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    const uint64_t      pieces = (s + d->piece_slots - 1) / d->piece_slots;
    d->x = plan(p, s * c->hidden_size);
    d->x_next = plan(p, s * c->hidden_size);
    d->norm = plan(p, s * c->hidden_size);
    d->rstd = plan(p, s * (c->heads + c->kv_heads));
    d->qkv = plan(p, s * (q + 2 * kv));
    d->attention = plan(p, s * q);
    d->gate_up = plan(p, s * 2 * c->intermediate_size);
    d->activation = plan(p, s * c->intermediate_size);
    d->logits = plan(p, s * c->vocab_size);
    d->scratch = plan(p, products_bytes(d) / 4 + 1);
    if (l->lora_rank > 0) {
        d->lora.h = plan(p, s * LORA_WIDEST_GROUP * l->lora_rank);
        d->lora.products = plan(p, lora_products_bytes(gpu_transfer_stream(d->gpu), c, l->lora_rank, l->slots, false) / 4 + 1);
        d->lora.rank = l->lora_rank;
    }
    for (uint32_t i = 0; i < c->layers; i++) {
        d->k_cache[i] = plan(p, s * d->cache_length * kv);
        d->v_cache[i] = plan(p, s * d->cache_length * kv);
    }
    d->piece_lengths = plan(p, pieces * gpu_align((uint64_t)d->piece_slots * 4) / 4);
    d->rope = plan(p, rope_table_bytes(l->max_length, c->head_dim) / 4);
    d->slots = plan(p, (uint64_t)d->slot_stride * SLOT_FIELDS);
    d->sampled = plan(p, s);
    d->sampled_logprob = plan(p, s);
    d->prompts = plan(p, l->max_prompt_tokens);
    d->request_table = plan(p, (uint64_t)REQUEST_FIELDS * l->max_requests);
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

/* The smallest `count` >= `wanted` for which count * width floats are whole 256-byte units. */
static uint32_t aligned_count(uint32_t wanted, uint64_t width)
{
    while (wanted * width % 64 != 0) {
        wanted++;
    }
    return wanted;
}

/* Cache rows and pieces of them for this number of slots. */
static Status shape_slots(Decoder *d, Error *error)
{
    const ModelConfig *c = &d->config;
    const uint64_t     q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    d->cache_length = aligned_count(d->limits.max_length, kv);
    d->slot_stride = aligned_count(d->limits.slots, 1);
    d->width = d->limits.slots;
    /* o and qkv start at whole units too where a piece is a multiple of this */
    const uint32_t unit = aligned_count(aligned_count(1, q), q + 2 * kv);
    const uint64_t fit = gpu_info(d->gpu)->max_binding_bytes / (4 * d->cache_length * kv);
    d->piece_slots = fit >= d->limits.slots ? d->limits.slots : (uint32_t)fit / unit * unit;
    if (d->piece_slots == 0) {
        return error_set(error, STATUS_FAILED, "decoding: the keys of %u sequences of %u tokens are more than the device binds at once (%.0f MiB); use shorter sequences",
                         unit, d->cache_length, (double)gpu_info(d->gpu)->max_binding_bytes / 1048576.0);
    }
    return STATUS_OK;
}

static Status check_limits(const ModelConfig *config, const DecodeLimits *l, Error *error)
{
    if (l->max_requests == 0 || l->max_new == 0 || l->max_prompt_tokens == 0 || l->max_length < 2) {
        return error_set(error, STATUS_BAD_INPUT, "making a decoder: nothing could be generated with room for %u requests, %u prompt tokens, %u new tokens, %u in all",
                         l->max_requests, l->max_prompt_tokens, l->max_new, l->max_length);
    }
    if (l->max_length > config->max_positions) {
        return error_set(error, STATUS_BAD_INPUT, "making a decoder: sequences of %u tokens are longer than the model's context of %u", l->max_length,
                         config->max_positions);
    }
    return STATUS_OK;
}

/* The device memory; with fewer slots if the caller left their number open and they do not fit. */
static Status allocate(Decoder *d, bool may_shrink, Error *error)
{
    for (;;) {
        Planner counting = {0};
        Status  status = shape_slots(d, error);
        if (status != STATUS_OK) {
            return status;
        }
        plan_all(&counting, d);
        Error tried = {0};
        d->arena = gpu_arena_new(d->gpu, "decoding (KV cache)", GPU_MEMORY_DEVICE, counting.bytes, &tried);
        if (d->arena != NULL) {
            Planner placing = {.arena = d->arena};
            plan_all(&placing, d);
            return STATUS_OK;
        }
        if (!may_shrink || tried.status != STATUS_OUT_OF_MEMORY || d->limits.slots == 1) {
            return error_set(error, tried.status, "%s", tried.text);
        }
        d->limits.slots /= 2;
    }
}

static Status decoder_fill(Decoder *d, Error *error)
{
    const DecodeLimits *l = &d->limits;
    const bool          open = l->slots == 0;
    Status              status = check_limits(&d->config, l, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (open) {
        d->limits.slots = DEFAULT_SLOTS < l->max_requests ? DEFAULT_SLOTS : l->max_requests;
    }
    d->limits.steps_per_submit = l->steps_per_submit > 0 ? l->steps_per_submit : DEFAULT_STEPS;
    d->k_cache = calloc(d->config.layers, sizeof *d->k_cache);
    d->v_cache = calloc(d->config.layers, sizeof *d->v_cache);
    d->host = malloc(((uint64_t)2 * l->max_new + 2) * l->max_requests * 4);
    d->slot_words = calloc((size_t)aligned_count(l->slots, 1) * SLOT_FIELDS, 4);
    if (d->k_cache == NULL || d->v_cache == NULL || d->host == NULL || d->slot_words == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
    }
    status = allocate(d, open, error);
    if (status != STATUS_OK) {
        return status;
    }
    d->host_arena = gpu_arena_new(d->gpu, "decoding (host)", GPU_MEMORY_HOST, GPU_ALIGNMENT, error);
    d->stream = d->host_arena != NULL ? gpu_stream_new(d->gpu, error) : NULL;
    d->moves = d->stream != NULL ? gpu_stream_new(d->gpu, error) : NULL;
    if (d->moves == NULL) {
        return STATUS_FAILED;
    }
    d->host_counters = gpu_arena_take(d->host_arena, 8);
    return upload_rope(d, error);
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
    if (decoder_fill(d, error) != STATUS_OK) {
        decoder_free(d);
        return NULL;
    }
    return d;
}

void decoder_free(Decoder *d)
{
    if (d != NULL) {
        gpu_stream_free(d->stream);
        gpu_stream_free(d->moves);
        gpu_arena_free(d->arena);
        gpu_arena_free(d->host_arena);
        free(d->k_cache);
        free(d->v_cache);
        free(d->slot_words);
        free(d->host);
        free(d);
    }
}

/* --- before a run ------------------------------------------------------------------- */

static Status check_input(const Decoder *d, const DecodeInput *input, Error *error)
{
    const DecodeLimits *l = &d->limits;
    if (input->requests > l->max_requests || input->prompt_starts[input->requests] > l->max_prompt_tokens) {
        return error_set(error, STATUS_BAD_INPUT, "generating: %u requests with %u prompt tokens are more than planned (%u, %u)",
                         input->requests, input->prompt_starts[input->requests], l->max_requests, l->max_prompt_tokens);
    }
    if (input->stop_count > DECODE_MAX_STOPS) {
        return error_set(error, STATUS_BAD_INPUT, "generating: %u stop tokens; at most %d are possible", input->stop_count, DECODE_MAX_STOPS);
    }
    if (input->kept > 0 && (input->requests != 1 || input->kept > d->read || input->kept >= input->prompt_starts[1])) {
        return error_set(error, STATUS_BAD_INPUT, "generating: %u tokens of the prompt cannot be kept; the run before was of one request and has read %u",
                         input->kept, d->read);
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
        for (uint32_t i = input->prompt_starts[r]; i < input->prompt_starts[r + 1]; i++) {
            if (input->prompts[i] < 0 || (uint32_t)input->prompts[i] >= d->config.vocab_size) {
                return error_set(error, STATUS_BAD_INPUT, "prompt %u has token id %d, outside the vocabulary of %u", r + 1,
                                 (int)input->prompts[i], d->config.vocab_size);
            }
        }
    }
    return STATUS_OK;
}

/* Every slot's first request. */
static void first_requests(Decoder *d, const DecodeInput *input)
{
    const uint32_t stride = d->slot_stride;
    uint32_t      *slot = d->slot_words;
    memset(slot, 0, (size_t)SLOT_FIELDS * stride * 4);
    for (uint32_t s = 0; s < stride; s++) {
        slot[SLOT_REQUEST * stride + s] = SLOT_IDLE;
        if (s < d->width && s < input->requests) {
            slot[SLOT_TOKEN * stride + s] = (uint32_t)input->prompts[input->prompt_starts[s] + input->kept];
            slot[SLOT_POSITION * stride + s] = input->kept;
            slot[SLOT_LENGTH * stride + s] = input->kept + 1;
            slot[SLOT_REQUEST * stride + s] = s;
            slot[SLOT_SEQUENCE * stride + s] = input->sequence[s];
        }
    }
}

/* Uploads prompts, requests and slots; no request is finished. */
static Status prepare(Decoder *d, const DecodeInput *input, Error *error)
{
    const uint32_t n = input->requests, started = d->width < n ? d->width : n;
    const uint32_t counters[2] = {started, started}; /* the next request, running */
    uint32_t      *table = calloc((size_t)REQUEST_FIELDS * n, 4);
    if (table == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "generating: out of host memory");
    }
    for (uint32_t r = 0; r < n; r++) {
        table[r] = input->prompt_starts[r];
        table[n + r] = input->prompt_starts[r + 1] - input->prompt_starts[r];
        table[2 * n + r] = input->max_new != NULL ? input->max_new[r] : d->limits.max_new;
        table[3 * n + r] = input->sequence[r];
    }
    first_requests(d, input);
    memset(d->host, 0, (size_t)n * 4);
    const struct {
        GpuSpan     to;
        const void *from;
        uint64_t    bytes;
    } uploads[6] = {{d->slots, d->slot_words, (uint64_t)SLOT_FIELDS * d->slot_stride * 4},
                    {d->request_table, table, (uint64_t)REQUEST_FIELDS * n * 4},
                    {d->prompts, input->prompts, (uint64_t)input->prompt_starts[n] * 4},
                    {d->counters, counters, sizeof counters},
                    {d->lengths, d->host, (uint64_t)n * 4},
                    {d->stopped, d->host, (uint64_t)n * 4}};
    Status status = STATUS_OK;
    for (int i = 0; i < 6 && status == STATUS_OK; i++) {
        status = gpu_upload(d->gpu, uploads[i].to, uploads[i].from, uploads[i].bytes, error);
    }
    free(table);
    return status;
}

/* --- running ------------------------------------------------------------------------ */

static Status download_slots(Decoder *d, Error *error)
{
    return gpu_download(d->gpu, d->slots, d->slot_words, (uint64_t)SLOT_FIELDS * d->slot_stride * 4, error);
}

/* The keys and values of slot `from` into slot `to`. */
static void move_cache(Decoder *d, uint32_t to, uint32_t from, uint32_t tokens)
{
    const uint64_t kv = (uint64_t)d->config.kv_heads * d->config.head_dim * 4, row = d->cache_length * kv;
    for (uint32_t l = 0; l < d->config.layers; l++) {
        gpu_copy(d->moves, gpu_span_slice(d->k_cache[l], to * row, tokens * kv), gpu_span_slice(d->k_cache[l], from * row, tokens * kv));
        gpu_copy(d->moves, gpu_span_slice(d->v_cache[l], to * row, tokens * kv), gpu_span_slice(d->v_cache[l], from * row, tokens * kv));
    }
}

/* The queue is empty and `running` requests are left: moves them into the first slots, so that steps
 * compute fewer. */
static Status narrow(Decoder *d, uint32_t width, Error *error)
{
    const uint32_t stride = d->slot_stride;
    uint32_t      *slot = d->slot_words;
    Status         status = download_slots(d, error);
    if (status != STATUS_OK) {
        return status;
    }
    gpu_stream_begin(d->moves);
    uint32_t to = 0;
    for (uint32_t from = width; from < d->width; from++) {
        if (slot[SLOT_REQUEST * stride + from] == SLOT_IDLE) {
            continue;
        }
        while (slot[SLOT_REQUEST * stride + to] != SLOT_IDLE) {
            to++;
        }
        move_cache(d, to, from, slot[SLOT_LENGTH * stride + from]);
        for (uint32_t field = 0; field < SLOT_FIELDS; field++) {
            slot[field * stride + to] = slot[field * stride + from];
        }
        slot[SLOT_REQUEST * stride + from] = SLOT_IDLE;
    }
    d->width = width;
    status = gpu_stream_run(d->moves, error);
    return status == STATUS_OK ? gpu_upload(d->gpu, d->slots, slot, (uint64_t)SLOT_FIELDS * stride * 4, error) : status;
}

/* Submits during which no slot can leave its first prompt. */
static uint32_t headless_submits(const Decoder *d, const DecodeInput *input)
{
    uint32_t shortest = d->limits.max_length;
    for (uint32_t r = 0; r < input->requests && r < d->width; r++) {
        const uint32_t length = input->prompt_starts[r + 1] - input->prompt_starts[r];
        shortest = length < shortest ? length : shortest;
    }
    return (shortest - 1 - input->kept) / d->limits.steps_per_submit;
}

/* Runs what is recorded, once. */
static Status run_steps(Decoder *d, const DecodeInput *input, DecodeOutput *output, bool *stop, Error *error)
{
    Status status = gpu_stream_run(d->stream, error);
    if (status == STATUS_OK) {
        const uint32_t *counters = gpu_span_map(d->host_counters);
        output->steps += d->limits.steps_per_submit;
        *stop = (input->progress != NULL && input->progress(input->user, counters[1])) || counters[1] == 0;
    }
    return status;
}

static Status run_all(Decoder *d, const Model *model, const DecodeInput *input, DecodeOutput *output, Error *error)
{
    Status   status = STATUS_OK;
    bool     stop = false;
    uint32_t headless = headless_submits(d, input);
    if (headless > 0) {
        decoder_record(d, model, input, false);
    }
    for (; headless > 0 && status == STATUS_OK && !stop; headless--) {
        status = run_steps(d, input, output, &stop, error);
    }
    for (uint32_t recorded = 0; status == STATUS_OK && !stop;) {
        if (recorded != d->width) {
            decoder_record(d, model, input, true);
            recorded = d->width;
        }
        status = run_steps(d, input, output, &stop, error);
        const uint32_t *counters = gpu_span_map(d->host_counters);
        uint32_t        width = d->width;
        while (width / 2 >= NARROWEST && counters[1] <= width / 2) {
            width /= 2;
        }
        if (status == STATUS_OK && !stop && width < d->width && counters[0] >= input->requests) {
            status = narrow(d, width, error);
        }
    }
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
    for (int i = 0; i < 4 && requests > 0; i++) {
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
    d->width = d->limits.slots;
    d->requests = input->requests;
    if (model->lora != NULL && model->lora->config.rank > d->limits.lora_rank) {
        return error_set(error, STATUS_FAILED, "generating: the model has an adapter of rank %u, the decoder was made for %u", model->lora->config.rank,
                         d->limits.lora_rank);
    }
    Status status = check_input(d, input, error);
    if (status == STATUS_OK && input->requests > 0) {
        d->read = 0;
        status = prepare(d, input, error);
    }
    if (status == STATUS_OK && input->requests > 0) {
        status = run_all(d, model, input, output, error);
    }
    if (status == STATUS_OK && input->requests == 1) { /* a step reads one token */
        const uint64_t read = input->kept + output->steps, most = d->limits.max_length - 1;
        d->read = (uint32_t)(read < most ? read : most);
    }
    return status == STATUS_OK ? collect(d, input->requests, output, error) : status;
}

Status decoder_peek(Decoder *d, uint32_t request, int32_t *tokens, uint32_t *count, Error *error)
{
    uint32_t prompt_length, generated = 0;
    Status   status = gpu_download(d->gpu, gpu_span_slice(d->request_table, ((uint64_t)d->requests + request) * 4, 4), &prompt_length, 4, error);
    if (status == STATUS_OK) { /* 0 as long as it runs */
        status = gpu_download(d->gpu, gpu_span_slice(d->lengths, (uint64_t)request * 4, 4), &generated, 4, error);
    }
    if (status == STATUS_OK && generated == 0) {
        status = download_slots(d, error);
        for (uint32_t s = 0; status == STATUS_OK && s < d->width; s++) {
            const uint32_t position = d->slot_words[SLOT_POSITION * d->slot_stride + s];
            if (d->slot_words[SLOT_REQUEST * d->slot_stride + s] == request && position >= prompt_length) {
                generated = position + 1 - prompt_length; /* the token at `position` is the latest */
            }
        }
    }
    if (status == STATUS_OK && generated > 0) {
        status = gpu_download(d->gpu, gpu_span_slice(d->tokens, (uint64_t)request * d->limits.max_new * 4, (uint64_t)generated * 4),
                              tokens, (uint64_t)generated * 4, error);
    }
    *count = status == STATUS_OK ? generated : 0;
    return status;
}

Status decoder_finished(Decoder *d, uint32_t *lengths, Error *error)
{
    return gpu_download(d->gpu, gpu_span_slice(d->lengths, 0, (uint64_t)d->requests * 4), lengths, (uint64_t)d->requests * 4, error);
}
