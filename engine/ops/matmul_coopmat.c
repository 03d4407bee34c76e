/* Products on a card's matrix units: what each kind of card gets, and the dispatch. */
#include "engine/ops/matmul_pairs.h"
#include "engine/ops/matmul_parts.h"
#include "engine/ops/ops.h"

enum { NVIDIA = 0x10de, AMD = 0x1002, INTEL = 0x8086, MESA = 0x10005 };
/* Most that an invocation carries from memory to shared memory; on AMD's cards Mesa 25.0's compiler spills with more.
 */
enum { CARRIED_WORDS = 48, CARRIED_WORDS_AMD = 40 };

typedef struct CoopmatRow {
    const char  *name;
    uint32_t     vendor_id; /* 0: any                                                       */
    uint32_t     m, n;      /* of the shapes that the device multiplies; 0: any             */
    uint32_t     subgroup;  /* asked for, if the device has it; 0: the device's usual one   */
    CoopmatTiles tiles[COOPMAT_SIZES];
} CoopmatRow;

/* The first row that fits. Tiles from large to small: tile_m, tile_n, part_m, part_n, step, stages, turned. None of
 * these figures has been measured on a card yet; they are those that others found good (SPEED.md), and `rlsp bench
 * gemm` measures them. */
static const CoopmatRow table[] = {
    {"NVIDIA, Turing and later",
     NVIDIA,
     16,
     0,
     32,
     {{128, 128, 64, 64, 32, 2, true},
      {64, 64, 32, 32, 32, 2, true},
      {32, 32, 16, 16, 32, 2, true},
      {16, 64, 16, 16, 64, 2, true}}},
    /* Subgroups of 32: on RDNA3 each half of one holds all of A and B, each quarter of one of 64; the largest tile has
     * one stage, so that shared memory takes three workgroups of a compute unit. */
    {"AMD, RDNA3 and later",
     AMD,
     16,
     0,
     32,
     {{128, 128, 64, 64, 32, 1, true},
      {64, 64, 32, 32, 32, 2, true},
      {32, 32, 16, 16, 32, 2, true},
      {16, 64, 16, 16, 64, 2, true}}},
    /* With 128 registers a thread: larger parts or steps spill, and wider subgroups too (Mesa's compiler). */
    {"Intel, Xe-HPG",
     INTEL,
     8,
     8,
     8,
     {{128, 128, 16, 16, 16, 1, false}, {64, 64, 16, 16, 16, 1, false}, {32, 32, 16, 16, 16, 1, false}}},
    {"Intel, Xe2",
     INTEL,
     8,
     16,
     16,
     {{128, 128, 16, 32, 32, 1, false}, {64, 64, 16, 32, 16, 1, false}, {32, 32, 16, 16, 32, 1, false}}},
    {"lavapipe", MESA, 8, 0, 8, {{32, 32, 8, 16, 16, 1, true}, {16, 16, 8, 8, 16, 2, false}}}, /* compiles soon */
    {"any", 0, 0, 0, 0, {{64, 64, 32, 32, 32, 1, false}, {32, 32, 16, 16, 32, 1, false}}},
};

/* Of a card of 24 GiB 96 MiB: 12,288 tokens of 4,096. */
static uint64_t operand_bytes(const GpuInfo *info)
{
    return info->memory_bytes / 256;
}

/* The largest product that a subgroup does at once, in sizes that the kernel takes. */
static bool find_shape(const GpuInfo *info, ComputeType compute, GpuMatrix *shape)
{
    const GpuMatrixType type = compute == COMPUTE_BF16 ? GPU_MATRIX_BF16 : GPU_MATRIX_F16;
    uint32_t            best = 0;
    for (uint32_t i = 0; i < info->matrix_count; i++) {
        const GpuMatrix s    = info->matrices[i];
        const uint32_t  size = s.m * s.n * s.k;
        if (s.workgroup == 0 && s.type == type && s.m % 8 == 0 && s.n % 8 == 0 && s.k % 8 == 0 && s.m <= 32 &&
            s.n <= 32 && s.k <= 32 && size > best) {
            best   = size;
            *shape = s;
        }
    }
    return best > 0;
}

