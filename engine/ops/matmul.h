/* Matrix products: one interface, several kernels, chosen per device.
 *
 *     matmul(stream, &(Matmul){.layout = MATMUL_NT, .c = y, .a = x, .b = w,
 *                              .m = tokens, .n = out, .k = in});     // y = x·wᵀ
 *
 * fp32 in and out. Row strides default to the packed width (0). Spans may start at any float, so
 * that columns of a wider matrix can be taken. C may be one of:
 * overwritten, added to (accumulate), or written as product + `add`. What is more than the
 * device binds at once is taken in pieces, the weight too (for NN its pieces add up along k).
 */
#ifndef ENGINE_OPS_MATMUL_H
#define ENGINE_OPS_MATMUL_H

#include "engine/vk/stream.h"

typedef enum MatmulLayout {
    MATMUL_NN, /* C[m,n] = A[m,k] · B[k,n]  : input gradients, dx = dy · W          */
    MATMUL_NT, /* C[m,n] = A[m,k] · B[n,k]ᵀ : forward, y = x · Wᵀ                   */
    MATMUL_TN  /* C[m,n] = A[k,m]ᵀ · B[k,n] : weight gradients, dW = dyᵀ · x, long k */
} MatmulLayout;

typedef struct Matmul {
    MatmulLayout layout;
    GpuSpan      c;          /* [m, n] f32                                           */
    GpuSpan      a, b;       /* f32, shapes by layout                                */
    GpuSpan      bias;       /* [n] added to every row; buffer NULL: none            */
    GpuSpan      add;        /* [m, n] added, row stride ldc; buffer NULL: none      */
    bool         accumulate; /* C += instead of C =                                  */
    uint32_t     m, n, k;
    uint32_t     lda, ldb, ldc; /* row strides in floats; 0: packed                  */
    GpuSpan      workspace;  /* matmul_workspace bytes; NULL: done without, slower        */
} Matmul;

/* Records the product. Any m, n, k >= 1 (0: nothing is recorded). Deterministic
 * on one device: the same inputs give the same bits. */
void matmul(GpuStream *stream, const Matmul *matmul);

/* Bytes of workspace that make a product faster on this device: to split a TN product (a weight
 * gradient) along k, or to turn the B of an NT product; 0 if it would not be used. NN and NT products
 * are never split: their rows are a batch, and no row's bits may depend on how many there are. */
uint64_t matmul_workspace(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);

/* Whether the device has kernels for f32 that are faster than any that its B comes to in another format, and whether
 * one of them takes this product. */
bool matmul_prefers_f32(GpuStream *stream);
bool matmul_is_fast(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);

/* Name of the kernel that a product would use, for `rlsp devices` and benches. */
const char *matmul_kernel_name(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);

#endif
