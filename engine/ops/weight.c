#include "engine/ops/weight.h"

#include "engine/ops/embedding.h"
#include "engine/ops/matmul_pairs.h"
#include "engine/ops/ops.h"
#include "engine/ops/weight_parts.h"

enum { PANEL_FLOATS = 512 << 10 }; /* of a dequantized panel: what a second-level cache may hold */

/* Rows of a panel: all, or a multiple of 64, so that what is cut at them starts where every device can bind. 0: the
 * device has no use for panels, or binds none at once. A product takes a panel whole: in pieces its sums would differ
 * from those of the few rows that do without one. */
static uint32_t panel_rows(GpuStream *stream, uint32_t rows, uint32_t columns)
{
    const uint64_t bound = (gpu_info(gpu_stream_gpu(stream))->max_binding_bytes - GPU_ALIGNMENT) / 4 / columns;
    const uint64_t fit = PANEL_FLOATS / columns > 64 ? PANEL_FLOATS / columns : 64, most = fit < bound ? fit : bound;
    return !matmul_prefers_f32(stream) ? 0 : rows <= most ? rows : (uint32_t)(most & ~(uint64_t)63);
}

/* Of the workspace, before what the product itself wants; 0: not used. */
static uint64_t panel_bytes(GpuStream *stream, uint32_t rows, uint32_t columns)
{
    return columns > 0 ? gpu_align((uint64_t)panel_rows(stream, rows, columns) * columns * 4) : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t weight_workspace_as(GpuStream *stream, ComputeType compute, uint32_t m, uint32_t rows, uint32_t columns)
{
    const uint64_t panel = panel_bytes(stream, rows, columns);
    const uint32_t count = panel > 0 ? panel_rows(stream, rows, columns) : 0;
    if (panel == 0) {
        return compute != COMPUTE_F32 ? weight_halves_workspace(stream, compute, m, rows, columns) : 0;
    }
    const uint64_t nt   = matmul_workspace_as(stream, compute, MATMUL_NN, m, count, columns);
    const uint64_t nn   = matmul_workspace_as(stream, compute, MATMUL_NN, m, columns, count);
    const uint64_t same = compute == COMPUTE_F32
                              ? 0 /* a weight of the compute type is an operand as it is */
                              : larger(matmul_workspace_as(stream, compute, MATMUL_NT, m, rows, columns),
                                       matmul_workspace_as(stream, compute, MATMUL_NN, m, columns, rows));
    return larger(panel + larger(nt, nn), same);
}

/* Rows [first, first + count) of a weight. */
static Weight weight_slice(const Weight *w, uint32_t first, uint32_t count)
{
    const uint64_t words  = (uint64_t)weight_row_words(w->format, w->columns) * 4;
    const uint64_t scales = (uint64_t)weight_row_scales(w->format, w->columns) * 4;
    Weight         slice  = *w;
    slice.rows            = count;
    slice.data            = gpu_span_slice(w->data, first * words, count * words);
    slice.scales          = scales > 0 ? gpu_span_slice(w->scales, first * scales, count * scales) : slice.data;
    return slice;
}

/* Rows [first, first + rows) of a matrix of elements of `size` bytes, `width` of them each, `stride` apart, from
 * `column` on. */
static GpuSpan elements(GpuSpan matrix, uint64_t size, uint64_t first, uint64_t rows, uint64_t column, uint64_t width,
                        uint64_t stride)
{
    return gpu_span_slice(matrix, (first * stride + column) * size, ((rows - 1) * stride + width) * size);
}

/* The same of floats. */
static GpuSpan part(GpuSpan matrix, uint64_t first, uint64_t rows, uint64_t column, uint64_t width, uint64_t stride)
{
    return elements(matrix, 4, first, rows, column, width, stride);
}

/* The part of a product that rows [first, first + count) of the weight make. */
static Matmul piece_of(const Matmul *p, uint32_t first, uint32_t count)
{
    Matmul piece = *p;
    if (p->layout == MATMUL_NT) {
        piece.n      = count;
        piece.n_room = matmul_piece_room(p, first, count);
        piece.c      = part(p->c, 0, p->m, first, count, p->ldc);
        if (p->add.buffer != NULL) {
            piece.add = part(p->add, 0, p->m, first, count, p->ldc);
        }
        if (p->bias.buffer != NULL) {
            piece.bias = gpu_span_slice(p->bias, (uint64_t)first * 4, (uint64_t)count * 4);
        }
        return piece;
    }
    piece.k = count;
    piece.a = elements(p->a, a_size(p), 0, p->m, first, count, p->lda);
    if (first > 0) { /* the first piece brought in the rest */
        piece.accumulate  = true;
        piece.add.buffer  = NULL;
        piece.bias.buffer = NULL;
    }
    return piece;
}

/* --- a panel, then the f32 product --------------------------------------------------------- */

static void dequantize(GpuStream *stream, GpuSpan to, const Weight *w, bool transposed, uint32_t pitch)
{
    const uint32_t blocks = ceil_div(w->columns, WEIGHT_BLOCK), group = ops_group_elements(stream);
    const uint32_t push[6] = {
        w->rows, w->columns, blocks, weight_row_words(w->format, w->columns), weight_row_scales(w->format, w->columns),
        pitch};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "dequantize",
                                        .spec       = {group, w->format, transposed},
                                        .spec_count = 3,
                                        .bind       = {gpu_write(to), gpu_read(w->data), gpu_read(w->scales)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)w->rows * blocks, group)});
}

