/* Attention on GPUs: tiles in shared memory (shaders/include/attention_tiles.glsl). */
#include "engine/ops/attention_parts.h"

typedef struct Push {
    uint32_t tile_count;
    float    scale;
} Push;

enum {
    QUADS_SUMMED = 16,     /* vec4s that an invocation sums up at most                                         */
    QUADS_FEW    = 8,      /* on Intel, and of the backward on AMD: with 16 Mesa's compilers spill (SPEED.md) */
    CHUNK        = 8,      /* quads of a row at a time                                                         */
    CHUNK_FEW    = 4,      /* of keys and values on Intel, for the same reason                                 */
    SHARED_BYTES = 32768,  /* at most, if the device has more: two workgroups of a multiprocessor should fit   */
    AMD          = 0x1002, /* vendors */
    INTEL        = 0x8086
};

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t attention_tiling_shared(const AttentionTiling *t, uint32_t head_dim)
{
    const uint32_t other = 4 * t->across, quads = ceil_div(head_dim, 4);
    const uint32_t chunks = (t->own + other) * (t->chunk | 1), steps = t->own * (t->across + 1) + t->step * quads;
    return larger(chunks, steps) * 16 + t->own * t->across * 4;
}

static bool fits(const GpuInfo *info, const AttentionTiling *t, uint32_t head_dim)
{
    const uint32_t most = info->shared_bytes < SHARED_BYTES ? info->shared_bytes : SHARED_BYTES;
    return attention_tiling_shared(t, head_dim) <= most;
}

AttentionTiling attention_tiling(const GpuInfo *info, AttentionPass pass, uint32_t head_dim)
{
    const uint32_t  quads = ceil_div(head_dim, 4), sums = pass == ATTENTION_BACKWARD_KV ? 2 : 1;
    const bool      few  = info->vendor_id == INTEL || (pass != ATTENTION_FORWARD && info->vendor_id == AMD);
    const uint32_t  most = few ? QUADS_FEW : QUADS_SUMMED;
    const uint32_t  row  = sums == 2 && info->vendor_id == INTEL ? CHUNK_FEW : CHUNK;
    AttentionTiling t    = {.own = ATTENTION_GPU_LANES, .per_lane = 4, .across = head_dim <= 32 ? 8 : 16, .step = 16};
    while (t.per_lane > 1 && t.per_lane * ceil_div(quads, t.across) * sums > most) {
        t.per_lane /= 2;
    }
    while (t.own / t.per_lane * t.across > (info->max_workgroup < 256 ? info->max_workgroup : 256)) {
        t.own /= 2;
    }
    t.chunk = ceil_div(quads, ceil_div(quads, row)); /* a row in equal ones */
    while (!fits(info, &t, head_dim) && t.step > 4) {
        t.step /= 2;
    }
    while (!fits(info, &t, head_dim) && t.chunk > 1) {
        t.chunk = ceil_div(t.chunk, 2);
    }
    while (!fits(info, &t, head_dim) && t.own > t.per_lane) {
        t.own /= 2;
    }
    t.threads = t.own / t.per_lane * t.across;
    return t;
}

static void dispatch(GpuStream *stream, GpuDispatch *d, AttentionPass pass, const Attention *a)
{
    const AttentionShape  shape  = a->shape;
    const AttentionTiling t      = attention_tiling(gpu_info(gpu_stream_gpu(stream)), pass, shape.head_dim);
    const uint32_t        parts  = ceil_div(a->lanes, t.own);
    const uint32_t        heads  = pass == ATTENTION_BACKWARD_KV ? shape.kv_heads : shape.heads;
    const uint32_t        spec[] = {t.threads,    shape.heads,    shape.kv_heads, shape.head_dim, parts, t.per_lane,
                                    4 * t.across, 0 /* TEXELS */, t.across,       t.chunk,        t.step};
    const Push            push   = {a->tile_count, attention_scale(shape)};
    d->spec_count                = sizeof spec / sizeof *spec;
    for (uint32_t i = 0; i < d->spec_count; i++) {
        d->spec[i] = spec[i];
    }
    d->push      = &push;
    d->push_size = sizeof push;
    d->groups    = gpu_groups((uint64_t)a->tile_count * heads * parts, 1);
    gpu_dispatch(stream, d);
}

void attention_record_tiled_forward(GpuStream *stream, const Attention *a)
{
    GpuDispatch d = {.kernel = "attention_tiled",
                     .bind   = {gpu_write(a->o), gpu_write(a->lse), gpu_read(a->qkv), gpu_read(a->tiles)}};
    dispatch(stream, &d, ATTENTION_FORWARD, a);
}

void attention_record_tiled_backward(GpuStream *stream, const Attention *a)
{
    GpuDispatch queries = {.kernel = "attention_tiled_backward_q",
                           .bind   = {gpu_write(a->dqkv), gpu_write(a->delta), gpu_read(a->d_o), gpu_read(a->o),
                                      gpu_read(a->lse), gpu_read(a->qkv), gpu_read(a->tiles)}};
    dispatch(stream, &queries, ATTENTION_BACKWARD_Q, a);
    GpuDispatch keys = {.kernel = "attention_tiled_backward_kv",
                        .bind   = {gpu_write(a->dqkv), gpu_read(a->delta), gpu_read(a->d_o), gpu_read(a->lse),
                                   gpu_read(a->qkv), gpu_read(a->tiles)}};
    dispatch(stream, &keys, ATTENTION_BACKWARD_KV, a);
}
