/* rlsp bench attention: forward, backward, and one token per slot over a key/value cache. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/ops/attention_decode.h"
#include "engine/ops/attention_variants.h"
#include "rlsp/cli/bench.h"

typedef struct Shape {
    uint32_t sequences, length, heads, kv_heads, head_dim;
    bool     gpu_only;
} Shape;

static const Shape shapes[] = {
    {32, 128, 4, 4, 32, false}, {8, 256, 8, 4, 32, false},   {2, 512, 8, 2, 64, false},   {1, 1024, 4, 2, 128, false},
    {16, 1024, 8, 4, 64, true}, {8, 2048, 12, 2, 128, true}, {2, 8192, 12, 2, 128, true},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], PARTS = 3 };

static const char *const part_names[PARTS] = {"forward", "backward", "decode"};

typedef struct Buffers {
    GpuArena *arena;
    GpuSpan   qkv, dqkv, o, d_o, lse, delta, tiles, lengths, slots, workspace;
    KvLayer   cache;
    uint32_t  tile_count;
} Buffers;

/* 2 products of length^2 / 2 by head_dim forward, 5 backward; 2 of 1 by length for a new token. */
static double flops_of(const Shape *s, int part)
{
    const double half = (double)s->length * (s->length + 1) / 2 * s->head_dim * s->heads * s->sequences * 2;
    return part == 0 ? 2 * half : part == 1 ? 5 * half : 4.0 * s->length * s->head_dim * s->heads * s->sequences;
}

static Status buffers_open(Bench *bench, const Shape *s, GpuStream *stream, Buffers *b, Error *error)
{
    const uint32_t       tokens = s->sequences * s->length, lanes = attention_lanes(stream);
    const uint64_t       q = (uint64_t)s->heads * s->head_dim, kv = (uint64_t)s->kv_heads * s->head_dim;
    const uint64_t       qkv = tokens * (q + 2 * kv) * 4, o = tokens * q * 4, rows = (uint64_t)tokens * s->heads * 4;
    const AttentionShape shape  = {s->heads, s->kv_heads, s->head_dim};
    const uint32_t       length = kv_max_length(s->length, shape, COMPUTE_F32);
    const uint64_t       cache  = kv_bytes(stream, s->sequences, length, shape, COMPUTE_F32),
                   workspace    = attention_decode_workspace(s->sequences, length, shape);
    uint32_t *starts = malloc(3 * ((size_t)s->sequences + 1) * sizeof *starts), *lengths = starts + s->sequences + 1;
    uint32_t *slots = lengths + s->sequences + 1;
    if (starts == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i <= s->sequences; i++) {
        starts[i]  = i * s->length;
        lengths[i] = s->length;
        slots[i]   = i;
    }
    b->tile_count        = attention_plan(NULL, starts, s->sequences, lanes);
    const uint64_t tiles = b->tile_count * sizeof(AttentionTile);
    AttentionTile *plan  = malloc(tiles);
    b->arena             = gpu_arena_new(bench->gpu, "bench", GPU_MEMORY_DEVICE,
                                         2 * gpu_align(qkv) + 2 * gpu_align(o) + 2 * gpu_align(rows) + gpu_align(tiles) +
                                             2 * gpu_align(cache) + 2 * gpu_align(s->sequences * 4) + gpu_align(workspace + 4),
                                         error);
    Status status        = b->arena == NULL ? error->status
                           : plan == NULL   ? error_set(error, STATUS_OUT_OF_MEMORY, "out of memory")
                                            : STATUS_OK;
    if (status == STATUS_OK) { /* zeroed: all scores equal, which costs the same as any */
        b->qkv       = gpu_arena_take(b->arena, qkv);
        b->dqkv      = gpu_arena_take(b->arena, qkv);
        b->o         = gpu_arena_take(b->arena, o);
        b->d_o       = gpu_arena_take(b->arena, o);
        b->lse       = gpu_arena_take(b->arena, rows);
        b->delta     = gpu_arena_take(b->arena, rows);
        b->tiles     = gpu_arena_take(b->arena, tiles);
        b->cache     = (KvLayer){gpu_arena_take(b->arena, cache), gpu_arena_take(b->arena, cache), s->sequences, length,
                                 COMPUTE_F32};
        b->lengths   = gpu_arena_take(b->arena, s->sequences * 4);
        b->slots     = gpu_arena_take(b->arena, s->sequences * 4);
        b->workspace = gpu_arena_take(b->arena, workspace + 4);
        attention_plan(plan, starts, s->sequences, lanes);
        status = gpu_upload(bench->gpu, b->tiles, plan, tiles, error);
        status = status == STATUS_OK ? gpu_upload(bench->gpu, b->lengths, lengths, s->sequences * 4, error) : status;
        status = status == STATUS_OK ? gpu_upload(bench->gpu, b->slots, slots, s->sequences * 4, error) : status;
    }
    free(starts);
    free(plan);
    return status;
}

