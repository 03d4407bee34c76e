/* rlsp bench gemm: matrix products of the shapes that models have. */
#include <stdio.h>

#include "engine/ops/matmul_choice.h"
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

static void record_product(GpuStream *stream, const void *product)
{
    matmul(stream, product);
}

/* Seconds of one product; with one kernel, its operands stored in the type that it multiplies, or as f32 by the one
 * that the device takes (variant NULL). */
static Status product_time(Bench *bench, const Product *p, const MatmulVariant *variant, double *seconds, Error *error)
{
    GpuStream        *stream  = gpu_stream_new(bench->gpu, error);
    const ComputeType compute = variant != NULL ? variant->compute : COMPUTE_F32;
    const bool        halves  = compute != COMPUTE_F32;
    const uint64_t    workspace =
        stream != NULL ? matmul_variant_workspace(stream, variant, compute, p->layout, p->m, p->n, p->k) : 0;
    const uint64_t size = halves ? 2 : 4, a = size * p->m * p->k, b = size * p->n * p->k, c = (uint64_t)p->m * p->n * 4;
    GpuArena      *arena  = stream != NULL
                                ? gpu_arena_new(bench->gpu, "bench", GPU_MEMORY_DEVICE,
                                                gpu_align(a) + gpu_align(b) + gpu_align(c) + gpu_align(workspace), error)
                                : NULL;
    Status         status = arena != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK) {
        const Matmul product = {.layout    = p->layout,
                                .a         = gpu_arena_take(arena, a),
                                .b         = gpu_arena_take(arena, b),
                                .c         = gpu_arena_take(arena, c),
                                .compute   = compute,
                                .a_halves  = halves,
                                .b_halves  = halves,
                                .m         = p->m,
                                .n         = p->n,
                                .k         = p->k,
                                .workspace = workspace > 0 ? gpu_arena_take(arena, workspace) : (GpuSpan){0},
                                .variant   = variant};
        status               = matmul_random_operand(bench->gpu, product.a, compute, 1, error);
        status = status == STATUS_OK ? matmul_random_operand(bench->gpu, product.b, compute, 2, error) : status;
        status = status == STATUS_OK ? bench_kernel_time(stream, record_product, &product, seconds, error) : status;
    }
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    return status;
}

static double gflops_of(const Product *p, double seconds)
{
    return 2e-9 * p->m * p->n * p->k / seconds;
}

Status bench_best_product(Bench *bench, double *gflops, Error *error)
{
    static const Product cpu[]  = {{MATMUL_NT, 512, 512, 512, "", false}, {MATMUL_NT, 2048, 1536, 256, "", false}};
    static const Product gpu[]  = {{MATMUL_NT, 4096, 4096, 4096, "", false}, {MATMUL_NT, 8192, 8192, 2048, "", false}};
    const Product       *tried  = gpu_info(bench->gpu)->type == GPU_CPU ? cpu : gpu;
    Status               status = STATUS_OK;
    *gflops                     = 0;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        double seconds = 1;
        status         = product_time(bench, &tried[i], NULL, &seconds, error);
        *gflops        = gflops_of(&tried[i], seconds) > *gflops ? gflops_of(&tried[i], seconds) : *gflops;
    }
    return status;
}

/* A product as it was measured. */
typedef struct Measured {
    const Product *product;
    const char    *kernel, *tiles;
    ComputeType    compute;
    double         gflops;
} Measured;

static void report(Bench *bench, const Measured *m, double best)
{
    const Product *p = m->product;
    if (bench->json) {
        json_line_begin(&bench->line, '{');
        json_line_text_field(&bench->line, "layout", layout_names[p->layout]);
        json_line_number_field(&bench->line, "m", p->m);
        json_line_number_field(&bench->line, "n", p->n);
        json_line_number_field(&bench->line, "k", p->k);
        json_line_text_field(&bench->line, "compute", compute_type_name(m->compute));
        json_line_text_field(&bench->line, "kernel", m->kernel);
        json_line_text_field(&bench->line, "tiles", m->tiles[0] != '\0' ? m->tiles : NULL);
        json_line_number_field(&bench->line, "gflops", m->gflops);
        json_line_number_field(&bench->line, "share_of_best", m->gflops / best);
        json_line_end(&bench->line, '}');
    } else {
        printf("%6u %6u %6u  %-5s %-4s %-18s %10.1f %6.2f  %s\n", p->m, p->n, p->k, layout_names[p->layout],
               compute_type_name(m->compute), m->kernel, m->gflops, m->gflops / best,
               m->tiles[0] != '\0' ? m->tiles : p->what);
    }
}

enum { MEASURED = 128, VARIED = 4 };

/* The products that are being measured. */
typedef struct Table {
    Bench        *bench;
    MatmulVariant variants[MATMUL_VARIANTS];
    int           variant_count;
    Measured      list[MEASURED];
    int           count;
} Table;

