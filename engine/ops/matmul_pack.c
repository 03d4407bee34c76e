/* B in panels, as gemm_lanes.comp reads it: for one pass of a product, or once for many products. */
#include "engine/ops/matmul_parts.h"

/* Bytes of the panels of n columns. */
static uint64_t panels_size(const MatmulPlan *plan, uint32_t n, uint32_t k)
{
    return (uint64_t)ceil_div(n, plan->tile_n) * plan->tile_n * matmul_panel_length(k) * 4;
}

GpuSpan matmul_panels_pass(GpuSpan panels, const MatmulPlan *plan, uint32_t n, uint32_t first, uint32_t count)
{
    return gpu_span_slice(panels, panels_size(plan, n, first), panels_size(plan, n, count));
}

void matmul_record_pack(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan panels, uint32_t first,
                        uint32_t count)
{
    const bool     padded = count % plan->tile_k != 0;
    const uint32_t length = matmul_panel_length(count), step = padded ? PADDED_STEP : PACK_STEP;
    const uint64_t b_step = p->layout == MATMUL_NT ? 1 : p->ldb;
    const struct {
        uint64_t b, panels;
        uint32_t n, ldb, count, k;
    } push = {gpu_span_address(p->b) + first * b_step * 4, gpu_span_address(panels), p->n, p->ldb, length, count};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_pack",
                                        .spec       = {gpu_info(gpu_stream_gpu(stream))->subgroup_size,
                                                 p->layout == MATMUL_NT ? MATMUL_NT : MATMUL_NN, 0, step, padded},
                                        .spec_count = 5,
                                        .flops      = -1,
                                        .bind = {gpu_by_address(panels, GPU_WRITE), gpu_by_address(p->b, GPU_READ)},
                                        .push = &push,
                                        .push_size = sizeof push,
                                        .groups    = {length / step, ceil_div(p->n, plan->tile_n), 1}});
}

/* --- once for many products ----------------------------------------------------------------- */

uint64_t matmul_piece_panels(GpuStream *stream, MatmulLayout layout, uint32_t n, uint32_t k)
{
    const MatmulPlan plan = matmul_plan(stream, layout, 1, n, k);
    return plan.kernel == KERNEL_LANES ? gpu_align(panels_size(&plan, n, k)) : 0;
}

uint32_t matmul_panel_lines(GpuStream *stream, MatmulLayout layout, uint32_t n, uint32_t k, uint32_t first)
{
    const bool     nt    = layout == MATMUL_NT;
    const uint32_t lines = nt ? n : k, step = matmul_weight_step(stream, layout, 1, n, k, nt ? k : n, n);
    return lines - first < step ? lines - first : step;
}

uint64_t matmul_panel_bytes(GpuStream *stream, MatmulLayout layout, uint32_t n, uint32_t k)
{
    const bool nt    = layout == MATMUL_NT;
    uint64_t   bytes = 0;
    if (layout == MATMUL_TN || n == 0 || k == 0 || (nt ? k : n) % 4 != 0) {
        return 0;
    }
    for (uint32_t first = 0; first < (nt ? n : k);) {
        const uint32_t lines = matmul_panel_lines(stream, layout, n, k, first);
        const uint64_t piece = lines > 0 ? matmul_piece_panels(stream, layout, nt ? lines : n, nt ? k : lines) : 0;
        if (piece == 0) {
            return 0;
        }
        bytes += piece;
        first += lines;
    }
    return bytes;
}

/* Of a piece, pass by pass. */
static void pack_piece(GpuStream *stream, const Matmul *p)
{
    const MatmulPlan plan = matmul_plan(stream, p->layout, 1, p->n, p->k);
    for (uint32_t first = 0; first < p->k;) {
        const uint32_t end   = first < plan.k_main ? plan.k_main : p->k;
        const uint32_t count = first < plan.k_main && end - first > plan.k_pass ? plan.k_pass : end - first;
        matmul_record_pack(stream, p, &plan, matmul_panels_pass(p->panels, &plan, p->n, first, count), first, count);
        first += count;
    }
}

void matmul_pack(GpuStream *stream, const Matmul *product)
{
    const bool     nt     = product->layout == MATMUL_NT;
    const uint64_t width  = nt ? product->k : product->n;
    const uint64_t bytes  = matmul_panel_bytes(stream, product->layout, product->n, product->k);
    uint64_t       packed = 0;
    if (bytes == 0 || product->panels.size < bytes || gpu_span_address(product->b) % 16 != 0) {
        gpu_stream_fail(stream, STATUS_FAILED, "packing a matrix: no panels for it, or not where they could be");
        return;
    }
    for (uint32_t first = 0; first < (nt ? product->n : product->k);) {
        const uint32_t lines = matmul_panel_lines(stream, product->layout, product->n, product->k, first);
        Matmul         piece = *product;
        piece.n              = nt ? lines : product->n;
        piece.k              = nt ? product->k : lines;
        piece.ldb            = (uint32_t)width;
        piece.b              = gpu_span_slice(product->b, first * width * 4, lines * width * 4);
        piece.panels =
            gpu_span_slice(product->panels, packed, matmul_piece_panels(stream, product->layout, piece.n, piece.k));
        pack_piece(stream, &piece);
        packed += piece.panels.size;
        first += lines;
    }
}