/* W lies in the panel, the workspace's first bytes, as the B of an NN product. */
static void record_panel(GpuStream *stream, const Matmul *p, const Weight *w, uint64_t panel)
{
    Matmul     product    = *p;
    const bool transposed = p->layout == MATMUL_NT;
    product.layout        = MATMUL_NN;
    product.ldb           = p->n;
    product.b             = gpu_span_slice(p->workspace, 0, (uint64_t)w->rows * w->columns * 4);
    product.workspace     = gpu_span_slice(p->workspace, panel, p->workspace.size - panel);
    dequantize(stream, product.b, w, transposed, p->n);
    matmul(stream, &product);
}

/* --- dequantized in the product's tiles ------------------------------------------------------- */

/* k in [first, end). */
static void record_tiled(GpuStream *stream, const Matmul *p, const Weight *w, uint32_t epilogue, uint32_t first,
                         uint32_t end)
{
    const bool     cpu = gpu_info(gpu_stream_gpu(stream))->type == GPU_CPU;
    const uint32_t reg = 4, tile = cpu ? 32 : 64, side = tile / reg;
    uint32_t       before[4];
    const GpuSpan  c = matmul_bindable(p->c, 4, &before[0]), a = matmul_bindable(p->a, a_size(p), &before[1]);
    const GpuSpan  add      = matmul_bindable(epilogue & ADD_MATRIX ? p->add : p->a, 4, &before[2]);
    const GpuSpan  bias     = matmul_bindable(epilogue & ADD_BIAS ? p->bias : p->a, 4, &before[3]);
    const uint32_t push[14] = {p->m,
                               p->n,
                               p->k,
                               first,
                               end,
                               p->lda,
                               p->ldc,
                               weight_row_words(w->format, w->columns),
                               weight_row_scales(w->format, w->columns),
                               epilogue,
                               before[0],
                               before[1],
                               before[2],
                               before[3]};
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "gemm_weight",
                                        .spec = {side * side, p->layout, tile, reg, w->format, p->compute, p->a_halves},
                                        .spec_count = 7,
                                        .flops      = 2.0 * p->m * p->n * (end - first),
                                        .bind       = {epilogue & ADD_C ? gpu_read_write(c) : gpu_write(c), gpu_read(a),
                                                 gpu_read(add), gpu_read(bias), gpu_read(w->data), gpu_read(w->scales)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = {ceil_div(p->n, tile), ceil_div(p->m, tile), 1}});
}

