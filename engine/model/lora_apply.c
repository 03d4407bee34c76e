/* The adapters' products, forward and backward. */
#include "engine/model/lora.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"

static bool has(const Lora *lora, Projection target)
{
    return (lora->config.targets >> target & 1) != 0;
}

/* A group as its products see it. `member` are the targets with an adapter; `column` is where their outputs
 * start among the group's, `width` of them. */
typedef struct Group {
    uint32_t   count, in, width;
    Projection member[LORA_WIDEST_GROUP];
    uint32_t   column[LORA_WIDEST_GROUP], out[LORA_WIDEST_GROUP];
} Group;

static Group group_of(const Lora *lora, ModelMatrix group)
{
    Group g = {0};
    for (Projection t = matrix_projections[group]; t < matrix_projections[group + 1]; t++) {
        const MatrixShape shape = projection_shape(&lora->model, t);
        if (has(lora, t)) {
            g.member[g.count] = t;
            g.column[g.count] = g.width;
            g.out[g.count++]  = shape.rows;
        }
        g.in = shape.columns;
        g.width += shape.rows;
    }
    return g;
}

static GpuSpan floats_of(GpuSpan range, uint64_t offset, uint64_t floats)
{
    return gpu_span_slice(range, offset * 4, floats * 4);
}

/* Columns [column, column + width) of a [tokens, stride] matrix. */
static TypedSpan typed_columns_of(TypedSpan matrix, uint32_t column, uint32_t width, uint32_t stride, uint32_t tokens)
{
    return typed_slice(matrix, column, (uint64_t)(tokens - 1) * stride + width);
}

static GpuSpan columns_of(GpuSpan matrix, uint32_t column, uint32_t width, uint32_t stride, uint32_t tokens)
{
    return typed_columns_of(typed_f32(matrix), column, width, stride, tokens).span;
}

static const LoraPlace *places_of(const Lora *lora, uint32_t layer)
{
    return lora->places + (size_t)layer * PROJECTIONS;
}

/* h [tokens, count * rank] = scale A x of the whole group. */
static void down(GpuStream *s, const Lora *lora, const LoraPlace *places, const Group *g, TypedSpan x, uint32_t tokens,
                 const LoraScratch *scratch)
{
    const uint32_t width = g->count * lora->config.rank;
    matmul(s, &(Matmul){.layout    = MATMUL_NT,
                        .compute   = lora->model.compute,
                        .c         = floats_of(scratch->h, 0, (uint64_t)tokens * width),
                        .a         = x.span,
                        .b         = floats_of(lora->parameters, places[g->member[0]].a, (uint64_t)width * g->in),
                        .a_halves  = typed_halves(x),
                        .m         = tokens,
                        .n         = width,
                        .k         = g->in,
                        .workspace = scratch->products});
    elementwise_scale(s, floats_of(scratch->h, 0, (uint64_t)tokens * width), (float)lora_scale(&lora->config),
                      tokens * width);
}

static bool has_room(GpuStream *s, const Lora *lora, const LoraScratch *scratch)
{
    if (scratch->rank < lora->config.rank) {
        gpu_stream_fail(s, STATUS_FAILED, "a model with an adapter runs in a workspace that was planned without one");
        return false;
    }
    if (scratch->dropout.rate > 0 && scratch->dropped.buffer == NULL) {
        gpu_stream_fail(s, STATUS_FAILED, "an adapter has dropout in a workspace that was planned without it");
        return false;
    }
    return true;
}

/* y += scale B (A x) of all members. */
static void add_outputs(GpuStream *s, const Lora *lora, const LoraPlace *places, const Group *g, GpuSpan y, TypedSpan x,
                        uint32_t tokens, const LoraScratch *scratch)
{
    const uint32_t rank = lora->config.rank, ldh = g->count * rank;
    down(s, lora, places, g, x, tokens, scratch);
    for (uint32_t i = 0; i < g->count; i++) {
        matmul(s, &(Matmul){.layout  = MATMUL_NT,
                            .compute = lora->model.compute,
                            .c       = columns_of(y, g->column[i], g->out[i], g->width, tokens),
                            .a       = columns_of(scratch->h, i * rank, rank, ldh, tokens),
                            .b       = floats_of(lora->parameters, places[g->member[i]].b, (uint64_t)g->out[i] * rank),
                            .accumulate = true,
                            .m          = tokens,
                            .n          = g->out[i],
                            .k          = rank,
                            .lda        = ldh,
                            .ldc        = g->width,
                            .workspace  = scratch->products});
    }
}