static uint32_t shared_bytes(const CoopmatTiles *t, MatmulLayout layout, const GpuMatrix *shape)
{
    const bool     a_along = layout != MATMUL_TN || t->turned, b_along = layout == MATMUL_NT || t->turned;
    const uint32_t a       = a_along ? t->tile_m * (t->step / 8 + 1) : t->step * (t->tile_m / 8 + 1);
    const uint32_t b       = b_along ? t->tile_n * (t->step / 8 + 1) : t->step * (t->tile_n / 8 + 1);
    const uint32_t parts   = t->tile_m / t->part_m * (t->tile_n / t->part_n);
    const uint32_t patches = parts * shape->m * shape->n * 4, stages = t->stages * (a + b) * 16;
    return stages > patches ? stages : patches;
}

static bool tiles_fit(const GpuInfo *info, const CoopmatTiles *t, MatmulLayout layout, const GpuMatrix *shape,
                      uint32_t subgroup)
{
    const uint32_t parts = t->tile_m > 0 ? t->tile_m / t->part_m * (t->tile_n / t->part_n) : 0;
    return t->tile_m > 0 && t->part_m % shape->m == 0 && t->part_n % shape->n == 0 && t->step % shape->k == 0 &&
           parts <= info->max_subgroups && parts * subgroup <= info->max_workgroup &&
           shared_bytes(t, layout, shape) <= info->shared_bytes;
}

static const char *kernel_of(ComputeType compute)
{
    return compute == COMPUTE_BF16 ? "gemm_coopmat_bf16" : "gemm_coopmat";
}

bool coopmat_takes_pairs(const GpuInfo *info, const MatmulPlan *plan)
{
    const CoopmatTiles *t       = &plan->tiles;
    const GpuMatrix    *shape   = &plan->coopmat.shape;
    const uint32_t      patches = t->tile_m / t->part_m * (t->tile_n / t->part_n) * shape->m * shape->n * 2 * 4;
    return t->part_n / shape->n % 2 == 0 && patches <= info->shared_bytes;
}

bool coopmat_find(const GpuInfo *info, ComputeType compute, Coopmat *coopmat)
{
    if (compute == COMPUTE_F32 || !info->tier.cooperative_matrix || !info->tier.subgroup_size_control ||
        !gpu_has_kernel(kernel_of(compute)) || !find_shape(info, compute, &coopmat->shape)) {
        return false;
    }
    const CoopmatRow *row = table;
    while ((row->vendor_id != 0 && row->vendor_id != info->vendor_id) || (row->m != 0 && row->m != coopmat->shape.m) ||
           (row->n != 0 && row->n != coopmat->shape.n)) {
        row++;
    }
    const bool can         = row->subgroup >= info->min_subgroup && row->subgroup <= info->max_subgroup;
    coopmat->name          = row->name;
    coopmat->converts      = compute == COMPUTE_F16 && info->tier.fp16_rounding;
    coopmat->carried_words = info->vendor_id == AMD ? CARRIED_WORDS_AMD : CARRIED_WORDS;
    coopmat->operand_bytes = operand_bytes(info);
    coopmat->subgroup      = can ? row->subgroup : info->subgroup_size;
    coopmat->count         = 0;
    for (int i = 0; i < COOPMAT_SIZES; i++) {
        const CoopmatTiles *t = &row->tiles[i];
        if (tiles_fit(info, t, MATMUL_NN, &coopmat->shape, coopmat->subgroup) &&
            tiles_fit(info, t, MATMUL_NT, &coopmat->shape, coopmat->subgroup) &&
            tiles_fit(info, t, MATMUL_TN, &coopmat->shape, coopmat->subgroup)) {
            coopmat->tiles[coopmat->count++] = *t;
        }
    }
    return coopmat->count > 0;
}

/* The largest tiles of which there are enough. What an element of C sums up, and in which order, is the same for all
 * of them, so that its bits do not depend on how many rows there are. */
MatmulPlan coopmat_plan(const Coopmat *coopmat, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k,
                        MatmulChoice choice, uint32_t enough)
{
    const uint32_t split_tile = 64; /* of C, for counting slices: they may not depend on the tiles either */
    MatmulPlan     plan       = {.kernel  = KERNEL_COOPMAT,
                                 .tile_m  = split_tile,
                                 .tile_n  = split_tile,
                                 .tile_k  = COOPMAT_STEP,
                                 .k_main  = k,
                                 .k_pass  = k,
                                 .k_most  = k,
                                 .coopmat = *coopmat};
    matmul_plan_split(&plan, 4 * enough, layout, m, n);
    plan.size   = matmul_choice_size(choice, coopmat->tiles, coopmat->count, enough, plan.slices, m, n);
    plan.tiles  = coopmat->tiles[plan.size];
    plan.tile_m = plan.tiles.tile_m;
    plan.tile_n = plan.tiles.tile_n;
    return plan;
}

