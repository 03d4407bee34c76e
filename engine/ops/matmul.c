#include "engine/ops/matmul.h"

#include "engine/ops/matmul_parts.h"

/* Rows are whole vec4s at aligned places, those of C may be written as such, and sizes stay within what the kernels
 * index. */
bool matmul_fits_vec4s(const Matmul *p)
{
    const uint64_t limit   = (uint64_t)256 << 20;
    const GpuSpan  spans[] = {p->a, p->b, p->c, p->add, p->bias, p->workspace};
    for (int i = 0; i < 6; i++) {
        if (spans[i].buffer != NULL && (spans[i].offset % 16 != 0 || gpu_span_address(spans[i]) % 16 != 0)) {
            return false;
        }
    }
    const bool whole = p->n % 4 == 0 || p->n_room >= matmul_whole(p->n);
    return whole && p->lda % 4 == 0 && p->ldb % 4 == 0 && p->ldc % 4 == 0 && p->a.size < limit && p->b.size < limit &&
           p->c.size < limit;
}

static bool is_bindable(GpuSpan span)
{
    return span.buffer == NULL || span.offset % GPU_ALIGNMENT == 0;
}

static uint64_t planes_bytes(const MatmulPlan *plan, uint32_t m, uint32_t n)
{
    return plan->slices > 1 ? (uint64_t)plan->slices * m * n * 4 : 0;
}

/* Of a matrix whose elements have `size` bytes, `rows` rows of `width`, `stride` apart. */
static GpuSpan element_rows(GpuSpan matrix, uint64_t size, uint64_t first, uint64_t rows, uint64_t width,
                            uint64_t stride)
{
    return matrix.buffer == NULL ? matrix
                                 : gpu_span_slice(matrix, first * stride * size, ((rows - 1) * stride + width) * size);
}

static GpuSpan matrix_rows(GpuSpan matrix, uint64_t first, uint64_t rows, uint64_t width, uint64_t stride)
{
    return element_rows(matrix, 4, first, rows, width, stride);
}

static GpuSpan a_rows(const Matmul *p, uint64_t first, uint64_t rows, uint64_t width)
{
    return element_rows(p->a, a_size(p), first, rows, width, p->lda);
}

static GpuSpan b_rows(const Matmul *p, uint64_t first, uint64_t rows, uint64_t width)
{
    return element_rows(p->b, b_size(p), first, rows, width, p->ldb);
}

/* Bytes that an operand of one dispatch may have. */
static uint64_t operand_limit(GpuStream *stream)
{
    return gpu_info(gpu_stream_gpu(stream))->max_binding_bytes -
           GPU_ALIGNMENT; /* it may start between two bindable places */
}

/* The product over k in [first, first + count). */
static Matmul part_of_k(const Matmul *p, uint32_t first, uint32_t count)
{
    Matmul         part   = *p;
    const uint64_t skip_a = first * a_size(p), skip_b = first * b_size(p);
    part.k = count;
    part.a = p->layout == MATMUL_TN ? a_rows(p, first, count, p->m) : gpu_span_slice(p->a, skip_a, p->a.size - skip_a);
    part.b = p->layout == MATMUL_NT ? gpu_span_slice(p->b, skip_b, p->b.size - skip_b) : b_rows(p, first, count, p->n);
    return part;
}

/* --- operands rounded a pass at a time, for the kernels that read f32 as it is ------------------------------------ */

/* Rows and width of A and B in one pass over k. */
typedef struct PassShape {
    uint32_t a_rows, a_width, b_rows, b_width;
} PassShape;

static PassShape pass_shape(MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    const bool tn = layout == MATMUL_TN, nt = layout == MATMUL_NT;
    return (PassShape){tn ? k : m, tn ? m : k, nt ? n : k, nt ? k : n};
}

static uint64_t rounded_bytes(uint32_t rows, uint32_t width)
{
    return gpu_align((uint64_t)rows * matmul_whole(width) * 4);
}

/* The kernels that take operands of any type, rows and places. */
static bool rounds_itself(const MatmulPlan *plan)
{
    return plan->kernel == KERNEL_TILED || plan->kernel == KERNEL_COOPMAT || plan->kernel == KERNEL_COOPMAT2;
}