/* In pieces of rows whose A and C each fit one binding. */
static void record_rows(GpuStream *stream, const Matmul *p, const Weight *w)
{
    const MatmulWeight weight = {.format     = w->format,
                                 .row_words  = weight_row_words(w->format, w->columns),
                                 .row_scales = weight_row_scales(w->format, w->columns),
                                 .data       = w->data,
                                 .scales     = w->scales};
    if (matmul_takes_few(stream, p)) {
        matmul_record_few(stream, p, &weight);
        return;
    }
    const uint64_t widest = p->lda > p->ldc ? p->lda : p->ldc;
    const uint64_t limit  = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes - GPU_ALIGNMENT;
    const uint64_t fit    = limit / (4 * widest);
    const uint32_t step   = fit < p->m ? (uint32_t)fit : p->m;
    if (step == 0) {
        gpu_stream_fail(stream, STATUS_FAILED,
                        "product with a frozen weight: a row is more than the device binds at once");
        return;
    }
    for (uint32_t row = 0; row < p->m; row += step) {
        Matmul piece = *p;
        piece.m      = p->m - row < step ? p->m - row : step;
        piece.a      = elements(p->a, a_size(p), row, piece.m, 0, p->k, p->lda);
        piece.c      = part(p->c, row, piece.m, 0, p->n, p->ldc);
        if (p->add.buffer != NULL) {
            piece.add = part(p->add, row, piece.m, 0, p->n, p->ldc);
        }
        MatmulPlan plan;
        if (weight_plan_on_units(stream, &piece, &plan)) {
            matmul_record_coopmat_weight(stream, &piece, &plan, &weight);
        } else if (matmul_suits_texel_weight(stream, &piece, w->format)) {
            matmul_record_texel_weight(stream, &piece, &weight);
        } else {
            const uint32_t longest = matmul_tiled_longest(stream);
            for (uint32_t k = 0; k < piece.k; k += longest) { /* the first brings in the rest */
                record_tiled(stream, &piece, w, k == 0 ? matmul_epilogue(&piece) : ADD_C, k,
                             piece.k - k < longest ? piece.k : k + longest);
            }
        }
    }
}

/* Rows of a weight whose data and scales each fit one binding: all, or so many that both begin where every device
 * can bind. 0 if not even those fit. */
static uint32_t rows_per_binding(GpuStream *stream, const Weight *w)
{
    const uint64_t words = weight_row_words(w->format, w->columns), scales = weight_row_scales(w->format, w->columns);
    const uint64_t bound = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes / 4 / words;
    uint64_t       unit  = GPU_ALIGNMENT / 4;
    while (unit > 1 && unit / 2 * words % (GPU_ALIGNMENT / 4) == 0 && unit / 2 * scales % (GPU_ALIGNMENT / 4) == 0) {
        unit /= 2;
    }
    return w->rows <= bound ? w->rows : (uint32_t)(bound / unit * unit);
}

/* Whether its values are stored in the (16-bit) compute type. */
static bool is_of(const Weight *w, ComputeType compute)
{
    return (compute == COMPUTE_BF16 && w->format == WEIGHT_BF16) || (compute == COMPUTE_F16 && w->format == WEIGHT_F16);
}

/* --- in panels, once for many products ------------------------------------------------------- */

uint64_t weight_panel_bytes(GpuStream *stream, const Weight *w)
{
    return rows_per_binding(stream, w) > 0 ? matmul_panel_bytes(stream, MATMUL_NT, w->rows, w->columns) : 0;
}

