/* Timing the candidates of a device. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "engine/ops/matmul_choice.h"
#include "engine/random.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

Status matmul_random_operand(Gpu *gpu, GpuSpan operand, ComputeType type, uint32_t seed, Error *error)
{
    enum { WORDS = 1 << 18 };
    static const uint32_t random_bits[] = {
        [COMPUTE_F32] = 0x807FFFFF, [COMPUTE_BF16] = 0x807F807F, [COMPUTE_F16] = 0x83FF83FF};
    static const uint32_t exponents[] = {
        [COMPUTE_F32] = 0x3F000000, [COMPUTE_BF16] = 0x3F003F00, [COMPUTE_F16] = 0x38003800};
    uint32_t *words = malloc(WORDS * sizeof *words);
    if (words == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "random numbers to multiply: out of host memory");
    }
    Random random = random_stream(seed, RANDOM_TEST, 0, 0);
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < WORDS; i++) {
        words[i] = (random_u32(&random) & random_bits[type]) | exponents[type];
    }
    for (uint64_t at = 0; at < operand.size && status == STATUS_OK; at += WORDS * sizeof *words) {
        const uint64_t left = operand.size - at, bytes = left < WORDS * sizeof *words ? left : WORDS * sizeof *words;
        status = gpu_upload(gpu, gpu_span_slice(operand, at, bytes), words, bytes, error);
    }
    free(words);
    return status;
}

/* Of the products that are checked: whole vectors of operands, as those that are timed have them, and no whole tiles.
 * At the least side all of theirs is there. */
enum { CHECK_M = 72, CHECK_N = 136, CHECK_K = 584, LEAST_SIDE = 256 };

/* The operands of all classes at one side. */
typedef struct Trial {
    Gpu       *gpu;
    GpuStream *stream;
    GpuArena  *arena;
    GpuSpan    a, b, c, workspace;
    float     *want[2], *got; /* [CHECK_M, CHECK_N], of the products that are checked */
} Trial;

/* Bytes that the operands of every class fit; of the workspace with every candidate. */
static void sizes_of(const Trial *t, const MatmulProbe *probe, uint32_t side, uint64_t *a, uint64_t *b, uint64_t *c,
                     uint64_t *workspace)
{
    const uint64_t size = probe->compute == COMPUTE_F32 ? 4 : 2;
    *a = *b = *c = *workspace = 0;
    for (int class = 0; class < MATMUL_CLASSES; class ++) {
        const MatmulShape s    = matmul_class_shape((MatmulClass) class, side);
        const uint64_t    of_a = size * s.m * s.k, of_b = size * s.n * s.k, of_c = (uint64_t)4 * s.m * s.n;
        *a = of_a > *a ? of_a : *a;
        *b = of_b > *b ? of_b : *b;
        *c = of_c > *c ? of_c : *c;
        for (int i = 0; i < probe->count; i++) {
            const uint64_t bytes = matmul_variant_workspace(t->stream, &probe->candidates[i].variant, probe->compute,
                                                            s.layout, s.m, s.n, s.k);
            *workspace           = bytes > *workspace ? bytes : *workspace;
        }
    }
}

static Status open_operands(Trial *t, const MatmulProbe *probe, uint32_t side, Error *error)
{
    uint64_t a, b, c, workspace;
    sizes_of(t, probe, side, &a, &b, &c, &workspace);
    gpu_arena_free(t->arena);
    t->arena = gpu_arena_new(t->gpu, "measuring products", GPU_MEMORY_DEVICE,
                             gpu_align(a) + gpu_align(b) + gpu_align(c) + gpu_align(workspace), error);
    if (t->arena == NULL) {
        return error->status;
    }
    t->a                = gpu_arena_take(t->arena, a);
    t->b                = gpu_arena_take(t->arena, b);
    t->c                = gpu_arena_take(t->arena, c);
    t->workspace        = workspace > 0 ? gpu_arena_take(t->arena, workspace) : (GpuSpan){0};
    const Status status = matmul_random_operand(t->gpu, t->a, probe->compute, 1, error);
    return status == STATUS_OK ? matmul_random_operand(t->gpu, t->b, probe->compute, 2, error) : status;
}

