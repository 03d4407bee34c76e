/* Attention over packed sequences: the plan of a batch, and which kernel computes it. */
#include "engine/ops/attention.h"

#include "engine/ops/attention_parts.h"

static const char *const kernel_names[] = {[ATTENTION_LANES] = "attention", [ATTENTION_TILED] = "attention_tiled"};

static AttentionVariant variant_of(const GpuInfo *info, AttentionKernel kernel)
{
    return (AttentionVariant){.kernel_name = kernel_names[kernel],
                              .kernel      = kernel,
                              .lanes = kernel == ATTENTION_LANES ? attention_lanes_of(info) : ATTENTION_GPU_LANES};
}

int attention_variants(const GpuInfo *info, AttentionVariant list[ATTENTION_VARIANTS])
{
    list[0] = variant_of(info, ATTENTION_LANES);
    list[1] = variant_of(info, ATTENTION_TILED);
    return 2;
}

AttentionVariant attention_choose(const GpuInfo *info, ComputeType compute)
{
    (void)compute;
    return variant_of(info, info->type == GPU_CPU ? ATTENTION_LANES : ATTENTION_TILED);
}

uint32_t attention_lanes(GpuStream *stream)
{
    return attention_choose(gpu_info(gpu_stream_gpu(stream)), COMPUTE_F32).lanes;
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

static bool shape_ok(GpuStream *stream, AttentionShape shape)
{
    if (shape.head_dim == 0 || shape.head_dim % 2 != 0 || shape.head_dim > 256 || shape.kv_heads == 0 ||
        shape.heads % shape.kv_heads != 0) {
        gpu_stream_fail(stream, STATUS_BAD_INPUT,
                        "attention: head_dim must be even and at most 256, and kv_heads must divide heads");
        return false;
    }
    return true;
}

static AttentionVariant variant_for(GpuStream *stream, const AttentionBatch *batch)
{
    return batch->variant != NULL ? *batch->variant
                                  : attention_choose(gpu_info(gpu_stream_gpu(stream)), batch->compute);
}

void attention_forward(GpuStream *stream, GpuSpan o, GpuSpan lse, GpuSpan qkv, const AttentionBatch *batch,
                       AttentionShape shape)
{
    const AttentionVariant variant = variant_for(stream, batch);
    const Attention        a       = {.o          = o,
                                      .lse        = lse,
                                      .qkv        = qkv,
                                      .tiles      = batch->tiles,
                                      .tile_count = batch->tile_count,
                                      .lanes      = variant.lanes,
                                      .shape      = shape};
    if (!shape_ok(stream, shape)) {
        return;
    }
    switch (variant.kernel) {
    case ATTENTION_LANES: attention_record_lanes_forward(stream, &a); break;
    case ATTENTION_TILED: attention_record_tiled_forward(stream, &a); break;
    }
}

void attention_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan delta, GpuSpan d_o, GpuSpan o, GpuSpan lse,
                        GpuSpan qkv, const AttentionBatch *batch, AttentionShape shape)
{
    const AttentionVariant variant = variant_for(stream, batch);
    const Attention        a       = {.o          = o,
                                      .lse        = lse,
                                      .qkv        = qkv,
                                      .dqkv       = dqkv,
                                      .delta      = delta,
                                      .d_o        = d_o,
                                      .tiles      = batch->tiles,
                                      .tile_count = batch->tile_count,
                                      .lanes      = variant.lanes,
                                      .shape      = shape};
    if (!shape_ok(stream, shape)) {
        return;
    }
    switch (variant.kernel) {
    case ATTENTION_LANES: attention_record_lanes_backward(stream, &a); break;
    case ATTENTION_TILED: attention_record_tiled_backward(stream, &a); break;
    }
}