/* Rows [first, first + w->rows) of the n whose panels these are. */
static void dequantize_panels(GpuStream *stream, GpuSpan panels, const Weight *w, uint32_t first, uint32_t n)
{
    const MatmulPlan plan   = matmul_plan(stream, MATMUL_NT, 1, n, w->columns);
    const uint32_t   blocks = ceil_div(w->columns, WEIGHT_BLOCK);
    const struct {
        uint64_t panels;
        uint32_t rows, columns, blocks, row_words, row_scales, first, n, k_main, k_pass, padding;
    } push               = {gpu_span_address(panels),
                            w->rows,
                            w->columns,
                            blocks,
                            weight_row_words(w->format, w->columns),
                            weight_row_scales(w->format, w->columns),
                            first,
                            matmul_whole(n),
                            plan.k_main,
              plan.k_main > 0 ? plan.k_pass : 1,
                            0};
    const uint32_t lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "dequantize_panels",
                                .spec       = {lanes, w->format},
                                .spec_count = 2,
                                .bind = {gpu_read(w->data), gpu_read(w->scales), gpu_by_address(panels, GPU_WRITE)},
                                .push = &push,
                                .push_size = sizeof push,
                                .groups    = gpu_groups((uint64_t)w->rows * blocks, lanes)});
}

void weight_pack(GpuStream *stream, GpuSpan panels, const Weight *w)
{
    if (w->format == WEIGHT_F32) {
        matmul_pack(stream,
                    &(Matmul){.layout = MATMUL_NT, .b = w->data, .n = w->rows, .k = w->columns, .panels = panels});
        return;
    }
    const uint32_t bound = rows_per_binding(stream, w);
    if (bound == 0 || weight_panel_bytes(stream, w) == 0 || panels.size < weight_panel_bytes(stream, w)) {
        gpu_stream_fail(stream, STATUS_FAILED, "packing a frozen weight: no panels for it, or too little room");
        return;
    }
    for (uint32_t first = 0, lines; first < w->rows; first += lines) {
        lines               = matmul_panel_lines(stream, MATMUL_NT, w->rows, w->columns, first);
        const uint64_t size = matmul_piece_panels(stream, MATMUL_NT, lines, w->columns);
        for (uint32_t row = 0; row < lines; row += bound) {
            const Weight slice = weight_slice(w, first + row, lines - row < bound ? lines - row : bound);
            dequantize_panels(stream, gpu_span_slice(panels, 0, size), &slice, row, lines);
        }
        panels = gpu_span_slice(panels, size, panels.size - size);
    }
}

/* --- the product ------------------------------------------------------------------------------ */

/* The product in the weight's compute type; with it as its B, if the product reads it as it is. */
static Matmul operand_of(const Matmul *product, const Weight *w)
{
    Matmul p   = *product;
    p.compute  = w->compute;
    p.b_halves = is_of(w, p.compute);
    if (w->format == WEIGHT_F32 || p.b_halves) {
        p.b   = w->data;
        p.ldb = p.b_halves ? 2 * weight_row_words(w->format, w->columns) : 0;
    }
    return p;
}