/* What the rounded operands of a pass take; 0: they are read as they are. */
static uint64_t pass_bytes(const MatmulPlan *plan, ComputeType compute, MatmulLayout layout, uint32_t m, uint32_t n)
{
    if (rounds_itself(plan) || compute == COMPUTE_F32) {
        return 0;
    }
    const PassShape s = pass_shape(layout, m, n, plan->k_most);
    return rounded_bytes(s.a_rows, s.a_width) + rounded_bytes(s.b_rows, s.b_width);
}

/* Of k in [first, first + count): the product of rounded f32 in `space`. */
static Matmul record_rounded(GpuStream *stream, const Matmul *p, GpuSpan space, uint32_t first, uint32_t count)
{
    Matmul          rounded = *p;
    const PassShape s       = pass_shape(p->layout, p->m, p->n, count);
    const uint64_t  a_bytes = rounded_bytes(s.a_rows, s.a_width), b_bytes = rounded_bytes(s.b_rows, s.b_width);
    const uint64_t  a_skip = first * a_size(p) * (p->layout == MATMUL_TN ? p->lda : 1);
    const uint64_t  b_skip = first * b_size(p) * (p->layout == MATMUL_NT ? 1 : p->ldb);
    rounded.compute        = COMPUTE_F32;
    rounded.a_halves = rounded.b_halves = false;
    rounded.k                           = count;
    rounded.lda                         = matmul_whole(s.a_width);
    rounded.ldb                         = matmul_whole(s.b_width);
    rounded.a                           = gpu_span_slice(space, 0, a_bytes);
    rounded.b                           = gpu_span_slice(space, a_bytes, b_bytes);
    matmul_record_round(stream, rounded.a, rounded.lda, gpu_span_slice(p->a, a_skip, p->a.size - a_skip), s.a_rows,
                        s.a_width, p->lda, p->compute, p->a_halves);
    matmul_record_round(stream, rounded.b, rounded.ldb, gpu_span_slice(p->b, b_skip, p->b.size - b_skip), s.b_rows,
                        s.b_width, p->ldb, p->compute, p->b_halves);
    return rounded;
}

/* One pass, k in [first, first + count), into `to`. */
static void record_pass(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan space, GpuSpan to,
                        uint32_t epilogue, uint32_t first, uint32_t count)
{
    Matmul rounded;
    switch (plan->kernel) {
    case KERNEL_TILED: matmul_record_tiled(stream, p, plan, to, epilogue); return;
    case KERNEL_COOPMAT: matmul_record_coopmat(stream, p, plan, to, epilogue); return;
    case KERNEL_COOPMAT2: matmul_record_coopmat2(stream, p, plan, to, epilogue); return;
    case KERNEL_LANES:
    case KERNEL_TEXEL: break;
    }
    if (p->compute != COMPUTE_F32) {
        rounded = record_rounded(stream, p, space, first, count);
        p       = &rounded;
        first   = 0;
    }
    (plan->kernel == KERNEL_LANES ? matmul_record_lanes : matmul_record_texel)(stream, p, plan, to, epilogue, first,
                                                                               count);
}

/* --- one piece ---------------------------------------------------------------------------------------------------- */

/* The plan, or the one that takes every shape if the product's spans or workspace do not fit. */
static MatmulPlan plan_piece(GpuStream *stream, const Matmul *p)
{
    const MatmulPlan plan  = matmul_plan_as(stream, p->variant, p->compute, p->layout, p->m, p->n, p->k);
    const uint64_t   pass  = pass_bytes(&plan, p->compute, p->layout, p->m, p->n);
    const uint64_t   wants = (p->panels.buffer != NULL ? 0 : gpu_align(plan.panel_bytes)) + pass;
    const bool       room  = wants == 0 || (p->workspace.buffer != NULL && p->workspace.size >= wants);
    Matmul           read  = *p;
    if (plan.kernel == KERNEL_COOPMAT2 && !coopmat2_takes(p, &plan)) {
        return matmul_plan_tiled(stream, p->layout, p->m, p->n, p->k);
    }
    if (pass > 0) { /* rounded operands start at whole vec4s; in place of the ones as they are */
        read.a = read.b = gpu_span_slice(p->workspace, 0, room ? pass : 0);
        read.lda = read.ldb = 0;
    }
    return !rounds_itself(&plan) && (!room || pass > operand_limit(stream) || !matmul_fits_vec4s(&read))
               ? matmul_plan_tiled(stream, p->layout, p->m, p->n, p->k)
               : plan;
}

