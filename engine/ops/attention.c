#include "engine/ops/attention.h"

#include <math.h>

#include "engine/ops/ops.h"

/* Keys between two rescalings of the forward's accumulator. */
enum { FORWARD_BLOCK = 4 };

typedef struct Push {
    uint32_t tile_count;
    float    scale;
} Push;

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
    return ops_group_lanes(stream);
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

void attention_forward(GpuStream *stream, GpuSpan o, GpuSpan lse, GpuSpan qkv, GpuSpan tiles, uint32_t tile_count,
                       AttentionShape shape)
{
    if (!shape_ok(stream, shape)) {
        return;
    }
    const Push push = {tile_count, score_scale(shape)};
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "attention",
                                        .spec   = {attention_lanes(stream), shape.heads, shape.kv_heads, shape.head_dim,
                                                   FORWARD_BLOCK},
                                        .spec_count = 5,
                                        .bind       = {gpu_write(o), gpu_write(lse), gpu_read(qkv), gpu_read(tiles)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)tile_count * shape.heads, 1)});
}

void attention_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan delta, GpuSpan d_o, GpuSpan o, GpuSpan lse,
                        GpuSpan qkv, GpuSpan tiles, uint32_t tile_count, AttentionShape shape)
{
    if (!shape_ok(stream, shape)) {
        return;
    }
    const Push push = {tile_count, score_scale(shape)};
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "attention_backward_q",
                                        .spec = {attention_lanes(stream), shape.heads, shape.kv_heads, shape.head_dim},
                                        .spec_count = 4,
                                        .bind       = {gpu_write(dqkv), gpu_write(delta), gpu_read(d_o), gpu_read(o),
                                                       gpu_read(lse), gpu_read(qkv), gpu_read(tiles)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)tile_count * shape.heads, 1)});
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "attention_backward_kv",
                                        .spec = {attention_lanes(stream), shape.heads, shape.kv_heads, shape.head_dim},
                                        .spec_count = 4,
                                        .bind       = {gpu_write(dqkv), gpu_read(delta), gpu_read(d_o), gpu_read(lse),
                                                       gpu_read(qkv), gpu_read(tiles)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)tile_count * shape.kv_heads, 1)});
}

void attention_decode(GpuStream *stream, GpuSpan o, GpuSpan k_cache, GpuSpan v_cache, GpuSpan qkv, GpuSpan lengths,
                      uint32_t slots, uint32_t max_length, AttentionShape shape)
{
    if (!shape_ok(stream, shape)) {
        return;
    }
    const uint32_t append[4] = {slots, max_length, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim};
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "kv_append",
                                .spec       = {ops_group_row(stream)},
                                .spec_count = 1,
                                .bind      = {gpu_write(k_cache), gpu_write(v_cache), gpu_read(qkv), gpu_read(lengths)},
                                .push      = append,
                                .push_size = sizeof append,
                                .groups    = gpu_groups(slots, 1)});
    const struct {
        uint32_t slots, max_length;
        float    scale;
    } push = {slots, max_length, score_scale(shape)};
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "attention_decode",
                                        .spec = {attention_lanes(stream), shape.heads, shape.kv_heads, shape.head_dim},
                                        .spec_count = 4,
                                        .bind      = {gpu_write(o), gpu_read(qkv), gpu_read(k_cache), gpu_read(v_cache),
                                                      gpu_read(lengths)},
                                        .push      = &push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups((uint64_t)slots * shape.heads, 1)});
}