void weight_matmul(GpuStream *stream, const Matmul *product, const Weight *w)
{
    Matmul p = operand_of(product, w);
    if (w->format == WEIGHT_F32 || p.b_halves) {
        matmul(stream, &p);
        return;
    }
    if (p.m == 0) {
        return;
    }
    const bool nt = p.layout == MATMUL_NT;
    if (p.layout == MATMUL_TN || (nt ? p.n : p.k) != w->rows || (nt ? p.k : p.n) != w->columns) {
        gpu_stream_fail(stream, STATUS_FAILED, "product with a frozen weight: not of its shape");
        return;
    }
    p.lda = p.lda != 0 ? p.lda : p.k;
    p.ldc = p.ldc != 0 ? p.ldc : p.n;
    if (p.panels.buffer != NULL && p.compute == COMPUTE_F32 && matmul_fits_vec4s(&p)) {
        p.b   = (GpuSpan){0};
        p.ldb = 0;
        matmul(stream, &p);
        return;
    }
    p.panels                 = (GpuSpan){0};
    const uint64_t workspace = p.workspace.buffer != NULL ? p.workspace.size : 0;
    const uint32_t panel = panel_rows(stream, w->rows, w->columns), bound = rows_per_binding(stream, w);
    const bool     texels = matmul_suits_texel_weight(stream, &p, w->format);
    MatmulPlan     plan;
    const bool     panels = panel > 0 && panel_bytes(stream, w->rows, w->columns) <= workspace && !texels &&
                        !weight_plan_on_units(stream, &p, &plan);
    /* Texels: pieces start at a multiple of 16 bytes, so that none needs another kernel, of a hundredth of the speed.
     */
    const uint32_t step = panels && panel < bound ? panel : texels && bound < w->rows ? bound & ~3u : bound;
    if (step == 0) {
        gpu_stream_fail(stream, STATUS_FAILED,
                        "product with a frozen weight: a few of its rows are more than the device binds at once");
        return;
    }
    for (uint32_t first = 0; first < w->rows; first += step) {
        const uint32_t count = w->rows - first < step ? w->rows - first : step;
        const Weight   slice = weight_slice(w, first, count);
        const Matmul   piece = piece_of(&p, first, count);
        if (panels && matmul_is_fast(stream, MATMUL_NN, piece.m, piece.n, piece.k)) {
            record_panel(stream, &piece, &slice, panel_bytes(stream, w->rows, w->columns));
        } else if (weight_takes_halves(stream, &piece)) {
            weight_record_halves(stream, &piece, &slice);
        } else {
            record_rows(stream, &piece, &slice);
        }
    }
}

bool weight_takes_pairs(GpuStream *stream, const Matmul *product, const Weight *w)
{
    const uint64_t bound = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes - GPU_ALIGNMENT;
    Matmul         p     = operand_of(product, w);
    MatmulPlan     plan;
    if (w->format == WEIGHT_F32 || p.b_halves) {
        return matmul_takes_pairs(stream, &p);
    }
    p.lda = p.lda != 0 ? p.lda : p.k;
    p.ldc = p.ldc != 0 ? p.ldc : p.n;
    return p.m > 0 && panel_rows(stream, w->rows, w->columns) == 0 && !matmul_takes_few(stream, &p) &&
           !weight_takes_halves(stream, &p) && weight_plan_on_units(stream, &p, &plan) &&
           matmul_pairs_on_units(stream, &p, &plan) && rows_per_binding(stream, w) >= w->rows &&
           4 * (uint64_t)p.m * (p.lda > p.ldc ? p.lda : p.ldc) <= bound;
}

void weight_embedding(GpuStream *stream, GpuSpan y, const Weight *w, GpuSpan ids, uint32_t tokens)
{
    if (w->format == WEIGHT_F32) {
        embedding_forward(stream, y, w->data, ids, tokens, w->columns, w->rows);
        return;
    }
    const uint32_t step = rows_per_binding(stream, w);
    if (step == 0) {
        gpu_stream_fail(stream, STATUS_FAILED, "embedding: a few rows of the table exceed what the device can bind");
        return;
    }
    for (uint32_t first = 0; first < w->rows; first += step) {
        const uint32_t count   = w->rows - first < step ? w->rows - first : step;
        const Weight   slice   = weight_slice(w, first, count);
        const uint32_t push[6] = {tokens,
                                  w->columns,
                                  first,
                                  count,
                                  weight_row_words(w->format, w->columns),
                                  weight_row_scales(w->format, w->columns)};
        gpu_dispatch(stream, &(GpuDispatch){.kernel     = "embedding",
                                            .spec       = {ops_group_row(stream), w->format},
                                            .spec_count = 2,
                                            .bind       = {gpu_write(y), gpu_read(slice.data), gpu_read(ids),
                                                           gpu_read(slice.data), gpu_read(slice.scales)},
                                            .push       = push,
                                            .push_size  = sizeof push,
                                            .groups     = gpu_groups(tokens, 1),
                                            .bytes = (4.0 * w->columns + (double)slice.data.size / count) * tokens *
                                                     count / w->rows});
    }
}
