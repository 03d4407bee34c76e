/* What the files of Weight share: weight.c (which way a product goes), weight_halves.c (dequantized once for matrix
 * units). */
#ifndef ENGINE_OPS_WEIGHT_PARTS_H
#define ENGINE_OPS_WEIGHT_PARTS_H

#include "engine/ops/matmul_parts.h"
#include "engine/ops/weight.h"

/* How the device's matrix units take the product, if they are what takes it. */
bool weight_plan_on_units(GpuStream *stream, const Matmul *p, MatmulPlan *plan);

/* Whether the kernel for product->pairs (matmul_pairs.h) takes the product with this weight. */
bool weight_takes_pairs(GpuStream *stream, const Matmul *product, const Weight *w);

/* Whether a product, strides filled in, goes by way of a workspace that holds the weight in the 16-bit compute type: on
 * matrix units, with many rows and room for some of the weight. Its bits are those that it has without. */
bool weight_takes_halves(GpuStream *stream, const Matmul *p);
void weight_record_halves(GpuStream *stream, const Matmul *p, const Weight *w); /* such a product; w fits a binding */

/* Rows of a weight, and of each the chunks of eight columns. */
typedef struct WeightPart {
    uint32_t first_row, rows, first_chunk, chunks;
} WeightPart;
/* to [rows, 8 chunks] halves = that part of a weight of bf16, f16, int8 or int4, rounded; scales: a span also where
 * there are none. */
void weight_dequantize_halves(GpuStream *stream, GpuSpan to, const Weight *w, ComputeType compute, WeightPart part);

/* Bytes of workspace for products that go that way: with up to m rows with a weight of this shape; of the weight in
 * one. 0: none goes that way. */
uint64_t weight_halves_workspace(GpuStream *stream, ComputeType compute, uint32_t m, uint32_t rows, uint32_t columns);
uint64_t weight_halves_bytes(MatmulLayout layout, uint32_t n, uint32_t k);

#endif