/* The gradients of A and B of all members; leaves scratch->dh, the gradient of A x. */
static void add_gradients(GpuStream *s, const Lora *lora, const LoraPlace *places, const Group *g, GpuSpan gradients,
                          TypedSpan dy, TypedSpan x, uint32_t tokens, const LoraScratch *scratch)
{
    const uint32_t rank = lora->config.rank, ldh = g->count * rank;
    const GpuSpan  dh = floats_of(scratch->dh, 0, (uint64_t)tokens * ldh);
    down(s, lora, places, g, x, tokens, scratch); /* scaled, and so B's gradient is scale dyᵀ (A x) */
    for (uint32_t i = 0; i < g->count; i++) {
        const TypedSpan dyi = typed_columns_of(dy, g->column[i], g->out[i], g->width, tokens);
        const uint64_t  b = places[g->member[i]].b, b_floats = (uint64_t)g->out[i] * rank;
        matmul(s, &(Matmul){.layout     = MATMUL_TN,
                            .compute    = lora->model.compute,
                            .c          = floats_of(gradients, b, b_floats),
                            .a          = dyi.span,
                            .a_halves   = typed_halves(dyi),
                            .b          = columns_of(scratch->h, i * rank, rank, ldh, tokens),
                            .accumulate = true,
                            .m          = g->out[i],
                            .n          = rank,
                            .k          = tokens,
                            .lda        = g->width,
                            .ldb        = ldh,
                            .workspace  = scratch->products});
        matmul(s, &(Matmul){.layout    = MATMUL_NN,
                            .compute   = lora->model.compute,
                            .c         = columns_of(scratch->dh, i * rank, rank, ldh, tokens),
                            .a         = dyi.span,
                            .a_halves  = typed_halves(dyi),
                            .b         = floats_of(lora->parameters, b, b_floats),
                            .m         = tokens,
                            .n         = rank,
                            .k         = g->out[i],
                            .lda       = g->width,
                            .ldc       = ldh,
                            .workspace = scratch->products});
    }
    elementwise_scale(s, dh, (float)lora_scale(&lora->config), tokens * ldh);
    matmul(s, &(Matmul){.layout     = MATMUL_TN,
                        .compute    = lora->model.compute,
                        .c          = floats_of(gradients, places[g->member[0]].a, (uint64_t)ldh * g->in),
                        .a          = dh,
                        .b          = x.span,
                        .b_halves   = typed_halves(x),
                        .accumulate = true,
                        .m          = ldh,
                        .n          = g->in,
                        .k          = tokens,
                        .workspace  = scratch->products});
}

/* dx (+)= dh A. */
static void input_gradient(GpuStream *s, const Lora *lora, const LoraPlace *places, const Group *g, GpuSpan dx,
                           bool accumulate, uint32_t tokens, const LoraScratch *scratch)
{
    const uint32_t ldh = g->count * lora->config.rank;
    matmul(s, &(Matmul){.layout     = MATMUL_NN,
                        .compute    = lora->model.compute,
                        .c          = dx,
                        .a          = floats_of(scratch->dh, 0, (uint64_t)tokens * ldh),
                        .b          = floats_of(lora->parameters, places[g->member[0]].a, (uint64_t)ldh * g->in),
                        .accumulate = accumulate,
                        .m          = tokens,
                        .n          = g->in,
                        .k          = ldh,
                        .workspace  = scratch->products});
}

/* --- with dropout each matrix has an input of its own, and so is a group of its own */

static Group member_of(const Group *g, uint32_t i)
{
    return (Group){.count  = 1,
                   .in     = g->in,
                   .width  = g->width,
                   .member = {g->member[i]},
                   .column = {g->column[i]},
                   .out    = {g->out[i]}};
}

static DropoutMask mask_of(const LoraDropout *dropout, uint32_t layer, Projection target)
{
    return (DropoutMask){.rate = dropout->rate,
                         .seed = dropout->seed,
                         .step = dropout->step,
                         .row  = dropout->batch << 13 | (layer * PROJECTIONS + target)};
}

