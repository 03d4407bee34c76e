/* Frozen weights: matrices that stay in bf16, f16, int8 or int4 on the device (engine/io/quantize.h), and the
 * products and look-ups that read them.
 *
 *     weight_matmul(stream, &(Matmul){.layout = MATMUL_NT, .c = y, .a = x, .m = tokens, .n = out, .k = in,
 *                                     .workspace = scratch}, &weight);                          // y = x Wᵀ
 *
 * On GPUs the product dequantizes W as it loads its tiles, in a 16-bit compute type for their matrix units; with many
 * rows, a part of W at a time into the workspace first. On old lavapipe it does so in registers, from texels. On CPU
 * devices whose fast kernels read f32, W is dequantized a panel of rows at a time into the workspace, for those kernels
 * to read. What a row of the result gets never depends on the rows beside it, as in matmul.h.
 */
#ifndef ENGINE_OPS_WEIGHT_H
#define ENGINE_OPS_WEIGHT_H

#include "engine/io/quantize.h"
#include "engine/ops/matmul.h"

typedef struct Weight {
    WeightFormat format;
    uint32_t     rows, columns; /* outputs, inputs */
    GpuSpan      data;          /* [rows, weight_row_words] words; f32: [rows, columns]  */
    GpuSpan      scales;        /* [rows, weight_row_scales] words; buffer NULL: none     */
    ComputeType  compute;       /* of products with it                                   */
} Weight;

/* Bytes of a weight's data, and of its scales (0: none). */
static inline uint64_t weight_data_bytes(WeightFormat format, uint64_t rows, uint32_t columns)
{
    return rows * weight_row_words(format, columns) * 4;
}
static inline uint64_t weight_scale_bytes(WeightFormat format, uint64_t rows, uint32_t columns)
{
    return rows * weight_row_scales(format, columns) * 4;
}

/* Records the product whose B is the weight; `product->b`, b_halves, ldb and compute are not read. In a 16-bit
 * compute type what the weight comes to is rounded to it; a weight of that type is read as it is. NT: n, k are its rows
 * and columns; NN: k, n. TN is an error: a frozen weight has no gradient. A weight of f32 is matmul(). */
void weight_matmul(GpuStream *stream, const Matmul *product, const Weight *weight);

/* The same in panels for the NT products of many calls (matmul_pack): bytes of a weight's panels, 0: the device has no
 * use for them; and the packing. Products name them as product->panels. No bit of their results changes. */
uint64_t weight_panel_bytes(GpuStream *stream, const Weight *weight);
void     weight_pack(GpuStream *stream, GpuSpan panels, const Weight *weight);

/* Records the rounding of values [rows, columns] f32 into `copy`, a weight of bf16 or f16. */
void weight_round(GpuStream *stream, const Weight *copy, GpuSpan values);

/* Bytes of workspace that make products of up to `m` rows with a weight of this shape faster on this device, whatever
 * its format; 0 if it would not be used. */
uint64_t weight_workspace_as(GpuStream *stream, ComputeType compute, uint32_t m, uint32_t rows, uint32_t columns);

/* y [tokens, columns] = rows ids[tokens] of the weight; ids are int32 in [0, rows). */
void weight_embedding(GpuStream *stream, GpuSpan y, const Weight *weight, GpuSpan ids, uint32_t tokens);

#endif