/* A product whose tensors each fit one binding, strides filled in. */
static void matmul_piece(GpuStream *stream, const Matmul *p);

/* The same in pieces of k. */
static void matmul_by_k(GpuStream *stream, const Matmul *p, uint32_t step)
{
    for (uint32_t first = 0; first < p->k; first += step) {
        Matmul piece = part_of_k(p, first, p->k - first < step ? p->k - first : step);
        if (first > 0) { /* the first piece brought in the rest */
            piece.accumulate  = true;
            piece.add.buffer  = NULL;
            piece.bias.buffer = NULL;
        }
        matmul_piece(stream, &piece);
    }
}

static void matmul_piece(GpuStream *stream, const Matmul *p)
{
    if (matmul_takes_few(stream, p) && p->ldb % 4 == 0 && p->b.offset % GPU_ALIGNMENT == 0) {
        const MatmulWeight f32 = {.row_words = p->ldb, .data = p->b, .scales = p->b};
        matmul_record_few(stream, p, &f32);
        return;
    }
    MatmulPlan plan = plan_piece(stream, p);
    if (plan.kernel == KERNEL_TILED && p->k > matmul_tiled_longest(stream)) {
        matmul_by_k(stream, p, matmul_tiled_longest(stream));
        return;
    }
    const uint64_t pass        = pass_bytes(&plan, p->compute, p->layout, p->m, p->n);
    const uint64_t planes_size = planes_bytes(&plan, p->m, p->n), offset = gpu_align(plan.panel_bytes) + pass;
    const GpuSpan  space = pass > 0 ? gpu_span_slice(p->workspace, gpu_align(plan.panel_bytes), pass) : p->c;
    const bool     bound = is_bindable(p->c) && is_bindable(p->add) && is_bindable(p->bias); /* by gemm_reduce */
    const bool     split = plan.slices > 1 && bound && p->workspace.buffer != NULL &&
                       p->workspace.size >= offset + planes_size && planes_size <= operand_limit(stream);
    if (!split) {
        plan.slices  = 1;
        plan.k_slice = plan.k_pass;
    }
    const uint64_t     before = offset + (split ? gpu_align(planes_size) : 0);
    const MatmulHalves halves = matmul_halves(&plan, p->layout, p->m, p->n, p->k);
    Matmul             rounded;
    if (p->workspace.buffer != NULL && p->workspace.size >= before + halves.a + halves.b) {
        rounded = matmul_record_operands(stream, p, halves, gpu_span_slice(p->workspace, before, halves.a + halves.b));
        p       = &rounded;
    }
    const uint32_t epilogue = matmul_epilogue(p);
    const GpuSpan  planes   = split ? gpu_span_slice(p->workspace, offset, planes_size) : p->c;
    for (uint32_t k = 0; k < plan.k_main; k += plan.k_pass) {
        const uint32_t add   = k == 0 ? epilogue : ADD_C; /* the first pass brings in the rest */
        const uint32_t count = plan.k_main - k < plan.k_pass ? plan.k_main - k : plan.k_pass;
        if (split) { /* the last pass may be shorter */
            plan.slices = ceil_div(count, plan.k_slice);
        }
        const GpuSpan  to  = split ? planes : p->c;
        const uint32_t now = split ? 0 : add;
        record_pass(stream, p, &plan, space, to, now, k, count);
        if (split) {
            matmul_record_reduce(stream, p, &plan, planes, add);
        }
    }
    if (plan.k_main < p->k) {
        plan.slices = 1;
        record_pass(stream, p, &plan, space, p->c, plan.k_main == 0 ? epilogue : ADD_C, plan.k_main,
                    p->k - plan.k_main);
    }
}

/* How many lines of `stride` floats fit: if possible so many that the next piece starts at a bindable place, or at a
 * whole vec4. */
