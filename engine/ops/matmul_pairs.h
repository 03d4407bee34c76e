/* Products whose columns come in pairs, and what becomes of a pair in the product itself, without a pass over C: SwiGLU
 * of gate and up, RoPE of the halves of heads. For engine/ops/weight_pairs.h, which falls back to the pass. */
#ifndef ENGINE_OPS_MATMUL_PAIRS_H
#define ENGINE_OPS_MATMUL_PAIRS_H

#include "engine/ops/matmul.h"
#include "engine/ops/typed_span.h"

/* As in shaders/include/gemm_pairs.glsl. */
typedef enum MatmulPairing {
    PAIRS_SWIGLU,      /* act alone; C is not written */
    PAIRS_SWIGLU_KEPT, /* C as well                   */
    PAIRS_ROPE
} MatmulPairing;

typedef struct MatmulPairs {
    MatmulPairing pairing;
    uint32_t      distance;           /* columns between those of a pair; SwiGLU: n / 2; RoPE: half a head */
    TypedSpan     act;                /* SwiGLU: [m, n / 2] = silu(first) second; halves are of the compute type */
    GpuSpan       table;              /* RoPE: as rope_forward's */
    GpuSpan       position;           /* RoPE: [m] int32 */
    uint32_t      positions, rotated; /* RoPE: rows of the table; columns that are turned, the first ones */
} MatmulPairs;

/* Whether the kernel for product->pairs takes this product; matmul() may be given one with pairs only then. The bits
 * are those of the product and the pass. */
bool matmul_takes_pairs(GpuStream *stream, const Matmul *product);

#endif
