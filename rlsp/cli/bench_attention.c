/* rlsp bench attention: forward, backward, and one token per slot over a key/value cache. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/ops/attention_decode.h"
#include "engine/ops/attention_variants.h"
#include "engine/ops/matmul_choice.h"
#include "rlsp/cli/bench.h"

typedef struct Shape {
    uint32_t sequences, length, heads, kv_heads, head_dim;
    bool     gpu_only;
} Shape;

static const Shape shapes[] = {
    {16, 1024, 8, 4, 64, true}, {8, 2048, 12, 2, 128, true}, {2, 8192, 12, 2, 128, true}, {32, 128, 4, 4, 32, false},
    {8, 256, 8, 4, 32, false},  {2, 512, 8, 2, 64, false},   {1, 1024, 4, 2, 128, false},
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
    if (status == STATUS_OK) {
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
        const GpuSpan random[] = {b->qkv, b->d_o, b->cache.k, b->cache.v}; /* zeros cost a card less power */
        for (uint32_t i = 0; i < sizeof random / sizeof *random && status == STATUS_OK; i++) {
            status = matmul_random_operand(bench->gpu, random[i], COMPUTE_F32, i, error);
        }
        status = status == STATUS_OK ? gpu_upload(bench->gpu, b->slots, slots, s->sequences * 4, error) : status;
    }
    free(starts);
    free(plan);
    return status;
}

/* What one time is of. */
typedef struct Part {
    const Shape            *shape;
    const Buffers          *buffers;
    int                     part; /* of part_names */
    const AttentionVariant *variant;
} Part;

static void record_part(GpuStream *stream, const void *what)
{
    const Part          *p     = what;
    const Shape         *s     = p->shape;
    const Buffers       *b     = p->buffers;
    const AttentionShape shape = {s->heads, s->kv_heads, s->head_dim};
    const AttentionBatch batch = {
        .tiles = b->tiles, .tile_count = b->tile_count, .longest = s->length, .variant = p->variant};
    const uint64_t slot_qkv = ((uint64_t)s->heads + 2 * s->kv_heads) * s->head_dim * 4;
    if (p->part == 0) {
        attention_forward(stream, b->o, b->lse, b->qkv, &batch, shape);
    } else if (p->part == 1) {
        attention_backward(stream, b->dqkv, b->delta, b->d_o, b->o, b->lse, b->qkv, &batch, shape);
    } else {
        const KvRows rows = {.rows = s->sequences, .lengths = b->lengths, .slots = b->slots};
        attention_decode(stream, gpu_span_slice(b->o, 0, (uint64_t)s->sequences * s->heads * s->head_dim * 4),
                         &b->cache, gpu_span_slice(b->qkv, 0, s->sequences * slot_qkv), &rows, b->workspace, shape);
    }
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

/* Whether a kernel is of this kind of device and takes the shape. */
static bool takes(const GpuInfo *info, const AttentionVariant *v, const Shape *s)
{
    const bool on_cpu = v->kernel == ATTENTION_LANES || v->kernel == ATTENTION_COLUMNS;
    return v->lacks[0] == '\0' && on_cpu == (info->type == GPU_CPU) &&
           (v->kernel != ATTENTION_COOPMAT || attention_takes_coopmat(info, v->compute, s->head_dim));
}

/* One kernel that fails leaves the others, unless the device is lost. False: that is enough. */
static bool shape_run(Bench *bench, const Shape *s, Error *error)
{
    Error            why    = {0};
    GpuStream       *stream = gpu_stream_new(bench->gpu, &why);
    Buffers          b      = {0};
    Status           status = stream != NULL ? buffers_open(bench, s, stream, &b, &why) : why.status;
    AttentionVariant list[ATTENTION_VARIANTS];
    const GpuInfo   *info  = gpu_info(bench->gpu);
    const int        count = attention_variants(info, list);
    const int times = status == STATUS_OK ? count * (PARTS - 1) + 1 : 0; /* decoding, the last, has no variants */
    bool      late  = false;
    for (int i = 0; i < times && status != STATUS_DEVICE_LOST && !late; i++) {
        const Part part = {s, &b, i / count, &list[i % count]};
        late            = bench_is_late(bench);
        if (late || (part.part < PARTS - 1 && !takes(info, part.variant, s))) {
            continue;
        }
        double seconds = 1;
        Error  failed  = {0};
        status         = bench_kernel_time(stream, record_part, &part, &seconds, &failed);
        if (status == STATUS_OK) {
            report(bench, s, part.part, part.part < PARTS - 1 ? part.variant->kernel_name : "attention_decode",
                   seconds);
        } else {
            error_set(&why, status, "%s", failed.text);
        }
    }
    if (why.status != STATUS_OK) {
        error_set(error, why.status, "%s", why.text);
    }
    gpu_stream_free(stream);
    gpu_arena_free(b.arena);
    return status != STATUS_DEVICE_LOST && !late;
}

Status bench_attention(Bench *bench, Error *error)
{
    bool more = true;
    if (bench->json) {
        json_line_key(&bench->line, "shapes");
        json_line_begin(&bench->line, '[');
    } else {
        printf("%5s   %-5s %-7s %4s   %-9s %10s %14s   %s\n", "seqs", "long", "heads", "dim", "", "GFLOP/s", "tokens/s",
               "kernel");
    }
    gpu_profile_reset(bench->gpu);
    for (int i = 0; i < SHAPES && more; i++) {
        if (!shapes[i].gpu_only || gpu_info(bench->gpu)->type != GPU_CPU) {
            more = shape_run(bench, &shapes[i], error);
        }
    }
    if (bench->json) {
        json_line_end(&bench->line, ']');
    }
    if (error->status == STATUS_OK) {
        bench_profile(bench, 1);
    }
    return error->status;
}
