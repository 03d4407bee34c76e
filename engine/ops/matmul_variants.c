/* Every way in which a device could multiply. */
#include "engine/ops/matmul_variants.h"

#include <stdio.h>
#include <string.h>

#include "engine/ops/matmul_parts.h"

static MatmulVariant *add(MatmulVariant *list, int *count, const char *name, MatmulKernel kernel, ComputeType compute)
{
    MatmulVariant *variant = &list[*count];
    *count += 1;
    *variant = (MatmulVariant){.kernel_name = name, .kernel = kernel, .compute = compute};
    return variant;
}

static void lacks(MatmulVariant *variant, const char *why)
{
    snprintf(variant->lacks, sizeof variant->lacks, "%s", why);
}

/* Why a device has no matrix units for a type, in the order in which it is looked for. */
static void coopmat_lacks(MatmulVariant *variant, const GpuInfo *info, const char *kernel, ComputeType compute)
{
    if (!gpu_has_kernel(kernel)) {
        lacks(variant, "not in this build: its glslc does not know the extension");
    } else if (!info->tier.cooperative_matrix) {
        lacks(variant, "the device has no cooperative matrices, or the build's Vulkan headers do not know them");
    } else if (!info->tier.subgroup_size_control) {
        lacks(variant, "the device cannot promise full subgroups");
    } else {
        snprintf(variant->lacks, sizeof variant->lacks, "the device multiplies no matrices of %s with sums in f32",
                 compute_type_name(compute));
    }
}

static void add_coopmat(const GpuInfo *info, MatmulVariant *list, int *count, ComputeType compute)
{
    const char *kernel = compute == COMPUTE_BF16 ? "gemm_coopmat_bf16" : "gemm_coopmat";
    Coopmat     coopmat;
    if (!coopmat_find(info, compute, &coopmat)) {
        coopmat_lacks(add(list, count, kernel, KERNEL_COOPMAT, compute), info, kernel, compute);
        return;
    }
    for (uint32_t i = 0; i < coopmat.count; i++) {
        const CoopmatTiles *t       = &coopmat.tiles[i];
        MatmulVariant      *variant = add(list, count, kernel, KERNEL_COOPMAT, compute);
        variant->size               = i;
        snprintf(variant->detail, sizeof variant->detail, "%ux%ux%u in %ux%u, of %ux%ux%u by %u", t->tile_m, t->tile_n,
                 t->step, t->part_m, t->part_n, coopmat.shape.m, coopmat.shape.n, coopmat.shape.k, coopmat.subgroup);
    }
}

static void add_coopmat2(const GpuInfo *info, MatmulVariant *list, int *count, ComputeType compute)
{
    const char      *kernel = compute == COMPUTE_BF16 ? "gemm_coopmat2_bf16" : "gemm_coopmat2";
    const GpuMatrix2 has    = info->matrix2;
    Coopmat          coopmat;
    if (!coopmat2_find(info, compute, &coopmat)) {
        MatmulVariant *variant = add(list, count, kernel, KERNEL_COOPMAT2, compute);
        if (gpu_has_kernel(kernel) && info->tier.cooperative_matrix && !info->tier.cooperative_matrix2) {
            snprintf(
                variant->lacks, sizeof variant->lacks, "VK_NV_cooperative_matrix2 is not there, or without:%s%s%s%s%s",
                has.workgroup_scope ? "" : " workgroup scope", has.flexible_dimensions ? "" : " flexible dimensions",
                has.tensor_addressing ? "" : " tensor addressing", has.block_loads ? "" : " block loads",
                has.per_element ? "" : " per-element operations");
        } else {
            coopmat_lacks(variant, info, kernel, compute);
        }
        return;
    }
    for (uint32_t i = 0; i < coopmat.count; i++) {
        MatmulVariant *variant = add(list, count, kernel, KERNEL_COOPMAT2, compute);
        variant->size          = i;
        snprintf(variant->detail, sizeof variant->detail, "%ux%ux%u by a workgroup of %u", coopmat.tiles[i].tile_m,
                 coopmat.tiles[i].tile_n, coopmat.tiles[i].step, coopmat.shape.workgroup);
    }
}

int matmul_variants(const GpuInfo *info, MatmulVariant list[MATMUL_VARIANTS])
{
    int count = 0;
    for (uint32_t i = 0; i < TILED_SIZES; i++) {
        const CoopmatTiles *t       = &matmul_tiled_tiles[i];
        MatmulVariant      *variant = add(list, &count, "gemm_tiled", KERNEL_TILED, COMPUTE_F32);
        variant->size               = i;
        snprintf(variant->detail, sizeof variant->detail, "%ux%ux%u in %ux%u by an invocation", t->tile_m, t->tile_n,
                 t->step, t->part_m, t->part_n);
    }
    if (!matmul_has_lanes(info)) {
        lacks(add(list, &count, "gemm_lanes", KERNEL_LANES, COMPUTE_F32), "for lavapipe of Mesa 26 and later");
    } else {
        add(list, &count, "gemm_lanes", KERNEL_LANES, COMPUTE_F32);
    }
    if (!matmul_has_texel(info)) {
        lacks(add(list, &count, "gemm_texel", KERNEL_TEXEL, COMPUTE_F32), "for lavapipe before Mesa 26");
    } else {
        add(list, &count, "gemm_texel", KERNEL_TEXEL, COMPUTE_F32);
    }
    add_coopmat(info, list, &count, COMPUTE_F16);
    add_coopmat(info, list, &count, COMPUTE_BF16);
    add_coopmat2(info, list, &count, COMPUTE_F16);
    add_coopmat2(info, list, &count, COMPUTE_BF16);
    return count;
}

const char *matmul_kernel_name(GpuStream *stream, ComputeType compute, MatmulLayout layout, uint32_t m, uint32_t n,
                               uint32_t k)
{
    static const char *const names[] = {[KERNEL_TILED]    = "gemm_tiled",
                                        [KERNEL_LANES]    = "gemm_lanes",
                                        [KERNEL_TEXEL]    = "gemm_texel",
                                        [KERNEL_COOPMAT]  = "gemm_coopmat",
                                        [KERNEL_COOPMAT2] = "gemm_coopmat2"};
    const MatmulKernel       kernel  = matmul_plan_as(stream, NULL, compute, layout, m, n, k).kernel;
    return compute != COMPUTE_BF16     ? names[kernel]
           : kernel == KERNEL_COOPMAT  ? "gemm_coopmat_bf16"
           : kernel == KERNEL_COOPMAT2 ? "gemm_coopmat2_bf16"
                                       : names[kernel];
}
