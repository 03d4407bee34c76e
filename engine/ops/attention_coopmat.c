/* Attention on a card's matrix units (shaders/include/attention_matrices.glsl). */
#include "engine/ops/attention_parts.h"
#include "engine/ops/matmul_parts.h"

enum {
    LARGEST_HEAD   = 128,    /* larger ones' matrices do not fit registers                                       */
    LARGEST_SHARED = 64,     /* heads up to here have keys and values in one workgroup: see SPLIT in the shader  */
    INTEL          = 0x8086, /* vendors */
    AMD            = 0x1002,
    NVIDIA         = 0x10de,
    RADV           = 3,       /* VkDriverId: Mesa's driver for AMD's cards */
    MESA_26        = 26 << 22 /* its version, as Vulkan packs it           */
};

typedef struct Push {
    uint32_t tile_count;
    float    scale;
} Push;

static const char *const kernels[3][2] = {
    [ATTENTION_FORWARD]     = {"attention_coopmat", "attention_coopmat_bf16"},
    [ATTENTION_BACKWARD_Q]  = {"attention_coopmat_backward_q", "attention_coopmat_backward_q_bf16"},
    [ATTENTION_BACKWARD_KV] = {"attention_coopmat_backward_kv", "attention_coopmat_backward_kv_bf16"}};

const char *attention_coopmat_kernel(AttentionPass pass, ComputeType compute)
{
    return kernels[pass][compute == COMPUTE_BF16];
}

uint32_t attention_matrices_shared(const AttentionMatrices *t, AttentionPass pass, uint32_t head_dim)
{
    const uint32_t sets = pass == ATTENTION_FORWARD ? 1 : 2, weights = pass == ATTENTION_BACKWARD_KV ? 2 : 1;
    const uint32_t wide = t->n * t->across, longer = wide > t->k ? wide : t->k;
    const uint32_t dims = ceil_div(head_dim, longer) * longer, kept = t->across > 1 ? sets * t->own : 0;
    const uint32_t rows   = (2 * t->other + kept) * (dims / 8 + 1) * 16;
    const uint32_t scores = sets * t->own * (t->other / 4 + 1) * 16 + weights * t->own * (t->other / 4 + 2) * 8;
    const uint32_t rest   = t->threads * 4 + (pass == ATTENTION_FORWARD ? t->own * t->n * 4 : 0) +
                          (pass == ATTENTION_BACKWARD_KV ? t->other * 8 : 0);
    return rows + scores + rest;
}

static bool fits(const GpuInfo *info, const AttentionMatrices *t, AttentionPass pass, uint32_t head_dim)
{
    return t->own % t->m == 0 && t->other % (t->n * t->across) == 0 && t->other % t->k == 0 &&
           t->threads <= info->max_workgroup && t->threads / t->subgroup <= info->max_subgroups &&
           t->threads % t->own == 0 && t->other % (4 * (t->threads / t->own)) == 0 &&
           attention_matrices_shared(t, pass, head_dim) <= info->shared_bytes;
}

bool attention_matrices(const GpuInfo *info, ComputeType compute, AttentionPass pass, uint32_t head_dim,
                        AttentionMatrices *t)
{
    Coopmat coopmat;
    if (head_dim > LARGEST_HEAD || !gpu_has_kernel(attention_coopmat_kernel(pass, compute)) ||
        !coopmat_find(info, compute, &coopmat)) {
        return false;
    }
    const GpuMatrix s = coopmat.shape;
    /* On AMD's cards, in wide subgroups: in those of 32 heads of 64 spill with Mesa 25.0, too. */
    const bool wide  = info->vendor_id == AMD && info->max_subgroup >= 64;
    coopmat.subgroup = wide ? 64 : coopmat.subgroup;
    /* Intel's 128 registers of a subgroup's width do not hold the sums of M tokens, let alone their rows beside them.
     */
    const bool     few    = info->vendor_id == INTEL && coopmat.subgroup < 32;
    const uint32_t across = few ? 32 / coopmat.subgroup : 1;
    for (uint32_t own = ATTENTION_GPU_LANES; own >= s.m; own /= 2) {
        *t = (AttentionMatrices){.m        = s.m,
                                 .n        = s.n,
                                 .k        = s.k,
                                 .own      = own,
                                 .other    = across > 1 ? ATTENTION_GPU_LANES / 2 : own / 2,
                                 .across   = across,
                                 .subgroup = coopmat.subgroup,
                                 .threads  = own / s.m * across * coopmat.subgroup,
                                 .bounded  = info->vendor_id != NVIDIA,
                                 .ahead    = info->driver_id == RADV && info->driver_version < MESA_26};
        if (fits(info, t, pass, head_dim)) {
            return true;
        }
    }
    return false;
}

