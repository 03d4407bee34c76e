/* Frozen weights for matrix units, dequantized once before a product of many rows instead of in each of its tiles. A
 * part of the weight at a time, that of some columns of C, which have the same bits wherever it is cut. */
#include "engine/ops/ops.h"
#include "engine/ops/weight_parts.h"

/* By counting operations (SPEED.md): 128 rows take 10 to 17 for each number of the weight in their tile; once, it is
 * written and read, as many as a card does in six tiles. Parts are whole tiles. */
enum { LEAST_ROWS = 1024, TILE = 128 };
static const uint64_t most_bytes = 64u << 20; /* of a part */

bool weight_plan_on_units(GpuStream *stream, const Matmul *p, MatmulPlan *plan)
{
    *plan = matmul_plan_as(stream, p->variant, p->compute, p->layout, p->m, p->n, p->k);
    if (plan->kernel == KERNEL_COOPMAT2 && p->variant == NULL) { /* chosen, but it reads no weights: the table's */
        *plan = matmul_plan_chosen(gpu_info(gpu_stream_gpu(stream)), (MatmulChoice){0}, p->compute, p->layout, p->m,
                                   p->n, p->k);
    }
    return plan->kernel == KERNEL_COOPMAT;
}

/* Columns of C whose part of the weight fits `bytes`; 0: fewer than a tile's, and not all. */
static uint32_t columns_in(uint64_t bytes, MatmulLayout layout, uint32_t n, uint32_t k)
{
    const uint64_t column = 2 * (uint64_t)(layout == MATMUL_NT ? matmul_halves_pitch(k) : k);
    return matmul_halves_pitch(n) <= bytes / column ? n : (uint32_t)(bytes / column) / TILE * TILE;
}

uint64_t weight_halves_bytes(MatmulLayout layout, uint32_t n, uint32_t k)
{
    const uint32_t columns = columns_in(most_bytes, layout, n, k);
    return gpu_align(2 * (uint64_t)matmul_halves_pitch(columns) * (layout == MATMUL_NT ? matmul_halves_pitch(k) : k));
}

/* What of the workspace is for the weight. */
static uint64_t space_of(const Matmul *p)
{
    const uint64_t wanted = weight_halves_bytes(p->layout, p->n, p->k);
    const uint64_t there  = p->workspace.buffer != NULL ? p->workspace.size / GPU_ALIGNMENT * GPU_ALIGNMENT : 0;
    return wanted < there ? wanted : there;
}

bool weight_takes_halves(GpuStream *stream, const Matmul *p)
{
    MatmulPlan plan;
    return p->m >= LEAST_ROWS && columns_in(space_of(p), p->layout, p->n, p->k) > 0 &&
           weight_plan_on_units(stream, p, &plan);
}

uint64_t weight_halves_workspace(GpuStream *stream, ComputeType compute, uint32_t m, uint32_t rows, uint32_t columns)
{
    uint64_t bytes = 0;
    for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
        const bool     nt = layout == MATMUL_NT;
        const uint32_t n = nt ? rows : columns, k = nt ? columns : rows;
        MatmulPlan     plan;
        if (m >= LEAST_ROWS &&
            weight_plan_on_units(stream, &(Matmul){.layout = layout, .compute = compute, .m = m, .n = n, .k = k},
                                 &plan)) {
            const uint32_t part = columns_in(most_bytes, layout, n, k);
            const uint64_t wants =
                weight_halves_bytes(layout, n, k) + matmul_workspace_as(stream, compute, layout, m, part, k);
            bytes = part > 0 && wants > bytes ? wants : bytes;
        }
    }
    return bytes;
}

/* Columns [first, first + count) of C. */
static Matmul columns_of(const Matmul *p, uint32_t first, uint32_t count)
{
    Matmul         piece = *p;
    const uint64_t skip = (uint64_t)first * 4, size = (((uint64_t)p->m - 1) * p->ldc + count) * 4;
    piece.n = count;
    piece.c = gpu_span_slice(p->c, skip, size);
    if (p->add.buffer != NULL) {
        piece.add = gpu_span_slice(p->add, skip, size);
    }
    if (p->bias.buffer != NULL) {
        piece.bias = gpu_span_slice(p->bias, skip, (uint64_t)count * 4);
    }
    return piece;
}

void weight_dequantize_halves(GpuStream *stream, GpuSpan to, const Weight *w, ComputeType compute, WeightPart part)
{
    const uint32_t group   = ops_group_elements(stream);
    const uint32_t push[6] = {part.rows,
                              part.first_row,
                              part.chunks,
                              part.first_chunk,
                              weight_row_words(w->format, w->columns),
                              weight_row_scales(w->format, w->columns)};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "dequantize_halves",
                                        .spec       = {group, w->format, compute},
                                        .spec_count = 3,
                                        .bind       = {gpu_write(to), gpu_read(w->data), gpu_read(w->scales)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)part.rows * part.chunks, group)});
}

void weight_record_halves(GpuStream *stream, const Matmul *p, const Weight *w)
{
    const bool     nt    = p->layout == MATMUL_NT;
    const uint64_t space = space_of(p);
    const uint32_t step  = columns_in(space, p->layout, p->n, p->k);
    MatmulPlan     plan;
    weight_plan_on_units(stream, p, &plan);
    const MatmulVariant units = {.kernel = KERNEL_COOPMAT, .compute = p->compute, .size = plan.size};
    for (uint32_t first = 0; first < p->n; first += step) {
        const uint32_t   count = p->n - first < step ? p->n - first : step;
        const WeightPart part =
            nt ? (WeightPart){.first_row = first, .rows = count, .chunks = matmul_halves_pitch(p->k) / 8}
               : (WeightPart){.rows = p->k, .first_chunk = first / 8, .chunks = matmul_halves_pitch(count) / 8};
        Matmul product    = columns_of(p, first, count);
        product.b         = gpu_span_slice(p->workspace, 0, (uint64_t)part.rows * part.chunks * 16);
        product.ldb       = part.chunks * 8;
        product.b_halves  = true;
        product.workspace = gpu_span_slice(p->workspace, space, p->workspace.size - space);
        product.variant   = p->variant != NULL ? p->variant : &units;
        weight_dequantize_halves(stream, product.b, w, p->compute, part);
        matmul(stream, &product);
    }
}
