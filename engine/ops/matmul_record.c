/* The dispatches of each kernel. */
#include "engine/ops/matmul_pairs.h"
#include "engine/ops/matmul_parts.h"
#include "engine/ops/ops.h"

#include <string.h>

GpuSpan matmul_bindable(GpuSpan span, uint64_t size, uint32_t *before)
{
    const uint64_t rest = span.offset % GPU_ALIGNMENT;
    *before             = (uint32_t)(rest / size);
    return (GpuSpan){span.buffer, span.offset - rest, (span.size + rest + 3) & ~(uint64_t)3};
}

enum { GENERAL_PUSH = 14, PAIRS_PUSH = 5 }; /* words */

/* The rest of the push constants and bindings: include/gemm_pairs.glsl. */
static void add_pairs(const Matmul *p, GpuDispatch *dispatch, uint32_t push[PAIRS_PUSH])
{
    const MatmulPairs *pairs = p->pairs;
    const bool         rope  = pairs->pairing == PAIRS_ROPE;
    push[0]                  = pairs->distance;
    for (push[1] = 0; push[1] < 31 && (!rope || 1u << push[1] < pairs->distance);) {
        push[1]++;
    }
    push[2] = 0;
    push[3] = pairs->rotated;
    push[4] = pairs->positions;
    if (dispatch->bind[5].span.buffer == NULL) {
        dispatch->bind[5] = dispatch->bind[1]; /* not read */
    }
    if (pairs->pairing == PAIRS_SWIGLU) {
        dispatch->bind[0].span = matmul_bindable(pairs->act.span, 4, &push[2]); /* C is not written */
    }
    dispatch->bind[6] =
        rope ? dispatch->bind[0] : gpu_write(matmul_bindable(pairs->act.span, typed_size(pairs->act), &push[2]));
    dispatch->bind[7] = rope ? gpu_read(pairs->table) : dispatch->bind[1];
    dispatch->bind[8] = rope ? gpu_read(pairs->position) : dispatch->bind[1];
}

void matmul_record_general(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue,
                           GpuDispatch *dispatch)
{
    uint32_t      before[5];
    const GpuSpan to   = matmul_bindable(c, 4, &before[0]);
    const GpuSpan a    = matmul_bindable(p->a, a_size(p), &before[1]);
    const GpuSpan b    = matmul_bindable(p->b, b_size(p), &before[2]);
    const GpuSpan add  = matmul_bindable(epilogue & ADD_MATRIX ? p->add : p->a, 4, &before[3]);
    const GpuSpan bias = matmul_bindable(epilogue & ADD_BIAS ? p->bias : p->a, 4, &before[4]);
    uint32_t      push[GENERAL_PUSH + PAIRS_PUSH] = {p->m,          p->n,
                                                     p->k,          p->lda,
                                                     p->ldb,        plan->slices > 1 ? p->n : p->ldc,
                                                     plan->k_slice, plan->slices > 1 ? p->m * p->n : 0,
                                                     epilogue,      before[0],
                                                     before[1],     before[2],
                                                     before[3],     before[4]};
    const GpuBind bind[5] = {epilogue & ADD_C ? gpu_read_write(to) : gpu_write(to), gpu_read(a), gpu_read(b),
                             gpu_read(add), gpu_read(bias)};
    memcpy(dispatch->bind, bind, sizeof bind);
    if (p->pairs != NULL) {
        add_pairs(p, dispatch, push + GENERAL_PUSH);
    }
    dispatch->flops     = 2.0 * p->m * p->n * p->k;
    dispatch->push      = push;
    dispatch->push_size = (p->pairs != NULL ? GENERAL_PUSH + PAIRS_PUSH : GENERAL_PUSH) * sizeof *push;
    dispatch->groups    = (GpuGroups){ceil_div(p->n, plan->tile_n), ceil_div(p->m, plan->tile_m), plan->slices};
    gpu_dispatch(stream, dispatch);
}

void matmul_record_tiled(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue)
{
    const uint32_t reg = plan->tiles.part_m, side = plan->tile_m / reg;
    GpuDispatch    dispatch = {.kernel = p->pairs != NULL ? "gemm_tiled_pairs" : "gemm_tiled",
                               .spec = {side * side, p->layout, plan->tile_m, reg, p->compute, p->a_halves, p->b_halves},
                               .spec_count = 7};
    if (p->pairs != NULL) {
        dispatch.spec[dispatch.spec_count++] = p->pairs->pairing;
    }
    matmul_record_general(stream, p, plan, c, epilogue, &dispatch);
}

