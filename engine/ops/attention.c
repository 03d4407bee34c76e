#include "engine/ops/attention.h"

#include <math.h>
#include <stddef.h>

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
    uint64_t qkv, d_o, lse, delta; /* addresses, for the kernels that read by them */
} Push;

enum { CPU_TILE = 4 }; /* tokens of a tile per invocation on CPU devices */

static bool on_cpu(GpuStream *stream)
{
    return gpu_info(gpu_stream_gpu(stream))->type == GPU_CPU;
}

static float score_scale(AttentionShape shape)
{
    return (float)(1.0 / sqrt(shape.head_dim));
}

static bool shape_ok(GpuStream *stream, AttentionShape shape)
{
    if (shape.head_dim == 0 || shape.head_dim % 2 != 0 || shape.head_dim > 256 || shape.kv_heads == 0 ||
        shape.heads % shape.kv_heads != 0) {
        gpu_stream_fail(stream, STATUS_BAD_INPUT,
                        "attention: head_dim must be even and at most 256, and kv_heads must divide heads");
        return false;
    }
    return true;
}

uint32_t attention_lanes(GpuStream *stream)
{
    return ops_group_lanes(stream) * (on_cpu(stream) ? CPU_TILE : 1);
}

uint32_t attention_plan(AttentionTile *tiles, const uint32_t *starts, uint32_t sequences, uint32_t lanes)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < sequences; s++) {
        const uint32_t begin = starts[s], end = starts[s + 1];
        for (uint32_t first = begin; first < end; first += lanes) {
            if (tiles) {
                tiles[count] = (AttentionTile){first, end - first < lanes ? end - first : lanes, begin, end};
            }
            count++;
        }
    }
    return count;
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
    return texels_lavapipe(stream) >= 24 && info->tier.buffer_address && info->tier.int64 && shape.head_dim % 4 == 0 &&
                   largest.size <= limit && gpu_span_address(largest) % 16 == 0
               ? READ_ADDRESSES
               : READ_STORAGE;
}

/* `split`: the workgroups come twice, see attention_backward_kv.glsl. */
static void dispatch(GpuStream *stream, GpuDispatch *d, Division division, uint32_t tile_count, uint32_t heads_per_tile,
                     bool split, Reading reading, Push push, AttentionShape shape)
{
    const uint32_t group = ops_group_lanes(stream), parts = attention_lanes(stream) / (group * division.per_lane);
    const uint32_t spec[] = {group, shape.heads,       shape.kv_heads, shape.head_dim,
                             parts, division.per_lane, division.block, reading == READ_TEXELS,
                             split};
    push.tile_count       = tile_count;
    push.scale            = score_scale(shape);
    d->spec_count         = sizeof spec / sizeof *spec;
    for (uint32_t i = 0; i < d->spec_count; i++) {
        d->spec[i] = spec[i];
    }
    d->push      = &push;
    d->push_size = reading == READ_ADDRESSES ? sizeof push : offsetof(Push, qkv);
    d->groups    = gpu_groups((uint64_t)tile_count * heads_per_tile * parts * (split ? 2 : 1), 1);
    gpu_dispatch(stream, d);
}

/* Measured on lavapipe with 3000 tokens in sequences of 250 (SPEED.md). Larger
 * heads own fewer tokens to keep the code, all of it unrolled, small. */
static Division forward_division(GpuStream *stream, Reading reading, AttentionShape shape)
{
    if (!on_cpu(stream)) {
        return (Division){1, 4};
    }
    if (reading == READ_ADDRESSES && shape.head_dim <= 32) {
        return (Division){2, 4};
    }
    return shape.head_dim <= 32 ? (Division){4, 2} : shape.head_dim <= 64 ? (Division){2, 2} : (Division){1, 2};
}

static Division backward_division(GpuStream *stream, AttentionShape shape)
{
    if (!on_cpu(stream)) {
        return (Division){1, 1};
    }
    return shape.head_dim <= 32 ? (Division){4, 1} : shape.head_dim <= 64 ? (Division){2, 1} : (Division){1, 1};
}

void attention_forward(GpuStream *stream, GpuSpan o, GpuSpan lse, GpuSpan qkv, GpuSpan tiles, uint32_t tile_count,
                       AttentionShape shape)
{
    if (!shape_ok(stream, shape)) {
        return;
    }
    const Reading reading     = reading_of(stream, qkv, shape);
    const bool    read_texels = reading == READ_TEXELS;
    GpuDispatch   d           = {
                    .kernel = reading == READ_ADDRESSES ? "attention_address" : "attention",
                    .bind   = {gpu_write(o), gpu_write(lse), gpu_read(qkv), texels_bind(qkv, read_texels), gpu_read(tiles)}};
    const Push push = {.qkv = reading == READ_ADDRESSES ? gpu_span_address(qkv) : 0};
    dispatch(stream, &d, forward_division(stream, reading, shape), tile_count, shape.heads, false, reading, push,
             shape);
}

void attention_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan delta, GpuSpan d_o, GpuSpan o, GpuSpan lse,
                        GpuSpan qkv, GpuSpan tiles, uint32_t tile_count, AttentionShape shape)
{
    if (!shape_ok(stream, shape)) {
        return;
    }
    const Reading  reading     = reading_of(stream, qkv, shape);
    const bool     read_texels = reading == READ_TEXELS, by_address = reading == READ_ADDRESSES;
    const Division division = backward_division(stream, shape);
    Push           push     = {0};
    if (by_address) {
        push.qkv   = gpu_span_address(qkv);
        push.d_o   = gpu_span_address(d_o);
        push.lse   = gpu_span_address(lse);
        push.delta = gpu_span_address(delta);
    }
    GpuDispatch queries = {.kernel = by_address ? "attention_backward_q_address" : "attention_backward_q",
                           .bind   = {gpu_write(dqkv), gpu_write(delta), gpu_read(d_o), gpu_read(o), gpu_read(lse),
                                      gpu_read(qkv), texels_bind(d_o, read_texels), texels_bind(o, read_texels),
                                      texels_bind(qkv, read_texels), gpu_read(tiles)}};
    dispatch(stream, &queries, division, tile_count, shape.heads, false, reading, push, shape);
    GpuDispatch keys = {.kernel = by_address ? "attention_backward_kv_address" : "attention_backward_kv",
                        .bind   = {gpu_write(dqkv), gpu_read(delta), gpu_read(d_o), gpu_read(lse), gpu_read(qkv),
                                   texels_bind(d_o, read_texels), texels_bind(qkv, read_texels), gpu_read(tiles)}};
    dispatch(stream, &keys, division, tile_count, shape.kv_heads, !on_cpu(stream), reading, push, shape);
}