static Status part_time(Bench *bench, const Shape *s, const Buffers *b, GpuStream *stream, int part,
                        const AttentionVariant *variant, double *seconds, Error *error)
{
    const AttentionShape shape = {s->heads, s->kv_heads, s->head_dim};
    const AttentionBatch batch = {
        .tiles = b->tiles, .tile_count = b->tile_count, .longest = s->length, .variant = variant};
    const uint64_t slot_qkv = ((uint64_t)s->heads + 2 * s->kv_heads) * s->head_dim * 4;
    const double   wanted   = gpu_info(bench->gpu)->type == GPU_CPU ? 2e7 : 2e10;
    const double   runs     = 1 + wanted / flops_of(s, part);
    const uint32_t repeats  = runs < 100 ? (uint32_t)runs : 100;
    gpu_stream_begin(stream);
    for (uint32_t i = 0; i < repeats; i++) {
        if (part == 0) {
            attention_forward(stream, b->o, b->lse, b->qkv, &batch, shape);
        } else if (part == 1) {
            attention_backward(stream, b->dqkv, b->delta, b->d_o, b->o, b->lse, b->qkv, &batch, shape);
        } else {
            const KvRows rows = {.rows = s->sequences, .lengths = b->lengths, .slots = b->slots};
            attention_decode(stream, gpu_span_slice(b->o, 0, (uint64_t)s->sequences * s->heads * s->head_dim * 4),
                             &b->cache, gpu_span_slice(b->qkv, 0, s->sequences * slot_qkv), &rows, b->workspace, shape);
        }
    }
    Status status = bench_stream_time(bench, stream, seconds, error);
    *seconds /= repeats;
    return status;
}

static void report(Bench *bench, const Shape *s, int part, const char *kernel, double seconds)
{
    const double tokens = part == 2 ? s->sequences : (double)s->sequences * s->length;
    if (bench->json) {
        json_line_begin(&bench->line, '{');
        json_line_text_field(&bench->line, "part", part_names[part]);
        json_line_text_field(&bench->line, "kernel", kernel);
        json_line_number_field(&bench->line, "sequences", s->sequences);
        json_line_number_field(&bench->line, "length", s->length);
        json_line_number_field(&bench->line, "heads", s->heads);
        json_line_number_field(&bench->line, "kv_heads", s->kv_heads);
        json_line_number_field(&bench->line, "head_dim", s->head_dim);
        json_line_number_field(&bench->line, "gflops", flops_of(s, part) * 1e-9 / seconds);
        json_line_number_field(&bench->line, "tokens_per_second", tokens / seconds);
        json_line_end(&bench->line, '}');
    } else {
        printf("%5u x %-5u %3u/%-3u %4u   %-9s %10.2f %14.0f   %s\n", s->sequences, s->length, s->heads, s->kv_heads,
               s->head_dim, part_names[part], flops_of(s, part) * 1e-9 / seconds, tokens / seconds, kernel);
    }
}

static Status shape_run(Bench *bench, const Shape *s, Error *error)
{
    GpuStream       *stream = gpu_stream_new(bench->gpu, error);
    Buffers          b      = {0};
    Status           status = stream != NULL ? buffers_open(bench, s, stream, &b, error) : error->status;
    AttentionVariant list[ATTENTION_VARIANTS];
    const GpuInfo   *info  = gpu_info(bench->gpu);
    const int        count = attention_variants(info, list);
    for (int i = 0; i < count * (PARTS - 1) + 1 && status == STATUS_OK; i++) {
        const int               part = i / count; /* decoding, the last, has no variants */
        const AttentionVariant *v    = &list[i % count];
        const bool              other_kind =
            (v->kernel == ATTENTION_LANES || v->kernel == ATTENTION_COLUMNS) != (info->type == GPU_CPU);
        const bool too_large =
            v->kernel == ATTENTION_COOPMAT && !attention_takes_coopmat(info, v->compute, s->head_dim);
        if (part < PARTS - 1 && (v->lacks[0] != '\0' || other_kind || too_large)) {
            continue;
        }
        double seconds = 1;
        status         = part_time(bench, s, &b, stream, part, v, &seconds, error);
        if (status == STATUS_OK) {
            report(bench, s, part, part < PARTS - 1 ? v->kernel_name : "attention_decode", seconds);
        }
    }
    gpu_stream_free(stream);
    gpu_arena_free(b.arena);
    return status;
}

Status bench_attention(Bench *bench, Error *error)
{
    Status status = STATUS_OK;
    if (bench->json) {
        json_line_key(&bench->line, "shapes");
        json_line_begin(&bench->line, '[');
    } else {
        printf("%5s   %-5s %-7s %4s   %-9s %10s %14s   %s\n", "seqs", "long", "heads", "dim", "", "GFLOP/s", "tokens/s",
               "kernel");
    }
    gpu_profile_reset(bench->gpu);
    for (int i = 0; i < SHAPES && status == STATUS_OK; i++) {
        if (!shapes[i].gpu_only || gpu_info(bench->gpu)->type != GPU_CPU) {
            status = shape_run(bench, &shapes[i], error);
        }
    }
    if (bench->json) {
        json_line_end(&bench->line, ']');
    }
    bench_profile(bench, 1);
    return status;
}