/* The member's input, into scratch->dropped. */
static GpuSpan drop(GpuStream *s, const Group *one, TypedSpan x, uint32_t tokens, const DropoutMask *mask,
                    const LoraScratch *scratch)
{
    const GpuSpan dropped = floats_of(scratch->dropped, 0, (uint64_t)tokens * one->in);
    dropout_forward(s, dropped, x, tokens, one->in, mask);
    return dropped;
}

/* --- a group */

void lora_forward(GpuStream *s, const Lora *lora, uint32_t layer, ModelMatrix group, GpuSpan y, TypedSpan x,
                  uint32_t tokens, const LoraScratch *scratch)
{
    const Group      g      = group_of(lora, group);
    const LoraPlace *places = places_of(lora, layer);
    if (g.count == 0 || tokens == 0 || !has_room(s, lora, scratch)) {
        return;
    }
    if (scratch->dropout.rate == 0) {
        add_outputs(s, lora, places, &g, y, x, tokens, scratch);
        return;
    }
    for (uint32_t i = 0; i < g.count; i++) {
        const Group       one  = member_of(&g, i);
        const DropoutMask mask = mask_of(&scratch->dropout, layer, g.member[i]);
        add_outputs(s, lora, places, &one, y, typed_f32(drop(s, &one, x, tokens, &mask, scratch)), tokens, scratch);
    }
}

void lora_backward(GpuStream *s, const Lora *lora, GpuSpan gradients, uint32_t layer, ModelMatrix group, GpuSpan dx,
                   TypedSpan dy, TypedSpan x, uint32_t tokens, const LoraScratch *scratch)
{
    const Group      g      = group_of(lora, group);
    const LoraPlace *places = places_of(lora, layer);
    if (g.count == 0 || tokens == 0 || !has_room(s, lora, scratch)) {
        return;
    }
    if (scratch->dropout.rate == 0) {
        add_gradients(s, lora, places, &g, gradients, dy, x, tokens, scratch);
        if (dx.buffer != NULL) {
            input_gradient(s, lora, places, &g, dx, true, tokens, scratch);
        }
        return;
    }
    for (uint32_t i = 0; i < g.count; i++) {
        const Group       one     = member_of(&g, i);
        const DropoutMask mask    = mask_of(&scratch->dropout, layer, g.member[i]);
        const GpuSpan     dropped = drop(s, &one, x, tokens, &mask, scratch);
        add_gradients(s, lora, places, &one, gradients, dy, typed_f32(dropped), tokens, scratch);
        if (dx.buffer != NULL) {
            input_gradient(s, lora, places, &one, dropped, false, tokens, scratch);
            dropout_backward(s, dx, dropped, tokens, one.in, &mask);
        }
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Of `members` matrices together, and of one of shape [out, in]. */
static uint64_t products_bytes(GpuStream *s, ComputeType compute, uint32_t rank, uint32_t members, MatrixShape shape,
                               uint32_t tokens, bool backward)
{
    const uint32_t out = shape.rows, in = shape.columns;
    uint64_t       bytes = 0;
    for (uint32_t n = 1; n <= members; n++) {
        bytes = larger(bytes, matmul_workspace_as(s, compute, MATMUL_NT, tokens, n * rank, in));
        bytes = backward ? larger(bytes, matmul_workspace_as(s, compute, MATMUL_TN, n * rank, in, tokens)) : bytes;
        bytes = backward ? larger(bytes, matmul_workspace_as(s, compute, MATMUL_NN, tokens, in, n * rank)) : bytes;
    }
    bytes = larger(bytes, matmul_workspace_as(s, compute, MATMUL_NT, tokens, out, rank));
    bytes = backward ? larger(bytes, matmul_workspace_as(s, compute, MATMUL_TN, out, rank, tokens)) : bytes;
    return backward ? larger(bytes, matmul_workspace_as(s, compute, MATMUL_NN, tokens, rank, out)) : bytes;
}

uint64_t lora_products_bytes(GpuStream *s, const ModelConfig *model, uint32_t rank, uint32_t tokens, bool backward)
{
    uint64_t bytes = 0;
    for (ModelMatrix m = 0; m < MATRICES; m++) {
        const uint32_t members = matrix_projections[m + 1] - matrix_projections[m];
        for (Projection p = matrix_projections[m]; p < matrix_projections[m + 1]; p++) {
            const MatrixShape shape = projection_shape(model, p);
            bytes = larger(bytes, products_bytes(s, model->compute, rank, members, shape, tokens, backward));
        }
    }
    return bytes;
}