bool attention_takes_coopmat(const GpuInfo *info, ComputeType compute, uint32_t head_dim)
{
    AttentionMatrices t;
    return attention_matrices(info, compute, ATTENTION_FORWARD, head_dim, &t) &&
           attention_matrices(info, compute, ATTENTION_BACKWARD_Q, head_dim, &t) &&
           attention_matrices(info, compute, ATTENTION_BACKWARD_KV, head_dim, &t);
}

static void dispatch(GpuStream *stream, GpuDispatch *d, AttentionPass pass, const Attention *a)
{
    const AttentionShape shape = a->shape;
    AttentionMatrices    t     = {0};
    if (!attention_matrices(gpu_info(gpu_stream_gpu(stream)), a->compute, pass, shape.head_dim, &t)) {
        gpu_stream_fail(stream, STATUS_FAILED, "attention: the device's matrix units do not take heads of this size");
        return;
    }
    const bool     of_keys = pass == ATTENTION_BACKWARD_KV, split = of_keys && shape.head_dim > LARGEST_SHARED;
    const uint32_t parts = ceil_div(a->lanes, t.own), heads = of_keys ? shape.kv_heads : shape.heads;
    const uint32_t spec[] = {
        t.threads, shape.heads, shape.kv_heads, shape.head_dim, parts,    1,         t.other, 0 /* TEXELS */, t.m,
        t.n,       t.k,         t.own,          split,          t.across, t.bounded, t.ahead};
    const Push push = {a->tile_count, attention_scale(shape)};
    d->kernel       = attention_coopmat_kernel(pass, a->compute);
    d->subgroup     = t.subgroup;
    d->spec_count   = sizeof spec / sizeof *spec;
    for (uint32_t i = 0; i < d->spec_count; i++) {
        d->spec[i] = spec[i];
    }
    d->push      = &push;
    d->push_size = sizeof push;
    d->groups    = gpu_groups((uint64_t)a->tile_count * heads * parts * (split ? 2 : 1), 1);
    gpu_dispatch(stream, d);
}

void attention_record_coopmat_forward(GpuStream *stream, const Attention *a)
{
    GpuDispatch d = {.bind = {gpu_write(a->o), gpu_write(a->lse), gpu_read(a->qkv), gpu_read(a->tiles)}};
    dispatch(stream, &d, ATTENTION_FORWARD, a);
}

void attention_record_coopmat_backward(GpuStream *stream, const Attention *a)
{
    GpuDispatch queries = {.bind = {gpu_write(a->dqkv), gpu_write(a->delta), gpu_read(a->d_o), gpu_read(a->o),
                                    gpu_read(a->lse), gpu_read(a->qkv), gpu_read(a->tiles)}};
    dispatch(stream, &queries, ATTENTION_BACKWARD_Q, a);
    GpuDispatch keys = {.bind = {gpu_write(a->dqkv), gpu_read(a->delta), gpu_read(a->d_o), gpu_read(a->lse),
                                 gpu_read(a->qkv), gpu_read(a->tiles)}};
    dispatch(stream, &keys, ATTENTION_BACKWARD_KV, a);
}