/* One kernel that fails leaves the others, unless the device is lost. False: that is enough. */
static bool add_product(Table *table, const Product *p, const MatmulVariant *variant, Error *error)
{
    GpuStream *stream  = gpu_transfer_stream(table->bench->gpu);
    double     seconds = 1;
    Error      why     = {0};
    if (bench_is_late(table->bench)) {
        return false;
    }
    if (product_time(table->bench, p, variant, &seconds, &why) == STATUS_OK) {
        table->list[table->count++] =
            (Measured){.product = p,
                       .kernel  = variant != NULL ? variant->kernel_name
                                                  : matmul_kernel_name(stream, COMPUTE_F32, p->layout, p->m, p->n, p->k),
                       .tiles   = variant != NULL ? variant->detail : "",
                       .compute = variant != NULL ? variant->compute : COMPUTE_F32,
                       .gflops  = gflops_of(p, seconds)};
        return true;
    }
    error_set(error, why.status, "%s", why.text);
    return why.status != STATUS_DEVICE_LOST;
}

/* Every kernel and tile that the device can run for a few products. */
static bool add_kernels(Table *table, Error *error)
{
    static const Product cpu[VARIED] = {{MATMUL_NT, 512, 512, 512, "", false},
                                        {MATMUL_NN, 512, 512, 512, "", false},
                                        {MATMUL_TN, 512, 512, 512, "", false},
                                        {MATMUL_TN, 256, 128, 2048, "", false}};
    static const Product gpu[VARIED] = {{MATMUL_NT, 4096, 4096, 4096, "", true},
                                        {MATMUL_NT, 8192, 8192, 8192, "", true},
                                        {MATMUL_NN, 4096, 4096, 4096, "", true},
                                        {MATMUL_TN, 4096, 4096, 4096, "", true}};
    const Product       *tried       = gpu_info(table->bench->gpu)->type == GPU_CPU ? cpu : gpu;
    bool                 more        = true;
    for (int i = 0; i < VARIED; i++) {
        for (int j = 0; j < table->variant_count && more; j++) {
            if (table->variants[j].lacks[0] == '\0') {
                more = add_product(table, &tried[i], &table->variants[j], error);
            }
        }
    }
    return more;
}

/* The device's choice for every product. */
static bool add_choices(Table *table, Error *error)
{
    bool more = true;
    for (int i = 0; i < PRODUCTS && more; i++) {
        if (!products[i].gpu_only || gpu_info(table->bench->gpu)->type != GPU_CPU) {
            more = add_product(table, &products[i], NULL, error);
        }
    }
    return more;
}

/* In f32 and in the first 16-bit type that the device multiplies. */
static void add_pairs(Table *table, Error *error)
{
    int halves = 0;
    while (halves < table->variant_count &&
           (table->variants[halves].compute == COMPUTE_F32 || table->variants[halves].lacks[0] != '\0')) {
        halves++;
    }
    if (error->status == STATUS_OK) {
        bench_pairs(table->bench, COMPUTE_F32, error);
    }
    if (error->status == STATUS_OK && halves < table->variant_count) {
        bench_pairs(table->bench, table->variants[halves].compute, error);
    }
}

Status bench_gemm(Bench *bench, Error *error)
{
    _Static_assert(MEASURED >= PRODUCTS + VARIED * MATMUL_VARIANTS, "room for all");
    Table  table        = {.bench = bench};
    double best         = 0;
    table.variant_count = matmul_variants(gpu_info(bench->gpu), table.variants);
    gpu_profile_reset(bench->gpu);
    if (gpu_info(bench->gpu)->type == GPU_CPU) { /* what counts first */
        (void)(add_choices(&table, error) && add_kernels(&table, error));
    } else {
        (void)(add_kernels(&table, error) && add_choices(&table, error));
    }
    for (int i = 0; i < table.count; i++) {
        best = table.list[i].gflops > best ? table.list[i].gflops : best;
    }
    if (bench->json) {
        json_line_key(&bench->line, "products");
        json_line_begin(&bench->line, '[');
    } else {
        printf("%6s %6s %6s  %-5s %-4s %-18s %10s %6s\n", "m", "n", "k", "", "", "kernel", "GFLOP/s", "best=1");
    }
    for (int i = 0; i < table.count; i++) {
        report(bench, &table.list[i], best);
    }
    if (bench->json) {
        json_line_end(&bench->line, ']');
        json_line_key(&bench->line, "pairs");
        json_line_begin(&bench->line, '[');
    }
    add_pairs(&table, error);
    if (bench->json) {
        json_line_end(&bench->line, ']');
    } else {
        for (int i = 0; i < table.variant_count; i++) {
            if (table.variants[i].lacks[0] != '\0') {
                printf("without %s: %s\n", table.variants[i].kernel_name, table.variants[i].lacks);
            }
        }
    }
    if (error->status == STATUS_OK) {
        bench_profile(bench, 1);
    }
    return error->status;
}
