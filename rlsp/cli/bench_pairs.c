/* What `rlsp bench gemm` says of products that take SwiGLU or RoPE along (engine/ops/weight_pairs.h): beside the
 * product and the pass after it, in one run. */
#include <stdio.h>

#include "engine/ops/matmul_choice.h"
#include "engine/ops/rope.h"
#include "engine/ops/swiglu.h"
#include "engine/ops/weight_pairs.h"
#include "rlsp/cli/bench.h"

typedef enum Follows { SWIGLU, SWIGLU_KEPT, ROPE } Follows;

static const char *const follows_names[] = {"SwiGLU", "SwiGLU, gate and up kept", "RoPE"};

/* Gate and up of a step of decoding and of a training step, q, k and v of the latter, in Llama 3.2 1B's shape. */
typedef struct Shape {
    Follows  follows;
    uint32_t m, n, k;
} Shape;
enum { SHAPES = 3, HEAD_DIM = 64, KV_HEADS = 8 };
static const Shape gpu_shapes[SHAPES] = {
    {SWIGLU, 256, 16384, 2048}, {SWIGLU_KEPT, 4096, 16384, 2048}, {ROPE, 4096, 3072, 2048}};
static const Shape cpu_shapes[SHAPES] = {{SWIGLU, 64, 512, 256}, {SWIGLU_KEPT, 64, 512, 256}, {ROPE, 64, 1280, 256}};

/* One of them on the device. */
typedef struct Pairs {
    Follows   follows;
    Matmul    product;
    Weight    weight;
    TypedSpan act;
    RopeTurn  turn;
} Pairs;

static void record_passes(GpuStream *stream, const void *what)
{
    const Pairs *p = what;
    weight_matmul(stream, &p->product, &p->weight);
    if (p->follows == ROPE) {
        rope_forward(stream, p->product.c, p->turn.table, p->turn.position, p->product.m, p->turn.heads,
                     p->turn.kv_heads, p->turn.head_dim, p->turn.positions);
    } else {
        swiglu_forward(stream, p->act, p->product.c, p->product.m, p->product.n / 2);
    }
}

static bool record_pairs(GpuStream *stream, const Pairs *p)
{
    return p->follows == ROPE
               ? weight_matmul_rope(stream, &p->product, &p->weight, &p->turn)
               : weight_matmul_swiglu(stream, &p->product, &p->weight, p->act, p->follows == SWIGLU_KEPT);
}

static void record_together(GpuStream *stream, const void *what)
{
    (void)record_pairs(stream, what);
}

/* Both times; `together` 0: this device has no kernel for it. */
static Status measure(Bench *bench, GpuStream *stream, const Shape *shape, ComputeType compute, double *passes,
                      double *together, Error *error)
{
    const uint64_t m = shape->m, n = shape->n, k = shape->k, size = compute == COMPUTE_F32 ? 4 : 2;
    const uint64_t workspace = matmul_workspace_as(stream, compute, MATMUL_NT, shape->m, shape->n, shape->k);
    const uint64_t bytes[]   = {size * m * k, size * n * k, 4 * m * n, 4 * m * n / 2, rope_table_bytes(1, HEAD_DIM),
                                4 * m,        workspace};
    enum { SPANS = sizeof bytes / sizeof *bytes };
    GpuSpan  span[SPANS] = {{0}};
    uint64_t all         = 0;
    for (int i = 0; i < SPANS; i++) {
        all += gpu_align(bytes[i]);
    }
    GpuArena *arena = gpu_arena_new(bench->gpu, "bench", GPU_MEMORY_DEVICE, all, error);
    if (arena == NULL) {
        return error->status;
    }
    for (int i = 0; i < SPANS; i++) {
        span[i] = bytes[i] > 0 ? gpu_arena_take(arena, bytes[i]) : span[i];
    }
    static const WeightFormat formats[] = {WEIGHT_F32, WEIGHT_BF16, WEIGHT_F16}; /* by ComputeType */
    const Pairs               pairs     = {.follows = shape->follows,
                                           .product = {.layout    = MATMUL_NT,
                                                       .c         = span[2],
                                                       .a         = span[0],
                                                       .a_halves  = compute != COMPUTE_F32,
                                                       .m         = shape->m,
                                                       .n         = shape->n,
                                                       .k         = shape->k,
                                                       .workspace = span[6]},
                                           .weight  = {formats[compute], shape->n, shape->k, span[1], {0}, compute},
                                           .act     = {span[3], compute},
                                           .turn = {span[4], span[5], shape->n / HEAD_DIM - 2 * KV_HEADS, KV_HEADS, HEAD_DIM, 1}};
    Status                    status    = matmul_random_operand(bench->gpu, span[0], compute, 1, error);
    status = status == STATUS_OK ? matmul_random_operand(bench->gpu, span[1], compute, 2, error) : status;
    status = status == STATUS_OK ? matmul_random_operand(bench->gpu, span[4], COMPUTE_F32, 3, error) : status;
    gpu_stream_begin(stream);
    const bool takes = record_pairs(stream, &pairs); /* positions are read within the table, whatever they are */
    status           = status == STATUS_OK ? gpu_stream_end(stream, error) : status;
    *together        = 0;
    if (status == STATUS_OK && takes) {
        status = bench_kernel_time(stream, record_passes, &pairs, passes, error);
        status = status == STATUS_OK ? bench_kernel_time(stream, record_together, &pairs, together, error) : status;
    }
    gpu_arena_free(arena);
    return status;
}

static void report(Bench *bench, const Shape *shape, ComputeType compute, double passes, double together)
{
    if (bench->json) {
        json_line_begin(&bench->line, '{');
        json_line_text_field(&bench->line, "with", follows_names[shape->follows]);
        json_line_number_field(&bench->line, "m", shape->m);
        json_line_number_field(&bench->line, "n", shape->n);
        json_line_number_field(&bench->line, "k", shape->k);
        json_line_text_field(&bench->line, "compute", compute_type_name(compute));
        json_line_number_field(&bench->line, "seconds", together);
        json_line_number_field(&bench->line, "passes_seconds", passes);
        json_line_end(&bench->line, '}');
    } else {
        printf("%6u %6u %6u  A Bt  %-4s with %s: %.2f times as fast as with a pass\n", shape->m, shape->n, shape->k,
               compute_type_name(compute), follows_names[shape->follows], passes / together);
    }
}

Status bench_pairs(Bench *bench, ComputeType compute, Error *error)
{
    const Shape *shapes = gpu_info(bench->gpu)->type == GPU_CPU ? cpu_shapes : gpu_shapes;
    GpuStream   *stream = gpu_stream_new(bench->gpu, error);
    Status       status = stream != NULL ? STATUS_OK : error->status;
    for (int i = 0; i < SHAPES && status == STATUS_OK && !bench_is_late(bench); i++) {
        double passes = 0, together = 0;
        status = measure(bench, stream, &shapes[i], compute, &passes, &together, error);
        if (status == STATUS_OK && together > 0) {
            report(bench, &shapes[i], compute, passes, together);
        }
    }
    gpu_stream_free(stream);
    return status;
}
