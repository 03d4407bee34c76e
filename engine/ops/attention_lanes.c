/* Attention on CPU devices: an invocation owns whole tokens (shaders/include/attention_forward.glsl). */
#include <stddef.h>

#include "engine/ops/attention_parts.h"
#include "engine/ops/ops.h"
#include "engine/ops/texels.h"

/* How a kernel divides a tile, see shaders/include/attention.glsl. */
typedef struct Division {
    uint32_t per_lane; /* tokens an invocation owns             */
    uint32_t block;    /* tokens of the other side at a time    */
} Division;

typedef struct Push {
    uint32_t tile_count;
    float    scale;
    uint32_t turned, turns;
    uint64_t qkv, d_o, lse, delta; /* addresses, for the kernels that read by them */
} Push;

enum { LANES_TILE = 4 }; /* tokens of a tile per invocation */

uint32_t attention_lanes_of(const GpuInfo *info)
{
    return info->subgroup_size * LANES_TILE;
}

/* Texel loads where they pay and where rows are whole texels. */
static bool use_texels(GpuStream *stream, GpuSpan largest, AttentionShape shape)
{
    return texels_for_shared(stream) && shape.head_dim % 4 == 0 && texels_fit(stream, largest);
}

/* How a kernel reads the tokens that all its invocations share. */
typedef enum Reading { READ_STORAGE, READ_TEXELS, READ_ADDRESSES } Reading;

/* By address where lavapipe makes broadcasts of it, and as texels in older ones; rows must be whole vec4s. */
static Reading reading_of(GpuStream *stream, GpuSpan largest, AttentionShape shape)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    if (use_texels(stream, largest, shape)) {
        return READ_TEXELS;
    }
    const uint64_t limit = (uint64_t)1 << 28; /* what the kernels index */
    return texels_outdone_by_addresses(info) && shape.head_dim % 4 == 0 && largest.size <= limit &&
                   gpu_span_address(largest) % 16 == 0
               ? READ_ADDRESSES
               : READ_STORAGE;
}

/* In which the loop goes over up to `steps` of what an invocation's tokens have to see: more than a loop may have turns
 * (ops.h) in several dispatches, each of which adds to the `results` first bindings. */
static void dispatch(GpuStream *stream, GpuDispatch *d, Division division, const Attention *a, uint32_t heads_per_tile,
                     Reading reading, Push push, uint64_t steps, uint32_t results)
{
    const AttentionShape shape = a->shape;
    const uint32_t       group = gpu_info(gpu_stream_gpu(stream))->subgroup_size, owned = group * division.per_lane;
    const uint32_t       parts  = (a->lanes + owned - 1) / owned;
    const uint32_t       spec[] = {group, shape.heads,       shape.kv_heads, shape.head_dim,
                                   parts, division.per_lane, division.block, reading == READ_TEXELS,
                                   false};
    enum { RESUMED = sizeof spec / sizeof *spec - 1 };
    push.tile_count = a->tile_count;
    push.scale      = attention_scale(shape);
    push.turns      = OPS_CPU_TURNS * division.block;
    d->spec_count   = RESUMED + 1;
    for (uint32_t i = 0; i < d->spec_count; i++) {
        d->spec[i] = spec[i];
    }
    d->push      = &push;
    d->push_size = reading == READ_ADDRESSES ? sizeof push : offsetof(Push, qkv);
    d->groups    = gpu_groups((uint64_t)a->tile_count * heads_per_tile * parts, 1);
    for (uint64_t turned = 0; turned == 0 || turned < steps; turned += push.turns) {
        push.turned      = (uint32_t)turned;
        d->spec[RESUMED] = turned > 0;
        for (uint32_t i = 0; i < results && turned > 0; i++) {
            d->bind[i].access = GPU_READ_WRITE;
        }
        gpu_dispatch(stream, d);
    }
}

/* Measured on lavapipe with 3000 tokens in sequences of 250 (SPEED.md). Larger
 * heads own fewer tokens to keep the code, all of it unrolled, small. */
static Division forward_division(Reading reading, AttentionShape shape)
{
    if (reading == READ_ADDRESSES && shape.head_dim <= 32) {
        return (Division){2, 4};
    }
    return shape.head_dim <= 32 ? (Division){4, 2} : shape.head_dim <= 64 ? (Division){2, 2} : (Division){1, 2};
}

static Division backward_division(AttentionShape shape)
{
    return shape.head_dim <= 32 ? (Division){4, 1} : shape.head_dim <= 64 ? (Division){2, 1} : (Division){1, 1};
}

void attention_record_lanes_forward(GpuStream *stream, const Attention *a)
{
    const Reading reading     = reading_of(stream, a->qkv, a->shape);
    const bool    read_texels = reading == READ_TEXELS;
    GpuDispatch   d           = {.kernel = reading == READ_ADDRESSES ? "attention_address" : "attention",
                                 .bind = {gpu_write(a->o), gpu_write(a->lse), gpu_read(a->qkv), texels_bind(a->qkv, read_texels),
                                          gpu_read(a->tiles)}};
    const Push    push        = {.qkv = reading == READ_ADDRESSES ? gpu_span_address(a->qkv) : 0};
    dispatch(stream, &d, forward_division(reading, a->shape), a, a->shape.heads, reading, push, a->longest, 2);
}

void attention_record_lanes_backward(GpuStream *stream, const Attention *a)
{
    const Reading  reading     = reading_of(stream, a->qkv, a->shape);
    const bool     read_texels = reading == READ_TEXELS, by_address = reading == READ_ADDRESSES;
    const Division division = backward_division(a->shape);
    Push           push     = {0};
    if (by_address) {
        push.qkv   = gpu_span_address(a->qkv);
        push.d_o   = gpu_span_address(a->d_o);
        push.lse   = gpu_span_address(a->lse);
        push.delta = gpu_span_address(a->delta);
    }
    GpuDispatch queries = {.kernel = by_address ? "attention_backward_q_address" : "attention_backward_q",
                           .bind   = {gpu_write(a->dqkv), gpu_write(a->delta), gpu_read(a->d_o), gpu_read(a->o),
                                      gpu_read(a->lse), gpu_read(a->qkv), texels_bind(a->d_o, read_texels),
                                      texels_bind(a->o, read_texels), texels_bind(a->qkv, read_texels),
                                      gpu_read(a->tiles)}};
    dispatch(stream, &queries, division, a, a->shape.heads, reading, push, a->longest, 1);
    GpuDispatch keys = {.kernel = by_address ? "attention_backward_kv_address" : "attention_backward_kv",
                        .bind   = {gpu_write(a->dqkv), gpu_read(a->delta), gpu_read(a->d_o), gpu_read(a->lse),
                                   gpu_read(a->qkv), texels_bind(a->d_o, read_texels), texels_bind(a->qkv, read_texels),
                                   gpu_read(a->tiles)}};
    dispatch(stream, &keys, division, a, a->shape.kv_heads, reading, push,
             (uint64_t)a->longest * (a->shape.heads / a->shape.kv_heads), 1);
}
