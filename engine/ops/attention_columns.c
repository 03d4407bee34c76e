/* Attention on CPU devices with addresses, as products of tiles (shaders/include/attention_columns.glsl). */
#include "engine/ops/attention_parts.h"
#include "engine/ops/ops.h"
#include "engine/ops/texels.h"

enum {
    BLOCK       = 8,   /* tokens of the other side at a time                                 */
    DIMS        = 8,   /* dimensions of a tile of sums over them                             */
    LARGEST_DIM = 128, /* of a head: all of its products are unrolled                        */
    OPERANDS    = 6,   /* of a kernel at most, beside the tiles                              */
    RESUMED     = 8,   /* the specialization constant that says whether a dispatch goes on   */
};

bool attention_takes_columns(const GpuInfo *info, uint32_t head_dim)
{
    return info->type == GPU_CPU && texels_outdone_by_addresses(info) && head_dim % DIMS == 0 &&
           head_dim <= LARGEST_DIM;
}

bool attention_gains_by_columns(const GpuInfo *info, uint32_t head_dim)
{
    return attention_takes_columns(info, head_dim) && texels_lavapipe_fuses(info);
}

static uint64_t address_of(GpuSpan span)
{
    return span.size > 0 ? gpu_span_address(span) : 0;
}

/* Goes over `steps` blocks, as many in a dispatch as a loop may have turns (ops.h): one is a turn of the loop, and one
 * of each loop around a tile, of which there are `tiles`. A tile of tokens has `heads` heads to go over. */
static void record(GpuStream *stream, const Attention *a, const char *kernel, uint32_t heads, uint64_t steps,
                   uint32_t tiles, const GpuBind operands[OPERANDS])
{
    const uint32_t       lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    const AttentionShape shape = a->shape;
    const uint32_t       parts = (a->lanes + lanes - 1) / lanes;
    struct {
        uint32_t tile_count, tokens;
        float    scale;
        uint32_t turned, turns, never;
        uint64_t qkv, o, d_o, lse, delta, dqkv;
        uint32_t nothing, zero, blank, unused;
    } push        = {.tile_count = a->tile_count,
                     .tokens     = a->tokens,
                     .scale      = attention_scale(shape),
                     .turns      = OPS_CPU_TURNS / (1 + tiles),
                     .qkv        = address_of(a->qkv),
                     .o          = address_of(a->o),
                     .d_o        = address_of(a->d_o),
                     .lse        = address_of(a->lse),
                     .delta      = address_of(a->delta),
                     .dqkv       = address_of(a->dqkv)};
    GpuDispatch d = {
        .kernel     = kernel,
        .spec       = {lanes, shape.heads, shape.kv_heads, shape.head_dim, parts, 1, BLOCK, 0, 0, a->tokens < BLOCK},
        .spec_count = 10,
        .bind       = {gpu_read(a->tiles)},
        .push       = &push,
        .push_size  = sizeof push,
        .groups     = gpu_groups((uint64_t)a->tile_count * heads * parts, 1)};
    for (uint32_t i = 0; i < OPERANDS; i++) {
        d.bind[1 + i] = operands[i];
    }
    for (uint64_t turned = 0; turned == 0 || turned < steps; turned += push.turns) {
        push.turned     = (uint32_t)turned;
        d.spec[RESUMED] = turned > 0;
        gpu_dispatch(stream, &d);
    }
}

static uint64_t blocks_of(const Attention *a)
{
    return ((uint64_t)a->longest + BLOCK - 1) / BLOCK;
}

void attention_record_columns_forward(GpuStream *stream, const Attention *a)
{
    const GpuBind operands[OPERANDS] = {gpu_by_address(a->qkv, GPU_READ), gpu_by_address(a->o, GPU_READ_WRITE),
                                        gpu_by_address(a->lse, GPU_READ_WRITE)};
    record(stream, a, "attention_columns", a->shape.heads, blocks_of(a), 1 + a->shape.head_dim / DIMS, operands);
}

void attention_record_columns_backward(GpuStream *stream, const Attention *a)
{
    const uint32_t sums = a->shape.head_dim / DIMS, group = a->shape.heads / a->shape.kv_heads;
    const GpuBind  queries[OPERANDS] = {gpu_by_address(a->qkv, GPU_READ),    gpu_by_address(a->o, GPU_READ),
                                        gpu_by_address(a->d_o, GPU_READ),    gpu_by_address(a->lse, GPU_READ),
                                        gpu_by_address(a->delta, GPU_WRITE), gpu_by_address(a->dqkv, GPU_READ_WRITE)};
    const GpuBind  keys[OPERANDS]    = {gpu_by_address(a->qkv, GPU_READ), gpu_by_address(a->d_o, GPU_READ),
                                        gpu_by_address(a->lse, GPU_READ), gpu_by_address(a->delta, GPU_READ),
                                        gpu_by_address(a->dqkv, GPU_READ_WRITE)};
    record(stream, a, "attention_columns_backward_q", a->shape.heads, blocks_of(a), 2 + sums, queries);
    record(stream, a, "attention_columns_backward_kv", a->shape.kv_heads, blocks_of(a) * group, 2 + 2 * sums, keys);
}