static uint32_t lines_that_fit(uint64_t limit, uint64_t stride, uint32_t lines)
{
    const uint64_t fit = limit / (4 * stride);
    if (fit >= lines) {
        return lines;
    }
    return (uint32_t)(fit >= 64 ? fit & ~(uint64_t)63 : fit >= 4 ? fit & ~(uint64_t)3 : fit);
}

/* The product in pieces of the tensor that does not grow with the batch (the weight, or its gradient), where that is
 * more than one binding: a piece of B's rows is for NT a piece of C's columns, for NN a piece of k; TN takes C by rows.
 */
static void matmul_by_weight(GpuStream *stream, const Matmul *p, uint32_t step)
{
    const uint32_t lines  = p->layout == MATMUL_NN ? p->k : p->layout == MATMUL_NT ? p->n : p->m;
    uint64_t       packed = 0; /* bytes of the panels of earlier pieces */
    for (uint32_t first = 0; first < lines; first += step) {
        Matmul         piece = *p;
        const uint32_t count = lines - first < step ? lines - first : step;
        const uint64_t skip  = (uint64_t)first * 4;
        switch (p->layout) {
        case MATMUL_NT:
            piece.n      = count;
            piece.n_room = matmul_piece_room(p, first, count);
            piece.b      = b_rows(p, first, count, p->k);
            piece.c      = gpu_span_slice(p->c, skip, (((uint64_t)p->m - 1) * p->ldc + count) * 4);
            if (p->add.buffer != NULL) {
                piece.add = gpu_span_slice(p->add, skip, (((uint64_t)p->m - 1) * p->ldc + count) * 4);
            }
            if (p->bias.buffer != NULL) {
                piece.bias = gpu_span_slice(p->bias, skip, (uint64_t)count * 4);
            }
            break;
        case MATMUL_NN:
            piece.k = count;
            piece.a = gpu_span_slice(p->a, first * a_size(p), (((uint64_t)p->m - 1) * p->lda + count) * a_size(p));
            piece.b = b_rows(p, first, count, p->n);
            if (first > 0) { /* the first piece brought in the rest */
                piece.accumulate  = true;
                piece.add.buffer  = NULL;
                piece.bias.buffer = NULL;
            }
            break;
        case MATMUL_TN:
            piece.m = count;
            piece.a = gpu_span_slice(p->a, first * a_size(p), (((uint64_t)p->k - 1) * p->lda + count) * a_size(p));
            piece.c = matrix_rows(p->c, first, count, p->n, p->ldc);
            if (p->add.buffer != NULL) {
                piece.add = matrix_rows(p->add, first, count, p->n, p->ldc);
            }
            break;
        }
        if (p->panels.buffer != NULL) {
            const uint64_t bytes = matmul_piece_panels(stream, p->layout, piece.n, piece.k);
            piece.panels         = gpu_span_slice(p->panels, packed, bytes);
            packed += bytes;
        }
        matmul(stream, &piece);
    }
}

uint32_t matmul_weight_step(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k, uint32_t ldb,
                            uint32_t ldc)
{
    const uint64_t limit = operand_limit(stream);
    return layout == MATMUL_TN ? lines_that_fit(limit, ldc, m)
                               : lines_that_fit(limit, ldb, layout == MATMUL_NT ? n : k);
}

static Matmul with_strides(const Matmul *matmul)
{
    Matmul     p  = *matmul;
    const bool tn = p.layout == MATMUL_TN, nt = p.layout == MATMUL_NT;
    p.panels = p.compute == COMPUTE_F32 ? p.panels : (GpuSpan){0};
    p.lda    = p.lda != 0 ? p.lda : tn ? p.m : p.k;
    p.ldb    = p.ldb != 0 ? p.ldb : nt ? p.k : p.n;
    p.ldc    = p.ldc != 0 ? p.ldc : p.n;
    return p;
}

/* Rows of A per piece: for TN these run along k (and so do B's), else along m (and so do C's). */
static uint32_t rows_step(GpuStream *stream, const Matmul *p)
{
    const bool     tn     = p->layout == MATMUL_TN;
    const uint64_t widest = tn ? (p->lda > p->ldb ? p->lda : p->ldb) : (p->lda > p->ldc ? p->lda : p->ldc);
    return lines_that_fit(operand_limit(stream), widest, tn ? p->k : p->m);
}

