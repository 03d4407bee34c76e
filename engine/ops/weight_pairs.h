/* Products with a weight and what follows them on the same columns: in the product's kernel where it can (GPUs, one
 * piece; matmul_pairs.h), else as a pass of its own. The bits are the same either way. Both return whether the kernel
 * does it. */
#ifndef ENGINE_OPS_WEIGHT_PAIRS_H
#define ENGINE_OPS_WEIGHT_PAIRS_H

#include "engine/ops/typed_span.h"
#include "engine/ops/weight.h"

/* act[m, n / 2] = silu(gate) up of the product's C [m, n]: gate, then up (Shazeer 2020). `keep`: C is wanted too; else
 * it may be written or not. The product adds nothing but a bias. act may be halves of the weight's compute type if 4
 * divides n / 2. */
bool weight_matmul_swiglu(GpuStream *stream, const Matmul *product, const Weight *weight, TypedSpan act, bool keep);

/* As the arguments of rope_forward(). */
typedef struct RopeTurn {
    GpuSpan  table, position;
    uint32_t heads, kv_heads, head_dim, positions;
} RopeTurn;

/* C [m, (heads + 2 kv_heads) head_dim], packed, = the product, its q and k heads turned as rope_forward() does. */
bool weight_matmul_rope(GpuStream *stream, const Matmul *product, const Weight *weight, const RopeTurn *turn);

#endif