/* Whether rows of elements of `size` bytes start at whole vectors of 16. */
static bool starts_vectors(GpuSpan matrix, uint32_t stride, uint64_t size)
{
    return matrix.offset % 16 == 0 && stride * size % 16 == 0;
}

/* Bits of OPERANDS. */
static uint32_t operands_of(const Matmul *p)
{
    return (p->a_halves ? A_HALVES : 0) | (p->b_halves ? B_HALVES : 0) |
           (starts_vectors(p->a, p->lda, a_size(p)) ? A_VECTORS : 0) |
           (starts_vectors(p->b, p->ldb, b_size(p)) ? B_VECTORS : 0);
}

/* Whether the last row, too, may be read up to a whole vector of 16 bytes: the others are followed by rows. */
static bool ends_in_vectors(GpuSpan matrix, uint64_t rows, uint64_t columns, uint64_t stride, uint64_t size)
{
    const uint64_t count = 16 / size, whole = (columns + count - 1) / count * count;
    return ((rows - 1) * stride + whole) * size <= matrix.size || whole == columns;
}

/* The same for gemm_coopmat, which reads whole vectors or none. */
static uint32_t coopmat_operands(const Matmul *p, const CoopmatTiles *t)
{
    const bool tn = p->layout == MATMUL_TN, nt = p->layout == MATMUL_NT;
    const bool a = ends_in_vectors(p->a, tn ? p->k : p->m, tn ? p->m : p->k, p->lda, a_size(p));
    const bool b = ends_in_vectors(p->b, nt ? p->n : p->k, nt ? p->k : p->n, p->ldb, b_size(p));
    return (operands_of(p) & ~((a ? 0 : A_VECTORS) | (b ? 0 : B_VECTORS))) | (t->turned ? TURNED : 0);
}

/* Words of A and B that an invocation carries while a step is multiplied: chunks of eight elements. */
static uint32_t carried_words(const Matmul *p, const CoopmatTiles *t, uint32_t step, uint32_t threads)
{
    return ceil_div(t->tile_m * step / 8, threads) * (p->a_halves ? 4 : 8) +
           ceil_div(t->tile_n * step / 8, threads) * (p->b_halves ? 4 : 8);
}

/* With pairs, `paired` is the kernel. */
static GpuDispatch dispatch_of(const Matmul *p, const MatmulPlan *plan, const char *kernel, const char *paired)
{
    const CoopmatTiles *t       = &plan->tiles;
    const GpuMatrix    *shape   = &plan->coopmat.shape;
    const uint32_t      threads = t->tile_m / t->part_m * (t->tile_n / t->part_n) * plan->coopmat.subgroup;
    /* Beside the sums, floats of both operands would spill. A step's length changes no sum. */
    const bool too_many =
        carried_words(p, t, t->step, threads) > plan->coopmat.carried_words && t->step / 2 % shape->k == 0;
    const uint32_t step     = too_many ? t->step / 2 : t->step;
    GpuDispatch    dispatch = {.kernel = p->pairs != NULL ? paired : kernel,
                               .spec = {threads, p->layout, t->tile_m, t->tile_n, t->part_m, t->part_n, shape->m, shape->n,
                                        shape->k, step, t->stages, coopmat_operands(p, t)},
                               .spec_count = 12,
                               .subgroup   = plan->coopmat.subgroup};
    if (p->pairs != NULL) {
        dispatch.spec[13]   = p->pairs->pairing;
        dispatch.spec[14]   = p->pairs->pairing != PAIRS_ROPE && typed_halves(p->pairs->act);
        dispatch.spec_count = 15;
    }
    return dispatch;
}

void matmul_record_coopmat(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue)
{
    const bool  bf16 = p->compute == COMPUTE_BF16;
    GpuDispatch dispatch =
        dispatch_of(p, plan, kernel_of(p->compute), bf16 ? "gemm_coopmat_pairs_bf16" : "gemm_coopmat_pairs");
    matmul_record_general(stream, p, plan, c, epilogue, &dispatch);
}

