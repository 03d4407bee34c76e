/* Products on old lavapipe: what gemm_texel.comp and gemm_texel_weight.comp share, and those with a frozen weight. */
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

/* Four rows a lane: then of A each lane fetches as many texels as of B. */
uint32_t matmul_texel_rows(uint32_t lanes, uint32_t m)
{
    const uint32_t rows = ceil_div(m, ceil_div(m, 4 * lanes));
    return rows < TEXEL_VECTOR ? rows : (rows + 3) & ~3u;
}

/* More lanes have more rows, and a turn's code has to fit an instruction cache. */
uint32_t matmul_texel_step(uint32_t lanes)
{
    return lanes > 8 ? 4 : 8;
}

/* Elsewhere it is a loop over the lanes. The device is this processor. */
bool matmul_texel_permutes(uint32_t lanes)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return lanes == 8 && __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

GpuBind matmul_added_texels(const Matmul *p, bool adds, GpuSpan span)
{
    return texels_bind(adds ? matmul_whole_texels(span) : p->a, adds);
}

bool matmul_suits_texel_weight(GpuStream *stream, const Matmul *p, WeightFormat format)
{
    const bool nt     = p->layout == MATMUL_NT;
    Matmul     places = *p;
    places.a.size = places.c.size = 0; /* they come in pieces */
    return matmul_has_texel(gpu_info(gpu_stream_gpu(stream))) && p->compute == COMPUTE_F32 && format != WEIGHT_F32 &&
           p->layout != MATMUL_TN && p->n >= TEXEL_LEAST && p->n <= MOST_GROUPS * EIGHT &&
           p->k % (nt ? EIGHT : TEXEL_VECTOR) == 0 && (nt || p->n % EIGHT == 0) && matmul_fits_vec4s(&places);
}

void matmul_record_texel_weight(GpuStream *stream, const Matmul *p, const MatmulWeight *w)
{
    const uint32_t lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size, epilogue = matmul_epilogue(p);
    const bool     nt   = p->layout == MATMUL_NT;
    const uint32_t rows = matmul_texel_rows(lanes, p->m), columns = lanes * (nt ? TEXEL_VECTOR : EIGHT);
    const uint32_t push[8] = {p->m, p->n, p->k, p->lda / 4, p->ldc / 4, w->row_words / 4, w->row_scales, 0};
    const GpuSpan  scales  = w->row_scales > 0 ? matmul_whole_texels(w->scales) : gpu_span_slice(w->data, 0, 16);
    gpu_dispatch(stream, &(GpuDispatch){.kernel = "gemm_texel_weight",
                                        .spec = {lanes, p->layout, epilogue, rows, nt ? EIGHT : TEXEL_VECTOR, w->format,
                                                 matmul_texel_permutes(lanes)},
                                        .spec_count = 7,
                                        .flops      = 2.0 * p->m * p->n * p->k,
                                        .bind       = {epilogue & ADD_C ? gpu_read_write(p->c) : gpu_write(p->c),
                                                 gpu_texel(p->a), gpu_texel(matmul_whole_texels(w->data)),
                                                 matmul_added_texels(p, epilogue & ADD_MATRIX, p->add),
                                                 matmul_added_texels(p, epilogue & ADD_BIAS, p->bias),
                                                 matmul_added_texels(p, epilogue & ADD_C, p->c), gpu_texel(scales)},
                                        .push      = push,
                                        .push_size = sizeof push,
                                        .groups    = {ceil_div(p->m, rows), ceil_div(p->n, columns), 1}});
}