/* One pass: k in [first, first + count). A count that is no multiple of the step is padded, and less than one. */
void matmul_record_lanes(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue,
                         uint32_t first, uint32_t count)
{
    const bool     padded = count % plan->tile_k != 0, packed_before = p->panels.buffer != NULL;
    const uint32_t length = matmul_panel_length(count), lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    const uint32_t panels = ceil_div(p->n, plan->tile_n), tiles = ceil_div(p->m, plan->tile_m);
    const GpuSpan  packed = packed_before ? matmul_panels_pass(p->panels, plan, p->n, first, count)
                                          : matmul_panels_pass(p->workspace, plan, p->n, 0, count);
    const uint64_t a_step = p->layout == MATMUL_TN ? p->lda : 1;
    if (!packed_before) {
        matmul_record_pack(stream, p, plan, packed, first, count);
    }

    const GpuSpan  add = epilogue & ADD_MATRIX ? p->add : p->a, bias = epilogue & ADD_BIAS ? p->bias : p->a;
    const uint32_t k_slice = plan->slices > 1 ? plan->k_slice : length;
    /* Along C's rows its lines are written one after another; but of TN's A, low tiles one below another share lines.
     */
    const bool     across = p->layout != MATMUL_TN || plan->tile_m > 8;
    const uint64_t inner  = (uint64_t)(across ? plan->tile_n : plan->tile_m) * k_slice * 4; /* bytes of B, of A: */
    const uint32_t fit    = (uint32_t)((256 << 10) / inner); /* a block of them stays in a second-level cache */
    const uint32_t along = across ? panels : tiles, blocks = ceil_div(along, fit > 0 ? fit : 1);
    const struct {
        uint64_t a, b, c, add, bias;
        uint32_t m, n, k, lda, ldc, blocks, k_slice, c_plane, k_last, padding;
    } push = {gpu_span_address(p->a) + first * a_step * 4,
              gpu_span_address(packed),
              gpu_span_address(c),
              gpu_span_address(add),
              gpu_span_address(bias),
              p->m,
              matmul_whole(p->n),
              length,
              p->lda,
              plan->slices > 1 ? p->n : p->ldc,
              blocks,
              k_slice,
              plan->slices > 1 ? p->m * p->n : 0,
              count - 1,
              0};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_lanes",
                                        .spec       = {lanes, p->layout == MATMUL_TN ? MATMUL_TN : MATMUL_NN, epilogue,
                                                 padded ? length : plan->tile_k, plan->tile_m, padded, across},
                                        .spec_count = 7,
                                        .flops      = 2.0 * p->m * p->n * count,
                                        .bind       = {gpu_by_address(c, epilogue & ADD_C ? GPU_READ_WRITE : GPU_WRITE),
                                                       gpu_by_address(p->a, GPU_READ), gpu_by_address(packed, GPU_READ),
                                                       gpu_by_address(add, GPU_READ), gpu_by_address(bias, GPU_READ)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = {ceil_div(along, blocks), across ? tiles : panels,
                                                       blocks * ceil_div(length, k_slice)}});
}

/* One pass: k in [first, first + count). */
void matmul_record_texel(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue,
                         uint32_t first, uint32_t count)
{
    const uint32_t lanes    = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    const bool     planes   = plan->slices > 1;
    const uint32_t step     = matmul_texel_step(lanes);
    const uint32_t push[10] = {p->m,       p->n,          first + count,
                               p->lda / 4, p->ldb / 4,    (planes ? p->n : p->ldc) / 4,
                               first,      plan->k_slice, planes ? p->m * p->n / 4 : 0,
                               0};
    gpu_dispatch(
        stream,
        &(GpuDispatch){
            .kernel = "gemm_texel",
            .spec   = {lanes, p->layout, epilogue, plan->tile_m, step, count % step != 0, matmul_texel_permutes(lanes)},
            .spec_count = 7,
            .flops      = 2.0 * p->m * p->n * count,
            .bind       = {epilogue & ADD_C ? gpu_read_write(c) : gpu_write(c), gpu_texel(matmul_whole_texels(p->a)),
                     gpu_texel(matmul_whole_texels(p->b)), matmul_added_texels(p, epilogue & ADD_MATRIX, p->add),
                     matmul_added_texels(p, epilogue & ADD_BIAS, p->bias), matmul_added_texels(p, epilogue & ADD_C, c)},
            .push       = push,
            .push_size  = sizeof push,
            .groups = {ceil_div(p->n, plan->tile_n), ceil_div(p->m, plan->tile_m), ceil_div(count, plan->k_slice)}});
}

static void record_round(GpuStream *stream, GpuSpan to, uint32_t pitch, GpuSpan from, uint32_t rows, uint32_t width,
                         uint32_t stride, ComputeType compute, bool halves, bool packed)
{
    uint32_t       push[5] = {rows, width, stride, pitch, 0};
    const uint32_t group   = ops_group_elements(stream);
    const GpuSpan  words   = matmul_bindable(from, halves ? 2 : 4, &push[4]);
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "gemm_round",
                                .spec       = {group, compute, halves, packed},
                                .spec_count = 4,
                                .bind       = {gpu_write(to), gpu_read(words)},
                                .push       = push,
                                .push_size  = sizeof push,
                                .groups     = gpu_groups((uint64_t)rows * ceil_div(packed ? pitch : width, 2), group)});
}

void matmul_record_round(GpuStream *stream, GpuSpan to, uint32_t pitch, GpuSpan from, uint32_t rows, uint32_t width,
                         uint32_t stride, ComputeType compute, bool halves)
{
    record_round(stream, to, pitch, from, rows, width, stride, compute, halves, false);
}

void matmul_record_halves(GpuStream *stream, GpuSpan to, uint32_t pitch, GpuSpan from, uint32_t rows, uint32_t width,
                          uint32_t stride, ComputeType compute)
{
    record_round(stream, to, pitch, from, rows, width, stride, compute, false, true);
}

void matmul_record_reduce(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan planes, uint32_t epilogue)
{
    const uint32_t push[4] = {p->m, p->n, p->ldc, plan->slices};
    const uint32_t group   = ops_group_elements(stream);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_reduce",
                                        .spec       = {group, p->layout, epilogue},
                                        .spec_count = 3,
                                        .bind       = {epilogue & ADD_C ? gpu_read_write(p->c) : gpu_write(p->c),
                                                 gpu_read(planes), gpu_read(epilogue & ADD_MATRIX ? p->add : planes),
                                                 gpu_read(epilogue & ADD_BIAS ? p->bias : planes)},
                                        .push      = push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups((uint64_t)p->m * p->n, group)});
}
