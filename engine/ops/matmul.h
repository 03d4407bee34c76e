/* Matrix products: one interface, several kernels, chosen per device.
 *
 *     matmul(stream, &(Matmul){.layout = MATMUL_NT, .c = y, .a = x, .b = w,
 *                              .m = tokens, .n = out, .k = in});     // y = x·wᵀ
 *
 * fp32 in and out. Row strides default to the packed width (0). Spans may start at any float (of halves: at any), so
 * that columns of a wider matrix can be taken. C may be one of:
 * overwritten, added to (accumulate), or written as product + `add`. What is more than the
 * device binds at once is taken in pieces, the weight too (for NN its pieces add up along k).
 *
 * With a 16-bit `compute` type, A and B are rounded to it (compute.h), and their products, which f32 holds exactly,
 * are summed in f32 as ever. An operand may be stored in that type, which is the same as if it were rounded here.
 */
#ifndef ENGINE_OPS_MATMUL_H
#define ENGINE_OPS_MATMUL_H

#include "engine/ops/compute.h"
#include "engine/vk/stream.h"

typedef enum MatmulLayout {
    MATMUL_NN, /* C[m,n] = A[m,k] · B[k,n]  : input gradients, dx = dy · W          */
    MATMUL_NT, /* C[m,n] = A[m,k] · B[n,k]ᵀ : forward, y = x · Wᵀ                   */
    MATMUL_TN  /* C[m,n] = A[k,m]ᵀ · B[k,n] : weight gradients, dW = dyᵀ · x, long k */
} MatmulLayout;

/* Rows that a product may have at most to be one of few rows. */
enum { MATMUL_FEW_ROWS = 8 };

typedef struct Matmul {
    MatmulLayout layout;
    GpuSpan      c;                  /* [m, n] f32                                           */
    GpuSpan      a, b;               /* f32 or halves, shapes by layout                      */
    ComputeType  compute;            /* what A and B are rounded to                          */
    bool         a_halves, b_halves; /* stored in the compute type, which is not f32 */
    GpuSpan      bias;               /* [n] added to every row; buffer NULL: none            */
    GpuSpan      add;                /* [m, n] added, row stride ldc; buffer NULL: none      */
    bool         accumulate;         /* C += instead of C =                                  */
    bool         few_rows;           /* NT: may take the kernel for few rows, see matmul()   */
    uint32_t     m, n, k;
    uint32_t     n_room; /* NT: columns of C's rows that may be overwritten, n and the next few (up to a multiple of 4
                            makes products faster); 0: n                              */
    uint32_t lda, ldb, ldc; /* row strides in elements; 0: packed                */
    GpuSpan  workspace;     /* matmul_workspace bytes; NULL: done without, slower   */
    GpuSpan  panels;        /* B as matmul_pack has packed it; NULL: packed each time. Not read unless compute is f32 */
    const struct MatmulPairs   *pairs;   /* what becomes of pairs of columns (matmul_pairs.h); NULL: nothing        */
    const struct MatmulVariant *variant; /* this kernel, for benches and tests (matmul_variants.h); NULL: the best */
} Matmul;

/* Records the product. Any m, n, k >= 1 (0: nothing is recorded). Deterministic
 * on one device: the same inputs give the same bits.
 *
 * GPUs have a kernel for up to MATMUL_FEW_ROWS rows, which sums in another order. It is used where the caller says
 * few_rows: a row's bits are then the same in all products with few_rows and of m in [1, MATMUL_FEW_ROWS], but not the
 * same as in products without. CPU devices round alike with and without. */
void matmul(GpuStream *stream, const Matmul *matmul);

/* Bytes of workspace that make a product faster on this device: to split a TN product (a weight
 * gradient) along k, to turn the B of an NT product, or to round operands; 0 if it would not be used. NN and NT
 * products are never split: their rows are a batch, and no row's bits may depend on how many there are. What serves a
 * product serves the same with fewer rows (NN, NT: m; TN: k). */
uint64_t matmul_workspace_as(GpuStream *stream, ComputeType compute, MatmulLayout layout, uint32_t m, uint32_t n,
                             uint32_t k);

/* The same for f32. */
static inline uint64_t matmul_workspace(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    return matmul_workspace_as(stream, COMPUTE_F32, layout, m, n, k);
}

/* A B that many products share (a weight) can be packed once, in the order in which the device's kernel reads it; no
 * bit of their results changes. Bytes of the panels, for an NN or NT product with a packed B; 0: the device has no use
 * for them, or none for these sizes. */
uint64_t matmul_panel_bytes(GpuStream *stream, MatmulLayout layout, uint32_t n, uint32_t k);

/* Records the packing of product->b into product->panels. Of the product only layout, b, n, k and panels are read (ldb
 * must be 0). Products with these panels have the same layout, n and k. They still name their b: what the kernel for
 * panels does not take (spans that are not at a multiple of 16 bytes) reads it. */
void matmul_pack(GpuStream *stream, const Matmul *product);

/* Whether the device has kernels for f32 that are faster than any that its B comes to in another format, and whether
 * one of them takes this product. */
bool matmul_prefers_f32(GpuStream *stream);
bool matmul_is_fast(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);

#endif