void matmul_record_coopmat_weight(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, const MatmulWeight *w)
{
    Matmul product       = *p;
    product.b            = w->data;
    product.ldb          = w->row_words;
    product.b_halves     = true; /* no more than a vector to a chunk */
    const bool  bf16     = p->compute == COMPUTE_BF16;
    GpuDispatch dispatch = dispatch_of(&product, plan, bf16 ? "gemm_coopmat_weight_bf16" : "gemm_coopmat_weight",
                                       bf16 ? "gemm_coopmat_weight_pairs_bf16" : "gemm_coopmat_weight_pairs");
    dispatch.spec[12]    = w->format;
    dispatch.spec_count  = dispatch.spec_count > 13 ? dispatch.spec_count : 13;
    dispatch.bind[5]     = gpu_read(w->scales);
    matmul_record_general(stream, &product, plan, p->c, matmul_epilogue(p), &dispatch);
}

/* --- a workgroup's matrices ----------------------------------------------------------------- */

static const char *kernel2_of(ComputeType compute)
{
    return compute == COMPUTE_BF16 ? "gemm_coopmat2_bf16" : "gemm_coopmat2";
}

bool coopmat2_find(const GpuInfo *info, ComputeType compute, Coopmat *coopmat)
{
    static const CoopmatTiles tiles[COOPMAT_SIZES] = {{.tile_m = 128, .tile_n = 256, .step = 64},
                                                      {.tile_m = 128, .tile_n = 128, .step = 64},
                                                      {.tile_m = 64, .tile_n = 64, .step = 64}};
    const GpuMatrixType       type                 = compute == COMPUTE_BF16 ? GPU_MATRIX_BF16 : GPU_MATRIX_F16;
    coopmat->name                                  = "NVIDIA, Turing and later";
    coopmat->converts                              = false; /* it loads f32 number by number */
    coopmat->operand_bytes                         = operand_bytes(info);
    coopmat->count                                 = 0;
    if (compute == COMPUTE_F32 || !info->tier.cooperative_matrix2 || !gpu_has_kernel(kernel2_of(compute))) {
        return false;
    }
    for (uint32_t i = 0; i < info->matrix_count && coopmat->count == 0; i++) {
        const GpuMatrix s = info->matrices[i];
        if (s.type == type && s.workgroup == 256 && s.workgroup <= info->max_workgroup) {
            coopmat->shape    = s;
            coopmat->subgroup = info->subgroup_size;
            for (int j = 0; j < COOPMAT_SIZES && tiles[j].tile_m > 0; j++) {
                if (tiles[j].tile_m % s.m == 0 && tiles[j].tile_n % s.n == 0 && tiles[j].step % s.k == 0) {
                    coopmat->tiles[coopmat->count++] = tiles[j];
                }
            }
        }
    }
    return coopmat->count > 0;
}

MatmulPlan coopmat2_plan(const Coopmat *coopmat, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k,
                         MatmulChoice choice, uint32_t enough)
{
    MatmulPlan plan = coopmat_plan(coopmat, layout, m, n, k, choice, enough);
    plan.kernel     = KERNEL_COOPMAT2;
    return plan;
}

/* Its pointers must be multiples of 16 bytes (SPV_NV_cooperative_matrix2). */
bool coopmat2_takes(const Matmul *p, const MatmulPlan *plan)
{
    const GpuSpan spans[] = {p->a, p->b, p->c, p->add, p->bias};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        if (spans[i].buffer != NULL && spans[i].offset % 16 != 0) {
            return false;
        }
    }
    return plan->slices == 1 || (uint64_t)p->m * p->n % 4 == 0; /* planes of C follow each other */
}

/* A matrix each for both columns of SwiGLU's pairs; the turn of heads would want more of them than one. */
bool coopmat2_takes_pairs(const Matmul *p, const MatmulPlan *plan)
{
    return p->pairs->pairing != PAIRS_ROPE && p->pairs->distance % 4 == 0 && p->pairs->act.span.offset % 16 == 0 &&
           plan->tiles.tile_n / 2 % plan->coopmat.shape.n == 0;
}

void matmul_record_coopmat2(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue)
{
    const CoopmatTiles *t        = &plan->tiles;
    const bool          bf16     = p->compute == COMPUTE_BF16;
    GpuDispatch         dispatch = {
                .kernel     = kernel2_of(p->compute),
                .spec       = {plan->coopmat.shape.workgroup, p->layout, t->tile_m, t->tile_n, t->step, operands_of(p)},
                .spec_count = 6};
    if (p->pairs != NULL) {
        dispatch.kernel     = bf16 ? "gemm_coopmat2_pairs_bf16" : "gemm_coopmat2_pairs";
        dispatch.spec[6]    = p->pairs->pairing;
        dispatch.spec[7]    = typed_halves(p->pairs->act);
        dispatch.spec_count = 8;
    }
    matmul_record_general(stream, p, plan, c, epilogue, &dispatch);
}
