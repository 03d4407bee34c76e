/* Products of few rows on GPUs: shaders/gemm_few.comp. */
#include "engine/ops/matmul_parts.h"

enum { FEW_GROUP = 64, FEW_LEAST_SUBGROUP = 4, INTEL = 0x8086 /* vendor */ };

/* Columns of a workgroup. A vector of int8 or int4 is 16 or 32 numbers of each: with seven rows or more and four
 * columns they are more than an Intel card's registers take (SPEED.md). */
static uint32_t few_columns(GpuStream *stream, uint32_t rows, WeightFormat format)
{
    const bool few_registers = gpu_info(gpu_stream_gpu(stream))->vendor_id == INTEL;
    return few_registers && rows > 6 && format >= WEIGHT_INT8 ? 2 : 4;
}

bool matmul_takes_few(GpuStream *stream, const Matmul *p)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    const uint32_t lda  = p->lda != 0 ? p->lda : p->k;
    return p->few_rows && p->layout == MATMUL_NT && p->compute == COMPUTE_F32 && p->m <= MATMUL_FEW_ROWS &&
           info->type != GPU_CPU && info->subgroup_size >= FEW_LEAST_SUBGROUP && p->k % 4 == 0 && lda % 4 == 0 &&
           p->a.offset % GPU_ALIGNMENT == 0;
}

void matmul_record_few(GpuStream *stream, const Matmul *p, const MatmulWeight *w)
{
    const uint32_t epilogue = matmul_epilogue(p);
    const uint32_t columns  = few_columns(stream, p->m, w->format);
    uint32_t       before[3];
    const GpuSpan  c        = matmul_bindable(p->c, 4, &before[0]);
    const GpuSpan  add      = matmul_bindable(epilogue & ADD_MATRIX ? p->add : p->a, 4, &before[1]);
    const GpuSpan  bias     = matmul_bindable(epilogue & ADD_BIAS ? p->bias : p->a, 4, &before[2]);
    const uint32_t push[10] = {p->n,          p->k,     p->lda,    p->ldc,    w->row_words,
                               w->row_scales, epilogue, before[0], before[1], before[2]};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_few",
                                        .spec       = {FEW_GROUP, p->layout, w->format, p->m, columns},
                                        .spec_count = 5,
                                        .flops      = 2.0 * p->m * p->n * p->k,
                                        .bind = {epilogue & ADD_C ? gpu_read_write(c) : gpu_write(c), gpu_read(p->a),
                                                 gpu_read(add), gpu_read(bias), gpu_read(w->data), gpu_read(w->scales)},
                                        .push = push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups(ceil_div(p->n, columns), 1)});
}
