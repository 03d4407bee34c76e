/* Every way in which this device could multiply, for `rlsp devices`, benches and tests.
 *
 *     MatmulVariant list[MATMUL_VARIANTS];
 *     int           count = matmul_variants(gpu_info(gpu), list);
 *     matmul(stream, &(Matmul){…, .variant = &list[i]});     // if list[i].lacks is empty
 */
#ifndef ENGINE_OPS_MATMUL_VARIANTS_H
#define ENGINE_OPS_MATMUL_VARIANTS_H

#include "engine/ops/matmul.h"

typedef enum MatmulKernel {
    KERNEL_TILED,   /* shaders/gemm_tiled.comp: GPUs, and whatever no other one takes          */
    KERNEL_LANES,   /* shaders/gemm_lanes.comp: lavapipe of Mesa 26 and later                  */
    KERNEL_TEXEL,   /* shaders/gemm_texel.comp: older lavapipe                                 */
    KERNEL_COOPMAT, /* shaders/gemm_coopmat.comp: 16-bit types on a card's matrix units       */
    KERNEL_COOPMAT2 /* shaders/gemm_coopmat2.comp: the same with NVIDIA's second extension    */
} MatmulKernel;

typedef struct MatmulVariant {
    const char  *kernel_name; /* of the shader; static                                            */
    MatmulKernel kernel;
    ComputeType  compute;    /* what it multiplies; an f32 kernel takes the others rounded to f32 */
    uint32_t     size;       /* which of its tiles, 0: the largest                               */
    char         detail[80]; /* its tiles                                                        */
    char         lacks[160]; /* why it cannot run here; empty: it can                            */
} MatmulVariant;

enum { MATMUL_VARIANTS = 24 };

/* Fills the list; returns how many, at most MATMUL_VARIANTS. */
int matmul_variants(const GpuInfo *info, MatmulVariant list[MATMUL_VARIANTS]);

/* Name of the kernel that a product would use. */
const char *matmul_kernel_name(GpuStream *stream, ComputeType compute, MatmulLayout layout, uint32_t m, uint32_t n,
                               uint32_t k);

/* matmul_workspace_as for one variant. */
uint64_t matmul_variant_workspace(GpuStream *stream, const MatmulVariant *variant, ComputeType compute,
                                  MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);

#endif
