#include "engine/model/decode.h"

#include <stdlib.h>

#include "engine/model/decode_parts.h"
#include "engine/ops/logits.h"
#include "engine/ops/matmul.h"
#include "engine/ops/rope.h"

enum { DEFAULT_SLOTS = 256, DEFAULT_STEPS = 16, CHUNK_ROWS = 512 };

typedef struct Planner {
    GpuArena *arena;
    uint64_t  bytes;
} Planner;

static GpuSpan plan(Planner *planner, uint64_t elements)
{
    planner->bytes += gpu_align(elements * 4);
    return planner->arena != NULL ? gpu_arena_take(planner->arena, elements * 4) : (GpuSpan){0};
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Activations that products read. */
static TypedSpan plan_typed(Planner *planner, ComputeType compute, uint64_t rows, uint32_t width)
{
    const ComputeType stored = typed_storage(compute, width);
    return (TypedSpan){plan(planner, rows * width / (stored == COMPUTE_F32 ? 1 : 2)), stored};
}

/* The most that any product, or the attention, of a step or a chunk asks for, in bytes. */
static uint64_t scratch_bytes(const Decoder *d)
{
    const ModelConfig *c     = &d->config;
    uint64_t           bytes = attention_decode_workspace(d->max_rows, d->cache_length, decoder_attention(d));
    for (uint32_t i = MATRIX_HEAD; i < MATRIX_LAYERS + MATRICES; i++) { /* all layers are alike */
        GpuStream        *s     = gpu_transfer_stream(d->gpu);
        const MatrixShape shape = model_matrix_shape(c, i);
        const uint64_t needed   = matmul_workspace_as(s, c->compute, MATMUL_NT, d->max_rows, shape.rows, shape.columns);
        const uint64_t frozen   = weight_workspace_as(s, c->compute, d->max_rows, shape.rows, shape.columns);
        bytes                   = needed > bytes ? needed : bytes;
        bytes                   = frozen > bytes ? frozen : bytes;
    }
    return bytes;
}

static void plan_all(Planner *p, Decoder *d)
{
    const ModelConfig  *c = &d->config;
    const DecodeLimits *l = &d->limits;
    const uint64_t      n = d->max_rows, slots = l->slots;
    const uint64_t      q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    d->x          = plan(p, n * c->hidden_size);
    d->x_next     = plan(p, n * c->hidden_size);
    d->norm       = plan_typed(p, c->compute, n, c->hidden_size);
    d->rstd       = plan(p, n * (c->heads + c->kv_heads));
    d->qkv        = plan(p, n * (q + 2 * kv));
    d->attention  = plan(p, n * q);
    d->gate_up    = plan(p, n * 2 * c->intermediate_size);
    d->activation = plan_typed(p, c->compute, n, c->intermediate_size);
    d->logits     = plan(p, slots * logits_stride(c->vocab_size));
    d->scratch    = plan(p, scratch_bytes(d) / 4 + 1);
    if (l->lora_rank > 0) {
        d->lora.h = plan(p, n * LORA_WIDEST_GROUP * l->lora_rank);
        d->lora.products =
            plan(p, lora_products_bytes(gpu_transfer_stream(d->gpu), c, l->lora_rank, d->max_rows, false) / 4 + 1);
        d->lora.rank = l->lora_rank;
    }
    d->rope            = plan(p, rope_table_bytes(d->cache_length, c->head_dim) / 4);
    d->slots           = plan(p, (uint64_t)d->slot_stride * SLOT_FIELDS);
    d->chunk           = plan(p, (uint64_t)d->chunk_stride * ROW_FIELDS + l->slots);
    d->sampled         = plan(p, slots);
    d->sampled_logprob = plan(p, slots);
    d->prompts         = plan(p, l->max_prompt_tokens);
    d->request_table   = plan(p, (uint64_t)REQUEST_FIELDS * l->max_requests);
    d->counters        = plan(p, 2);
    d->tokens          = plan(p, (uint64_t)l->max_requests * l->max_new);
    d->logprobs        = plan(p, (uint64_t)l->max_requests * l->max_new);
    d->lengths         = plan(p, l->max_requests);
    d->stopped         = plan(p, l->max_requests);
}

static Status upload_rope(Decoder *d, Error *error)
{
    uint64_t bytes = rope_table_bytes(d->cache_length, d->config.head_dim);
    float   *table = malloc(bytes);
    if (table == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
    }
    rope_table_fill(table, &d->config.rope, d->cache_length, d->config.head_dim);
    Status status = gpu_upload(d->gpu, d->rope, table, bytes, error);
    free(table);
    return status;
}

/* Counts of u32 whose fields can be bound one by one. */
static uint32_t stride_of(uint32_t count)
{
    return (count + 63) / 64 * 64;
}

/* What follows from the number of slots. */
static Status shape_slots(Decoder *d, Error *error)
{
    const DecodeLimits *l = &d->limits;
    d->chunk_rows         = l->max_prompt_tokens < CHUNK_ROWS ? l->max_prompt_tokens : CHUNK_ROWS;
    d->max_rows           = larger(l->slots, d->chunk_rows);
    d->slot_stride        = stride_of(l->slots);
    d->chunk_stride       = stride_of(d->chunk_rows);
    d->width              = l->slots;
    d->cache_length       = kv_max_length(l->max_length, decoder_attention(d), l->cache);
    if (kv_bytes(gpu_transfer_stream(d->gpu), 1, d->cache_length, decoder_attention(d), l->cache) == 0) {
        return error_set(error, STATUS_FAILED,
                         "decoding: the keys of a sequence of %u tokens are more than the device binds at once (%.0f "
                         "MiB); use shorter sequences",
                         d->cache_length, (double)gpu_info(d->gpu)->max_binding_bytes / 1048576.0);
    }
    return STATUS_OK;
}

static Status check_limits(const ModelConfig *config, const DecodeLimits *l, Error *error)
{
    if (l->max_requests == 0 || l->max_new == 0 || l->max_prompt_tokens == 0 || l->max_length < 2) {
        return error_set(error, STATUS_BAD_INPUT,
                         "making a decoder: nothing could be generated with room for %u requests, %u prompt tokens, %u "
                         "new tokens, %u in all",
                         l->max_requests, l->max_prompt_tokens, l->max_new, l->max_length);
    }
    if (l->max_length > config->max_positions) {
        return error_set(error, STATUS_BAD_INPUT,
                         "making a decoder: sequences of %u tokens are longer than the model's context of %u",
                         l->max_length, config->max_positions);
    }
    return STATUS_OK;
}

/* What the cache of an open number of slots may take: nine tenths of what the device has left. Asking a device for
 * too much does not always fail: some lend the host's memory, and CPU devices memory that nobody has. */
static uint64_t room(const Decoder *d)
{
    const uint64_t all = gpu_info(d->gpu)->memory_bytes, used = gpu_memory_used(d->gpu);
    return used < all ? (all - used) / 10 * 9 : 0;
}

/* Bytes of the keys of a layer, and of its values. */
static uint64_t cache_bytes(const Decoder *d)
{
    return kv_bytes(gpu_transfer_stream(d->gpu), d->limits.slots, d->cache_length, decoder_attention(d),
                    d->limits.cache);
}

static void free_arenas(Decoder *d)
{
    for (uint32_t l = 0; d->cache_arenas != NULL && l < d->config.layers; l++) {
        gpu_arena_free(d->cache_arenas[l]);
        d->cache_arenas[l] = NULL;
    }
    gpu_arena_free(d->arena);
    d->arena = NULL;
}

/* The cache of each layer is memory of its own: no buffer of gigabytes is needed. */
static Status open_arenas(Decoder *d, uint64_t bytes, Error *error)
{
    const uint64_t cache  = cache_bytes(d);
    Status         status = STATUS_OK;
    d->arena              = gpu_arena_new(d->gpu, "decoding", GPU_MEMORY_DEVICE, bytes, error);
    for (uint32_t l = 0; l < d->config.layers && d->arena != NULL && status == STATUS_OK; l++) {
        GpuLayout layout = gpu_layout(d->gpu);
        gpu_layout_add(&layout, cache);
        gpu_layout_add(&layout, cache);
        GpuArena *arena    = gpu_arena_new_cut(d->gpu, "decoding (KV cache)", GPU_MEMORY_DEVICE, &layout, error);
        status             = arena != NULL ? STATUS_OK : error->status;
        d->cache_arenas[l] = arena;
        if (arena != NULL) {
            d->cache[l] = (KvLayer){gpu_arena_take(arena, cache), gpu_arena_take(arena, cache), d->limits.slots,
                                    d->cache_length, d->limits.cache};
        }
    }
    status = d->arena != NULL ? status : error->status;
    if (status != STATUS_OK) {
        free_arenas(d);
    }
    return status;
}

/* The device memory; with fewer slots if the caller left their number open and they do not fit. */
static Status allocate(Decoder *d, bool may_shrink, Error *error)
{
    for (;;) {
        Planner counting = {0};
        Status  status   = shape_slots(d, error);
        if (status != STATUS_OK) {
            return status;
        }
        plan_all(&counting, d);
        if (may_shrink && d->limits.slots > 1 && counting.bytes + 2 * d->config.layers * cache_bytes(d) > room(d)) {
            d->limits.slots /= 2;
            continue;
        }
        Error tried = {0};
        if (open_arenas(d, counting.bytes, &tried) == STATUS_OK) {
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
    const DecodeLimits *l      = &d->limits;
    const bool          open   = l->slots == 0;
    Status              status = check_limits(&d->config, l, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (open) {
        d->limits.slots = DEFAULT_SLOTS < l->max_requests ? DEFAULT_SLOTS : l->max_requests;
    }
    d->limits.steps_per_submit = l->steps_per_submit > 0 ? l->steps_per_submit : DEFAULT_STEPS;
    d->cache                   = calloc(d->config.layers, sizeof *d->cache);
    d->cache_arenas            = calloc(d->config.layers, sizeof *d->cache_arenas);
    d->host                    = malloc(((uint64_t)2 * l->max_new + 2) * l->max_requests * 4);
    d->told                    = calloc(l->max_requests, sizeof *d->told);
    d->news                    = calloc(l->max_requests, sizeof *d->news);
    d->news_to                 = calloc(l->max_requests, sizeof *d->news_to);
    d->news_of                 = calloc(l->max_requests, sizeof *d->news_of);
    if (d->cache == NULL || d->cache_arenas == NULL || d->host == NULL || d->told == NULL || d->news == NULL ||
        d->news_to == NULL || d->news_of == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
    }
    status = decoder_panels_new(d, error);
    status = status == STATUS_OK ? allocate(d, open, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    d->slot_words  = calloc((size_t)d->slot_stride * SLOT_FIELDS, 4);
    d->chunk_words = calloc((size_t)d->chunk_stride * ROW_FIELDS + l->slots, 4);
    d->waiting     = malloc((size_t)l->slots * 4);
    if (d->slot_words == NULL || d->chunk_words == NULL || d->waiting == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
    }
    const uint64_t slots_bytes = (uint64_t)d->slot_stride * SLOT_FIELDS * 4, requests = (uint64_t)l->max_requests * 4;
    d->host_arena = gpu_arena_new(d->gpu, "decoding (host)", GPU_MEMORY_HOST,
                                  GPU_ALIGNMENT + gpu_align(slots_bytes) + 2 * gpu_align(requests), error);
    d->stream     = d->host_arena != NULL ? gpu_stream_new(d->gpu, error) : NULL;
    d->chunks     = d->stream != NULL ? gpu_stream_new(d->gpu, error) : NULL;
    if (d->chunks == NULL) {
        return STATUS_FAILED;
    }
    d->host_counters = gpu_arena_take(d->host_arena, 8);
    d->host_slots    = gpu_arena_take(d->host_arena, slots_bytes);
    d->host_lengths  = gpu_arena_take(d->host_arena, requests);
    d->host_stopped  = gpu_arena_take(d->host_arena, requests);
    return upload_rope(d, error);
}

Decoder *decoder_new(Gpu *gpu, const ModelConfig *config, const DecodeLimits *limits, Error *error)
{
    Decoder *d = calloc(1, sizeof *d);
    if (d == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
        return NULL;
    }
    d->gpu    = gpu;
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
        gpu_stream_free(d->chunks);
        free_arenas(d);
        gpu_arena_free(d->host_arena);
        gpu_arena_free(d->panels_arena);
        free(d->panels);
        free(d->cache_arenas);
        free(d->cache);
        free(d->slot_words);
        free(d->chunk_words);
        free(d->waiting);
        free(d->host);
        free(d->told);
        free(d->news);
        free(d->news_to);
        free(d->news_of);
        free(d);
    }
}
