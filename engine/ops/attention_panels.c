/* Attention backward on CPU devices as products of tiles (shaders/include/attention_panels.glsl). */
#include "engine/ops/attention_parts.h"
#include "engine/ops/matmul_parts.h"
#include "engine/ops/ops.h"
#include "engine/ops/texels.h"

enum {
    PANEL_ROWS = 6,   /* tokens a workgroup owns */
    PANEL_HEAD = 128, /* the largest head: all of its products are unrolled */
};

static const uint64_t addressed = (uint64_t)1 << 28; /* bytes that the kernels index */

static uint32_t panel_of(const GpuInfo *info)
{
    return 2 * info->subgroup_size;
}

/* Bytes of `width` floats a token in panels. */
static uint64_t panels_bytes(const GpuInfo *info, uint32_t tokens, uint64_t width)
{
    const uint64_t panel = panel_of(info);
    return gpu_align((tokens + panel - 1) / panel * panel * width * 4);
}

static uint64_t qkv_width(AttentionShape shape)
{
    return ((uint64_t)shape.heads + 2 * shape.kv_heads) * shape.head_dim;
}

uint64_t attention_panels_workspace(GpuStream *stream, uint32_t tokens, AttentionShape shape)
{
    const GpuInfo *info = gpu_info(gpu_stream_gpu(stream));
    const uint64_t qkv  = panels_bytes(info, tokens, qkv_width(shape));
    const bool     fits = info->type == GPU_CPU && texels_lavapipe(stream) >= 24 && info->tier.buffer_address &&
                      info->tier.int64 && shape.head_dim % panel_of(info) == 0 && shape.head_dim % PACK_STEP == 0 &&
                      shape.head_dim <= PANEL_HEAD && qkv <= addressed;
    return fits ? qkv + panels_bytes(info, tokens, (uint64_t)shape.heads * shape.head_dim) : 0;
}

bool attention_takes_panels(GpuStream *stream, const Attention *a)
{
    const GpuInfo *info  = gpu_info(gpu_stream_gpu(stream));
    const uint64_t bytes = attention_panels_workspace(stream, a->tokens, a->shape);
    const uint64_t steps = ((uint64_t)a->longest / panel_of(info) + 2) * (a->shape.heads / a->shape.kv_heads);
    /* A step is a turn of the loop, and one of each loop within: two tiles of scores, dk and dv by panels. */
    const uint64_t turns   = steps * (3 + 2 * a->shape.head_dim / panel_of(info));
    const GpuSpan  spans[] = {a->qkv, a->o, a->d_o, a->dqkv, a->lse, a->delta};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        if (gpu_span_address(spans[i]) % 16 != 0) {
            return false;
        }
    }
    return bytes > 0 && a->tokens >= panel_of(info) && a->workspace.size >= bytes && turns <= OPS_CPU_TURNS;
}

static void pack(GpuStream *stream, GpuSpan panels, GpuSpan rows, uint32_t tokens, uint64_t width)
{
    const Matmul     product = {.layout = MATMUL_NT, .b = rows, .n = tokens, .ldb = (uint32_t)width};
    const MatmulPlan plan    = {.tile_n = panel_of(gpu_info(gpu_stream_gpu(stream))), .tile_k = PACK_STEP};
    matmul_record_pack(stream, &product, &plan, panels, 0, (uint32_t)width);
}

static GpuBind by_address(GpuSpan span, GpuAccess access)
{
    return (GpuBind){span, access, GPU_BIND_ADDRESS};
}

void attention_record_panels_backward(GpuStream *stream, const Attention *a)
{
    const GpuInfo       *info  = gpu_info(gpu_stream_gpu(stream));
    const AttentionShape shape = a->shape;
    const uint64_t       qkv = qkv_width(shape), o = (uint64_t)shape.heads * shape.head_dim;
    const uint64_t       qkv_bytes  = panels_bytes(info, a->tokens, qkv);
    const GpuSpan        qkv_panels = gpu_span_slice(a->workspace, 0, qkv_bytes);
    const GpuSpan        do_panels  = gpu_span_slice(a->workspace, qkv_bytes, panels_bytes(info, a->tokens, o));
    pack(stream, qkv_panels, a->qkv, a->tokens, qkv);
    pack(stream, do_panels, a->d_o, a->tokens, o);
    const struct {
        uint32_t tile_count, tokens;
        float    scale;
        uint32_t never;
        uint64_t qkv, o, d_o, qkv_panels, do_panels, lse, delta, dqkv;
        uint32_t nothing, zero;
    } push               = {a->tile_count,
                            a->tokens,
                            attention_scale(shape),
                            0,
                            gpu_span_address(a->qkv),
                            gpu_span_address(a->o),
                            gpu_span_address(a->d_o),
                            gpu_span_address(qkv_panels),
                            gpu_span_address(do_panels),
                            gpu_span_address(a->lse),
                            gpu_span_address(a->delta),
                            gpu_span_address(a->dqkv),
                            0,
                            0};
    const uint32_t parts = (a->lanes + PANEL_ROWS - 1) / PANEL_ROWS;
    GpuDispatch    d     = {.kernel = "attention_panels_backward_q",
                            .spec   = {info->subgroup_size, shape.heads, shape.kv_heads, shape.head_dim, parts, PANEL_ROWS},
                            .spec_count = 6,
                            .bind       = {gpu_read(a->tiles), by_address(a->qkv, GPU_READ), by_address(a->o, GPU_READ),
                                           by_address(a->d_o, GPU_READ), by_address(qkv_panels, GPU_READ),
                                           by_address(a->lse, GPU_READ), by_address(a->delta, GPU_WRITE),
                                           by_address(a->dqkv, GPU_WRITE)},
                            .push       = &push,
                            .push_size  = sizeof push,
                            .groups     = gpu_groups((uint64_t)a->tile_count * shape.heads * parts, 1)};
    gpu_dispatch(stream, &d);
    d.kernel  = "attention_panels_backward_kv";
    d.bind[2] = by_address(do_panels, GPU_READ);
    d.bind[6] = by_address(a->delta, GPU_READ);
    d.groups  = gpu_groups((uint64_t)a->tile_count * shape.kv_heads * parts, 1);
    gpu_dispatch(stream, &d);
}
