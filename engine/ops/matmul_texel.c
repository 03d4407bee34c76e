/* Products with a frozen weight on old lavapipe: shaders/gemm_texel_weight.comp. */
#include "engine/io/quantize.h"
#include "engine/ops/matmul_parts.h"
#include "engine/ops/texels.h"

/* Workgroups that a device allows in one direction; neighbours that are dequantized together. */
enum { MOST_GROUPS = 65535, EIGHT = 8 };

GpuSpan matmul_whole_texels(GpuSpan span)
{
    span.size = (span.size + 15) & ~(uint64_t)15;
    return span;
}

bool matmul_suits_texel_weight(GpuStream *stream, const Matmul *p, WeightFormat format)
{
    const bool nt     = p->layout == MATMUL_NT;
    Matmul     places = *p;
    places.a.size = places.c.size = 0; /* they come in pieces */
    return matmul_has_texel(gpu_info(gpu_stream_gpu(stream))) && p->compute == COMPUTE_F32 && format != WEIGHT_F32 &&
           p->layout != MATMUL_TN && p->n >= TEXEL_COLUMNS && p->n <= MOST_GROUPS * TEXEL_COLUMNS &&
           p->k % (nt ? EIGHT : TEXEL_STEP) == 0 && (nt || p->n % EIGHT == 0) && matmul_fits_vec4s(&places);
}

void matmul_record_texel_weight(GpuStream *stream, const Matmul *p, const MatmulWeight *w)
{
    const uint32_t  lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size, epilogue = matmul_epilogue(p);
    const TexelTile tile    = matmul_texel_tile(p->layout, lanes, p->m, p->n);
    const uint32_t  push[7] = {p->m, p->n, p->k, p->lda / 4, p->ldc, w->row_words / 4, w->row_scales};
    const GpuSpan   scales  = w->row_scales > 0 ? matmul_whole_texels(w->scales) : gpu_span_slice(w->data, 0, 16);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_texel_weight",
                                        .spec       = {lanes, p->layout, epilogue, tile.down, tile.rows, w->format},
                                        .spec_count = 6,
                                        .flops      = 2.0 * p->m * p->n * p->k,
                                        .bind       = {epilogue & ADD_C ? gpu_read_write(p->c) : gpu_write(p->c),
                                                 gpu_texel(p->a), gpu_texel(matmul_whole_texels(w->data)),
                                                 gpu_read(epilogue & ADD_MATRIX ? p->add : p->a),
                                                 gpu_read(epilogue & ADD_BIAS ? p->bias : p->a), gpu_texel(scales)},
                                        .push      = push,
                                        .push_size = sizeof push,
                                        .groups    = {ceil_div(p->m, tile.rows * tile.down),
                                                      ceil_div(p->n, TEXEL_COLUMNS * (lanes / tile.down)), 1}});
}
