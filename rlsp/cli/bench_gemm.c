/* rlsp bench gemm: matrix products of the shapes that models have. */
#include <stdio.h>

#include "engine/ops/matmul_variants.h"
#include "rlsp/cli/bench.h"

/* A training step multiplies in all three layouts. */
typedef struct Product {
    MatmulLayout layout;
    uint32_t     m, n, k;
    const char  *what;
    bool         gpu_only; /* takes too long on a CPU */
} Product;

static const Product products[] = {
    {MATMUL_NT, 512, 512, 512, "square", false},
    {MATMUL_NN, 512, 512, 512, "square", false},
    {MATMUL_TN, 512, 512, 512, "square", false},
    {MATMUL_NT, 1024, 1024, 1024, "square", false},
    {MATMUL_NT, 4096, 4096, 4096, "square", true},
    {MATMUL_NN, 4096, 4096, 4096, "square", true},
    {MATMUL_TN, 4096, 4096, 4096, "square", true},
    {MATMUL_NT, 8192, 8192, 8192, "square", true},
    {MATMUL_NT, 2048, 512, 256, "small: q, k, v", false},
    {MATMUL_NT, 2048, 1536, 256, "small: gate, up", false},
    {MATMUL_NT, 2048, 256, 768, "small: down", false},
    {MATMUL_NT, 2048, 4096, 256, "small: head", false},
    {MATMUL_NN, 2048, 256, 1536, "small: gradient into gate, up", false},
    {MATMUL_NN, 2048, 256, 4096, "small: gradient into the head", false},
    {MATMUL_TN, 1536, 256, 2048, "small: gradient of gate, up", false},
    {MATMUL_TN, 4096, 256, 2048, "small: gradient of the head", false},
    {MATMUL_NT, 256, 1536, 256, "small: gate, up of 256 slots", false},
    {MATMUL_NT, 32, 1536, 256, "small: gate, up of 32 slots", false},
    {MATMUL_NT, 4096, 768, 128, "tiny: gate, up", false},
    {MATMUL_TN, 768, 128, 4096, "tiny: gradient of gate, up", false},
    {MATMUL_NT, 4096, 8960, 1536, "1.5 B: up", true},
    {MATMUL_NT, 64, 8960, 1536, "1.5 B: up of 64 slots", true},
};
enum { PRODUCTS = sizeof products / sizeof products[0] };

static const char *const layout_names[] = {"A B", "A Bt", "At B"};

/* Seconds of one product, from several in one recording so that submitting costs nothing. */
static Status product_time(Bench *bench, const Product *p, double *seconds, Error *error)
{
    GpuStream     *stream = gpu_stream_new(bench->gpu, error);
    const uint64_t workspace = stream != NULL ? matmul_workspace(stream, p->layout, p->m, p->n, p->k) : 0;
    const uint64_t a = (uint64_t)p->m * p->k * 4, b = (uint64_t)p->n * p->k * 4, c = (uint64_t)p->m * p->n * 4;
    GpuArena      *arena = stream != NULL ? gpu_arena_new(bench->gpu, "bench", GPU_MEMORY_DEVICE,
                                                          gpu_align(a) + gpu_align(b) + gpu_align(c) + gpu_align(workspace), error)
                                          : NULL;
    Status         status = arena != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK) {
        const Matmul product = {.layout = p->layout, .a = gpu_arena_take(arena, a), .b = gpu_arena_take(arena, b),
                                .c = gpu_arena_take(arena, c), .m = p->m, .n = p->n, .k = p->k,
                                .workspace = workspace > 0 ? gpu_arena_take(arena, workspace) : (GpuSpan){0}};
        const double   flops = 2.0 * p->m * p->n * p->k;
        const bool     cpu = gpu_info(bench->gpu)->type == GPU_CPU;
        const uint32_t repeats = 1 + (uint32_t)((cpu ? 2e8 : 2e11) / flops);
        const uint32_t capped = repeats < 200 ? repeats : 200;
        gpu_stream_begin(stream);
        gpu_fill(stream, product.a, 0x3f000000); /* 0.5: no denormals, no infinities */
        gpu_fill(stream, product.b, 0x3f000000);
        status = gpu_stream_run(stream, error);
        gpu_stream_begin(stream);
        for (uint32_t i = 0; i < capped; i++) {
            matmul(stream, &product);
        }
        status = status == STATUS_OK ? bench_stream_time(bench, stream, seconds, error) : status;
        *seconds /= capped;
    }
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    return status;
}

static double gflops_of(const Product *p, double seconds) { return 2e-9 * p->m * p->n * p->k / seconds; }

Status bench_best_product(Bench *bench, double *gflops, Error *error)
{
    static const Product cpu[] = {{MATMUL_NT, 512, 512, 512, "", false}, {MATMUL_NT, 2048, 1536, 256, "", false}};
    static const Product gpu[] = {{MATMUL_NT, 4096, 4096, 4096, "", false}, {MATMUL_NT, 8192, 8192, 2048, "", false}};
    const Product       *tried = gpu_info(bench->gpu)->type == GPU_CPU ? cpu : gpu;
    Status               status = STATUS_OK;
    *gflops = 0;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        double seconds = 1;
        status = product_time(bench, &tried[i], &seconds, error);
        *gflops = gflops_of(&tried[i], seconds) > *gflops ? gflops_of(&tried[i], seconds) : *gflops;
    }
    return status;
}

Status bench_gemm(Bench *bench, Error *error)
{
    double rates[PRODUCTS] = {0}, best = 0;
    Status status = STATUS_OK;
    gpu_profile_reset(bench->gpu);
    for (int i = 0; i < PRODUCTS && status == STATUS_OK; i++) {
        if (!products[i].gpu_only || gpu_info(bench->gpu)->type != GPU_CPU) {
            double seconds = 1;
            status = product_time(bench, &products[i], &seconds, error);
            rates[i] = gflops_of(&products[i], seconds);
            best = rates[i] > best ? rates[i] : best;
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (bench->json) {
        json_line_key(&bench->line, "products");
        json_line_begin(&bench->line, '[');
    } else {
        printf("%6s %6s %6s  %-5s %-16s %10s %6s  fp32 in and out\n", "m", "n", "k", "", "kernel", "GFLOP/s", "best=1");
    }
    for (int i = 0; i < PRODUCTS; i++) {
        const Product *p = &products[i];
        if (rates[i] == 0) {
            continue;
        }
        const char *kernel = matmul_kernel_name(gpu_transfer_stream(bench->gpu), COMPUTE_F32, p->layout, p->m, p->n, p->k);
        if (bench->json) {
            json_line_begin(&bench->line, '{');
            json_line_text_field(&bench->line, "layout", layout_names[p->layout]);
            json_line_number_field(&bench->line, "m", p->m);
            json_line_number_field(&bench->line, "n", p->n);
            json_line_number_field(&bench->line, "k", p->k);
            json_line_text_field(&bench->line, "kernel", kernel);
            json_line_number_field(&bench->line, "gflops", rates[i]);
            json_line_number_field(&bench->line, "share_of_best", rates[i] / best);
            json_line_end(&bench->line, '}');
        } else {
            printf("%6u %6u %6u  %-5s %-16s %10.1f %6.2f  %s\n", p->m, p->n, p->k, layout_names[p->layout], kernel, rates[i],
                   rates[i] / best, p->what);
        }
    }
    if (bench->json) {
        json_line_end(&bench->line, ']');
    }
    bench_profile(bench, 1);
    return STATUS_OK;
}