bool matmul_in_one_piece(GpuStream *stream, const Matmul *product, MatmulPlan *plan)
{
    const Matmul p = with_strides(product);
    if (p.m == 0 || p.n == 0 || p.k == 0 || matmul_takes_few(stream, &p)) {
        return false;
    }
    *plan = plan_piece(stream, &p);
    return plan->slices == 1 && plan->k_pass >= p.k &&
           (plan->kernel != KERNEL_TILED || p.k <= matmul_tiled_longest(stream)) &&
           rows_step(stream, &p) >= (p.layout == MATMUL_TN ? p.k : p.m) &&
           matmul_weight_step(stream, p.layout, p.m, p.n, p.k, p.ldb, p.ldc) >= (p.layout == MATMUL_TN   ? p.m
                                                                                 : p.layout == MATMUL_NT ? p.n
                                                                                                         : p.k);
}

void matmul(GpuStream *stream, const Matmul *matmul)
{
    const Matmul p = with_strides(matmul);
    if (p.m == 0 || p.n == 0 || p.k == 0) {
        return;
    }
    const bool     tn = p.layout == MATMUL_TN, nt = p.layout == MATMUL_NT;
    const uint32_t b_lines = nt ? p.n : p.k, b_width = nt ? p.k : p.n;
    const uint32_t rows = tn ? p.k : p.m, step = rows_step(stream, &p);
    const uint32_t lines = matmul_weight_step(stream, p.layout, p.m, p.n, p.k, p.ldb, p.ldc);
    if (step == 0 || lines == 0) {
        gpu_stream_fail(stream, STATUS_FAILED, "matrix product: one row is more than the device binds at once");
        return;
    }
    if (lines < (tn ? p.m : b_lines)) {
        matmul_by_weight(stream, &p, lines);
        return;
    }
    for (uint32_t row = 0; row < rows; row += step) {
        Matmul         piece = p;
        const uint32_t count = rows - row < step ? rows - row : step;
        if (tn) {
            piece.k = count;
            piece.a = a_rows(&p, row, count, p.m);
            piece.b = b_rows(&p, row, count, p.n);
            piece.c = matrix_rows(p.c, 0, p.m, p.n, p.ldc);
            if (row > 0) { /* the first piece brought in the rest */
                piece.accumulate  = true;
                piece.add.buffer  = NULL;
                piece.bias.buffer = NULL;
            }
        } else {
            piece.m = count;
            piece.a = a_rows(&p, row, count, p.k);
            piece.b = b_rows(&p, 0, b_lines, b_width);
            piece.c = matrix_rows(p.c, row, count, p.n, p.ldc);
            if (p.add.buffer != NULL) {
                piece.add = matrix_rows(p.add, row, count, p.n, p.ldc);
            }
        }
        matmul_piece(stream, &piece);
    }
}

uint64_t matmul_variant_workspace(GpuStream *stream, const MatmulVariant *variant, ComputeType compute,
                                  MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    if (m == 0 || n == 0 || k == 0) {
        return 0;
    }
    const uint32_t lines = matmul_weight_step(stream, layout, m, n, k, layout == MATMUL_NT ? k : n, n);
    if (layout == MATMUL_NT && lines > 0) { /* pieces of the weight use it one after another */
        n = lines;
    } else if (layout == MATMUL_TN && lines > 0) {
        m = lines;
    }
    const MatmulPlan   plan   = matmul_plan_as(stream, variant, compute, layout, m, n, k);
    const MatmulHalves halves = matmul_halves(&plan, layout, m, n, k);
    return gpu_align(plan.panel_bytes) + pass_bytes(&plan, compute, layout, m, n) +
           gpu_align(planes_bytes(&plan, m, n)) + halves.a + halves.b;
}

uint64_t matmul_workspace_as(GpuStream *stream, ComputeType compute, MatmulLayout layout, uint32_t m, uint32_t n,
                             uint32_t k)
{
    return matmul_variant_workspace(stream, NULL, compute, layout, m, n, k);
}