/* Whether a side leaves the device most of its memory, and operands that it binds at once. */
static bool side_fits(const Trial *t, const MatmulProbe *probe, uint32_t side)
{
    const GpuInfo *info = gpu_info(t->gpu);
    uint64_t       a, b, c, workspace;
    sizes_of(t, probe, side, &a, &b, &c, &workspace);
    const uint64_t bytes = a + b + c + workspace, free_bytes = info->memory_free_bytes;
    return bytes < info->memory_bytes / 8 && (free_bytes == 0 || bytes < free_bytes / 2) &&
           b + GPU_ALIGNMENT < info->max_binding_bytes;
}

static Matmul product_of(const Trial *t, const MatmulProbe *probe, int candidate, MatmulShape s)
{
    const uint64_t size   = probe->compute == COMPUTE_F32 ? 4 : 2;
    const bool     halves = probe->compute != COMPUTE_F32;
    return (Matmul){.layout    = s.layout,
                    .a         = gpu_span_slice(t->a, 0, size * s.m * s.k),
                    .b         = gpu_span_slice(t->b, 0, size * s.n * s.k),
                    .c         = gpu_span_slice(t->c, 0, (uint64_t)4 * s.m * s.n),
                    .compute   = probe->compute,
                    .a_halves  = halves,
                    .b_halves  = halves,
                    .m         = s.m,
                    .n         = s.n,
                    .k         = s.k,
                    .workspace = t->workspace,
                    .variant   = &probe->candidates[candidate].variant};
}

/* Seconds of one product of `repeats` in a recording, of the fastest of some runs. */
static Status run_product(Trial *t, const MatmulProbe *probe, int candidate, MatmulClass class, uint32_t repeats,
                          uint32_t runs, double *seconds, Error *error)
{
    const Matmul p = product_of(t, probe, candidate, matmul_class_shape(class, probe->side));
    gpu_stream_begin(t->stream);
    for (uint32_t i = 0; i < repeats; i++) {
        matmul(t->stream, &p);
    }
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < runs && status == STATUS_OK; i++) {
        const double start = now();
        status             = gpu_stream_run(t->stream, error);
        const double took  = (now() - start) / repeats;
        *seconds           = i == 0 || took < *seconds ? took : *seconds;
    }
    return status;
}

/* Seconds of a product: a first run to warm up, a second to see how long it takes, and, unless that is far from `best`
 * (0: none yet), the fastest of a few recordings that take some milliseconds. */
static Status time_product(Trial *t, const MatmulProbe *probe, int candidate, MatmulClass class, double best,
                           double *seconds, Error *error)
{
    enum { RUNS = 3, MOST = 64 };
    const double enough = 3e-3, hopeless = 2.0;
    Status       status = run_product(t, probe, candidate, class, 1, 2, seconds, error);
    if (status != STATUS_OK || (best > 0 && *seconds > hopeless * best)) {
        return status;
    }
    const double   wanted  = enough / (*seconds > 1e-9 ? *seconds : 1e-9);
    const uint32_t repeats = wanted < 1 ? 1 : wanted > MOST ? MOST : (uint32_t)wanted;
    double         several = 0;
    status                 = run_product(t, probe, candidate, class, repeats, RUNS, &several, error);
    *seconds               = several < *seconds ? several : *seconds;
    return status;
}

/* Products with edges, of the same kernels: what a driver makes of a kernel may be fast and wrong. */
static const MatmulShape checked[] = {{MATMUL_NT, CHECK_M, CHECK_N, CHECK_K}, {MATMUL_TN, CHECK_M, CHECK_N, CHECK_K}};

static Status checked_product(Trial *t, const MatmulProbe *probe, int candidate, MatmulShape s, float *c, Error *error)
{
    const Matmul p = product_of(t, probe, candidate, s);
    gpu_stream_begin(t->stream);
    gpu_fill(t->stream, p.c, 0x7FC00000); /* NaN */
    matmul(t->stream, &p);
    const Status status = gpu_stream_run(t->stream, error);
    return status == STATUS_OK ? gpu_download(t->gpu, p.c, c, (uint64_t)4 * s.m * s.n, error) : status;
}

