/* Attention over packed sequences: the plan of a batch, and which kernel computes it. */
#include "engine/ops/attention.h"

#include <stdio.h>

#include "engine/ops/attention_parts.h"

static AttentionVariant variant_of(const GpuInfo *info, AttentionKernel kernel, ComputeType compute)
{
    const char *name = kernel == ATTENTION_LANES     ? "attention"
                       : kernel == ATTENTION_COLUMNS ? "attention_columns"
                       : kernel == ATTENTION_TILED   ? "attention_tiled"
                                                     : attention_coopmat_kernel(ATTENTION_FORWARD, compute);
    const bool  cpu  = kernel == ATTENTION_LANES || kernel == ATTENTION_COLUMNS;
    return (AttentionVariant){.kernel_name = name,
                              .kernel      = kernel,
                              .compute     = kernel == ATTENTION_COOPMAT ? compute : COMPUTE_F32,
                              .lanes       = cpu ? attention_lanes_of(info) : ATTENTION_GPU_LANES};
}

int attention_variants(const GpuInfo *info, AttentionVariant list[ATTENTION_VARIANTS])
{
    list[0] = variant_of(info, ATTENTION_LANES, COMPUTE_F32);
    list[1] = variant_of(info, ATTENTION_COLUMNS, COMPUTE_F32);
    list[2] = variant_of(info, ATTENTION_TILED, COMPUTE_F32);
    list[3] = variant_of(info, ATTENTION_COOPMAT, COMPUTE_F16);
    list[4] = variant_of(info, ATTENTION_COOPMAT, COMPUTE_BF16);
    if (!attention_takes_columns(info, 16)) {
        snprintf(list[1].lacks, sizeof list[1].lacks, "not lavapipe of Mesa 26 or newer, with buffer addresses");
    }
    for (int i = 3; i < ATTENTION_VARIANTS; i++) {
        AttentionVariant *variant = &list[i];
        if (!gpu_has_kernel(variant->kernel_name)) {
            snprintf(variant->lacks, sizeof variant->lacks, "not in this build: its glslc does not know the extension");
        } else if (!attention_takes_coopmat(info, variant->compute, 16)) {
            snprintf(variant->lacks, sizeof variant->lacks, "the device multiplies no matrices of %s with sums in f32",
                     compute_type_name(variant->compute));
        }
    }
    return ATTENTION_VARIANTS;
}

AttentionVariant attention_choose(const GpuInfo *info, ComputeType compute, uint32_t head_dim)
{
    const bool matrices = compute != COMPUTE_F32 && attention_takes_coopmat(info, compute, head_dim);
    return variant_of(info,
                      attention_gains_by_columns(info, head_dim) ? ATTENTION_COLUMNS
                      : info->type == GPU_CPU                    ? ATTENTION_LANES
                      : matrices                                 ? ATTENTION_COOPMAT
                                                                 : ATTENTION_TILED,
                      compute);
}

uint32_t attention_lanes(GpuStream *stream)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    return info->type == GPU_CPU ? attention_lanes_of(info) : ATTENTION_GPU_LANES;
}

uint32_t attention_plan(AttentionTile *tiles, const uint32_t *starts, uint32_t sequences, uint32_t lanes)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < sequences; s++) {
        const uint32_t begin = starts[s], end = starts[s + 1];
        for (uint32_t first = begin; first < end; first += lanes) {
            if (tiles) {
                tiles[count] = (AttentionTile){first, end - first < lanes ? end - first : lanes, begin, end};
            }
            count++;
        }
    }
    return count;
}

bool attention_shape_ok(GpuStream *stream, AttentionShape shape)
{
    if (shape.head_dim == 0 || shape.head_dim % 2 != 0 || shape.head_dim > 256 || shape.kv_heads == 0 ||
        shape.heads % shape.kv_heads != 0) {
        gpu_stream_fail(stream, STATUS_BAD_INPUT,
                        "attention: head_dim must be even and at most 256, and kv_heads must divide heads");
        return false;
    }
    return true;
}

/* What both passes have in common; theirs are added by the caller. */
static Attention attention_of(GpuStream *stream, GpuSpan o, GpuSpan lse, GpuSpan qkv, const AttentionBatch *batch,
                              AttentionShape shape, AttentionKernel *kernel)
{
    const AttentionVariant variant =
        batch->variant != NULL ? *batch->variant
                               : attention_choose(gpu_info(gpu_stream_gpu(stream)), batch->compute, shape.head_dim);
    const uint64_t token = ((uint64_t)shape.heads + 2 * (uint64_t)shape.kv_heads) * shape.head_dim * 4; /* bytes */
    *kernel              = variant.kernel;
    return (Attention){.o          = o,
                       .lse        = lse,
                       .qkv        = qkv,
                       .tiles      = batch->tiles,
                       .tile_count = batch->tile_count,
                       .tokens     = batch->tokens > 0 ? batch->tokens : (uint32_t)(qkv.size / token),
                       .longest    = batch->longest > 0 ? batch->longest : (uint32_t)(qkv.size / token),
                       .lanes      = variant.lanes,
                       .compute    = variant.compute,
                       .shape      = shape};
}

void attention_forward(GpuStream *stream, GpuSpan o, GpuSpan lse, GpuSpan qkv, const AttentionBatch *batch,
                       AttentionShape shape)
{
    if (!attention_shape_ok(stream, shape)) {
        return;
    }
    AttentionKernel kernel;
    const Attention a = attention_of(stream, o, lse, qkv, batch, shape, &kernel);
    switch (kernel) {
    case ATTENTION_LANES: attention_record_lanes_forward(stream, &a); break;
    case ATTENTION_COLUMNS: attention_record_columns_forward(stream, &a); break;
    case ATTENTION_TILED: attention_record_tiled_forward(stream, &a); break;
    case ATTENTION_COOPMAT: attention_record_coopmat_forward(stream, &a); break;
    }
}

void attention_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan delta, GpuSpan d_o, GpuSpan o, GpuSpan lse,
                        GpuSpan qkv, const AttentionBatch *batch, AttentionShape shape)
{
    if (!attention_shape_ok(stream, shape)) {
        return;
    }
    AttentionKernel kernel;
    Attention       a = attention_of(stream, o, lse, qkv, batch, shape, &kernel);
    a.dqkv            = dqkv;
    a.delta           = delta;
    a.d_o             = d_o;
    switch (kernel) {
    case ATTENTION_LANES: attention_record_lanes_backward(stream, &a); break;
    case ATTENTION_COLUMNS: attention_record_columns_backward(stream, &a); break;
    case ATTENTION_TILED: attention_record_tiled_backward(stream, &a); break;
    case ATTENTION_COOPMAT: attention_record_coopmat_backward(stream, &a); break;
    }
}