/* Whether a candidate's products are those of the first one, gemm_tiled, but for rounding. */
static Status check_candidate(Trial *t, const MatmulProbe *probe, int candidate, bool *right, Error *error)
{
    const float most   = 1e-2f; /* of sums of some 14, whose addends have a magnitude of 1/2 */
    Status      status = STATUS_OK;
    *right             = true;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        status = checked_product(t, probe, candidate, checked[i], t->got, error);
        for (uint32_t j = 0; j < CHECK_M * CHECK_N && status == STATUS_OK; j++) {
            *right = *right && fabsf(t->got[j] - t->want[i][j]) <= most;
        }
    }
    return status;
}

/* The side whose large product takes some milliseconds by the table. */
static Status find_side(Trial *t, MatmulProbe *probe, double deadline, Error *error)
{
    const uint32_t most    = gpu_info(t->gpu)->type == GPU_CPU ? 512 : 4096; /* gemm_tiled is slow there */
    const double   enough  = 4e-3;
    double         seconds = 0;
    probe->side            = LEAST_SIDE;
    Status status          = open_operands(t, probe, probe->side, error);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        status = checked_product(t, probe, 0, checked[i], t->want[i], error);
    }
    while (status == STATUS_OK) {
        status = run_product(t, probe, probe->table[MATMUL_LARGE], MATMUL_LARGE, 1, 3, &seconds, error);
        if (status != STATUS_OK || seconds >= enough || probe->side >= most || now() > deadline ||
            !side_fits(t, probe, 2 * probe->side)) {
            break;
        }
        probe->side *= 2;
        status = open_operands(t, probe, probe->side, error);
    }
    return status;
}

/* What does not compile or does not multiply as it should is left without times. */
static Status measure(Trial *t, MatmulProbe *probe, double deadline, Error *error)
{
    double best[MATMUL_CLASSES] = {0};
    Status status               = find_side(t, probe, deadline, error);
    for (int pass = 0; pass < 2; pass++) { /* the table's, then the others */
        for (int i = 0; i < probe->count && status == STATUS_OK; i++) {
            Error  failed = {0};
            Status tried  = STATUS_OK;
            bool   right = true, known = false;
            for (int c = 0; c < MATMUL_CLASSES && tried == STATUS_OK; c++) {
                double *seconds = &probe->candidates[i].seconds[c];
                if ((probe->table[c] == i) != (pass == 0) || (pass > 0 && now() > deadline)) {
                    continue;
                }
                tried = known ? STATUS_OK : check_candidate(t, probe, i, &right, &failed);
                known = true;
                if (tried == STATUS_OK && right) {
                    tried   = time_product(t, probe, i, (MatmulClass)c, best[c], seconds, &failed);
                    best[c] = best[c] == 0 || *seconds < best[c] ? *seconds : best[c];
                }
            }
            if (tried == STATUS_DEVICE_LOST) {
                *error = failed;
                status = tried;
            }
            for (int c = 0; c < MATMUL_CLASSES && tried != STATUS_OK; c++) {
                probe->candidates[i].seconds[c] = 0;
            }
        }
    }
    return status;
}

Status matmul_probe_measure(Gpu *gpu, MatmulProbe *probe, double limit, Error *error)
{
    const double deadline = now() + limit;
    Trial        trial    = {.gpu = gpu, .stream = gpu_stream_new(gpu, error)};
    float       *host     = malloc((size_t)3 * CHECK_M * CHECK_N * sizeof *host);
    Status       status   = trial.stream != NULL ? STATUS_OK : error->status;
    if (host == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "measuring products: out of host memory");
    }
    if (status == STATUS_OK) {
        trial.want[0] = host;
        trial.want[1] = host + CHECK_M * CHECK_N;
        trial.got     = host + 2 * CHECK_M * CHECK_N;
        status        = measure(&trial, probe, deadline, error);
    }
    for (int i = 0; status != STATUS_OK && i < probe->count; i++) { /* all or nothing */
        for (int c = 0; c < MATMUL_CLASSES; c++) {
            probe->candidates[i].seconds[c] = 0;
        }
    }
    gpu_stream_free(trial.stream);
    gpu_arena_free(trial.arena);
    free(host);
    return status;
}
