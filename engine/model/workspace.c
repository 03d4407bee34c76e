#include "engine/model/workspace.h"

#include <stdlib.h>

#include "engine/ops/columns.h"
#include "engine/ops/logits.h"
#include "engine/ops/matmul.h"
#include "engine/ops/rmsnorm.h"
#include "engine/ops/rope.h"
#include "engine/ops/value_head.h"

enum { LOGITS_BYTES = 64 << 20 };

/* Lays spans out, or only counts their bytes while there are no arenas. */
typedef struct Planner {
    GpuArena *const *arenas; /* [WORKSPACE_PARTS] or NULL */
    int              part;   /* that the next spans belong to */
    GpuLayout        layouts[WORKSPACE_PARTS];
} Planner;

static GpuSpan plan(Planner *planner, uint64_t floats)
{
    floats = floats > 0 ? floats : 1;
    gpu_layout_add(&planner->layouts[planner->part], floats * 4);
    return planner->arenas != NULL ? gpu_arena_take(planner->arenas[planner->part], floats * 4) : (GpuSpan){0};
}

/* Activations that products read, of rows that are multiples of `width`. */
static TypedSpan plan_typed(Planner *planner, ComputeType compute, uint32_t width, uint64_t elements)
{
    const ComputeType stored = typed_storage(compute, width);
    return (TypedSpan){plan(planner, stored == COMPUTE_F32 ? elements : (elements + 1) / 2), stored};
}

static BlockActivations plan_block(Planner *p, const Workspace *w)
{
    const ModelConfig *c = &w->config;
    const uint64_t   t = w->max_tokens, q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    BlockActivations block = {.rstd1     = plan(p, t),
                              .qkv       = plan(p, t * (q + 2 * kv)),
                              .lse       = plan(p, t * c->heads),
                              .attention = plan(p, t * q),
                              .middle    = plan(p, t * c->hidden_size),
                              .rstd2     = plan(p, t),
                              .gate_up   = plan(p, t * 2 * c->intermediate_size)};
    if (c->qk_norm) {
        block.qkv_raw = plan(p, t * (q + 2 * kv));
        block.q_rstd  = plan(p, t * c->heads);
        block.k_rstd  = plan(p, t * c->kv_heads);
    }
    return block;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The most that any product or reduction needs, in bytes. */
static uint64_t scratch_bytes(const Workspace *w)
{
    const ModelConfig *c = &w->config;
    GpuStream         *s = gpu_transfer_stream(w->gpu);
    const uint32_t t = w->max_tokens, d = c->hidden_size, qkv = model_matrix_shape(c, MATRIX_LAYERS + MATRIX_QKV).rows;
    uint64_t       bytes = 256;
    for (uint32_t i = MATRIX_HEAD; i < MATRIX_LAYERS + MATRICES; i++) { /* all layers are alike */
        const MatrixShape m    = model_matrix_shape(c, i);
        const uint32_t    rows = i == MATRIX_HEAD ? w->chunk_rows : t;
        bytes                  = larger(bytes, matmul_workspace_as(s, c->compute, MATMUL_NT, rows, m.rows, m.columns));
        bytes                  = larger(bytes, matmul_workspace_as(s, c->compute, MATMUL_NN, rows, m.columns, m.rows));
        bytes                  = larger(bytes, weight_workspace_as(s, c->compute, rows, m.rows, m.columns));
        bytes                  = larger(bytes, matmul_workspace_as(s, c->compute, MATMUL_TN, m.rows, m.columns,
                                                  i == MATRIX_HEAD ? w->max_rows : t));
    }
    bytes = larger(bytes, rmsnorm_workspace_bytes(rmsnorm_rows(t, d)));
    bytes = larger(bytes, columns_workspace_bytes(t, qkv));
    bytes = larger(bytes, value_head_workspace_bytes(w->max_rows, d));
    if (c->qk_norm) {
        RmsnormRows heads = {.rows = t * c->heads, .width = c->head_dim, .per_token = c->heads, .token_stride = qkv};
        bytes             = larger(bytes, rmsnorm_workspace_bytes(heads));
    }
    return bytes;
}

static void plan_all(Planner *p, Workspace *w)
{
    const ModelConfig *c = &w->config;
    const uint64_t     t = w->max_tokens, r = w->max_rows, d = c->hidden_size, ff = c->intermediate_size;
    const uint64_t     q = (uint64_t)c->heads * c->head_dim, qkv = q + 2 * (uint64_t)c->kv_heads * c->head_dim;
    for (uint32_t l = 0; l <= c->layers; l++) {
        bool own       = w->backward || l < 2; /* inference needs only two, in turn */
        w->residual[l] = own ? plan(p, t * d) : w->residual[l - 2];
    }
    for (uint32_t l = 0; l < c->layers; l++) {
        bool own     = l == 0 || (w->backward && w->recompute == KEEP_ACTIVATIONS);
        w->blocks[l] = own ? plan_block(p, w) : w->blocks[0];
    }
    w->norm        = plan_typed(p, c->compute, c->hidden_size, t * d);
    w->activation  = plan_typed(p, c->compute, c->intermediate_size, t * ff);
    w->rope        = plan(p, rope_table_bytes(w->rope_positions, c->head_dim) / 4);
    p->part        = WORKSPACE_HEAD;
    w->rows_hidden = plan(p, r * d);
    w->rows_norm   = plan(p, r * d);
    w->rows_rstd   = plan(p, r);
    w->logits      = plan(p, (uint64_t)w->chunk_rows * logits_stride(c->vocab_size));
    if (w->backward) {
        w->d_rows = plan(p, r * d);
    }
    p->part    = WORKSPACE_SCRATCH;
    w->scratch = plan(p, scratch_bytes(w) / 4 + 1);
    if (w->backward) {
        p->part         = WORKSPACE_ACTIVATIONS;
        w->d_residual   = plan(p, t * d);
        w->d_norm       = plan(p, larger(t, r) * d);
        w->d_qkv        = plan(p, t * qkv);
        w->d_attention  = plan(p, t * q);
        w->d_delta      = plan(p, t * c->heads);
        w->d_gate_up    = plan_typed(p, c->compute, c->intermediate_size, t * 2 * ff);
        w->d_activation = plan(p, t * ff);
    }
}

static Workspace shape_of(Gpu *gpu, const ModelConfig *config, uint32_t max_tokens, uint32_t max_rows, uint32_t longest,
                          bool backward, Recompute recompute)
{
    Workspace work  = {.gpu            = gpu,
                       .config         = *config,
                       .max_tokens     = max_tokens,
                       .max_rows       = max_rows > 0 ? max_rows : 1,
                       .backward       = backward,
                       .recompute      = recompute,
                       .rope_positions = longest};
    uint64_t  limit = gpu_info(gpu)->max_binding_bytes;
    uint64_t  bytes = limit < LOGITS_BYTES ? limit : LOGITS_BYTES;
    uint64_t  chunk = bytes / (4 * (uint64_t)logits_stride(config->vocab_size));
    chunk           = chunk > 0 ? chunk : 1;
    work.chunk_rows = chunk < work.max_rows ? (uint32_t)chunk : work.max_rows;
    return work;
}

static Status upload_rope(Workspace *work, Error *error)
{
    uint64_t bytes = rope_table_bytes(work->rope_positions, work->config.head_dim);
    float   *table = malloc(bytes);
    if (table == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "planning activations: out of host memory");
    }
    rope_table_fill(table, &work->config.rope, work->rope_positions, work->config.head_dim);
    Status status = gpu_upload(work->gpu, work->rope, table, bytes, error);
    free(table);
    return status;
}

Workspace *workspace_new(Gpu *gpu, const ModelConfig *config, uint32_t max_tokens, uint32_t max_rows, uint32_t longest,
                         bool backward, Recompute recompute, Error *error)
{
    Workspace *work = malloc(sizeof *work);
    if (work == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "planning activations: out of host memory");
        return NULL;
    }
    *work          = shape_of(gpu, config, max_tokens, max_rows, longest, backward, recompute);
    work->residual = calloc((size_t)config->layers + 1, sizeof *work->residual);
    work->blocks   = calloc(config->layers, sizeof *work->blocks);
    if (work->residual == NULL || work->blocks == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "planning activations: out of host memory");
        workspace_free(work);
        return NULL;
    }
    Planner counting = {0};
    for (int part = 0; part < WORKSPACE_PARTS; part++) {
        counting.layouts[part] = gpu_layout(gpu);
    }
    plan_all(&counting, work);
    static const char *const names[WORKSPACE_PARTS] = {"activations of a micro-batch",
                                                       "head, rows and a chunk of logits", "products' work space"};
    for (int part = 0; part < WORKSPACE_PARTS; part++) {
        work->arenas[part] = gpu_arena_new_cut(gpu, names[part], GPU_MEMORY_DEVICE, &counting.layouts[part], error);
        if (work->arenas[part] == NULL) {
            workspace_free(work);
            return NULL;
        }
    }
    Planner placing = {.arenas = work->arenas};
    plan_all(&placing, work);
    if (upload_rope(work, error) != STATUS_OK) {
        workspace_free(work);
        return NULL;
    }
    return work;
}

Status workspace_add_lora(Workspace *work, uint32_t rank, Error *error)
{
    if (rank <= work->lora.rank) {
        return STATUS_OK;
    }
    const uint64_t h        = (uint64_t)work->max_tokens * LORA_WIDEST_GROUP * rank * 4;
    const uint64_t products = larger(
        1, lora_products_bytes(gpu_transfer_stream(work->gpu), &work->config, rank, work->max_tokens, work->backward));
    gpu_arena_free(work->lora_arena);
    work->lora       = (LoraScratch){0};
    work->lora_arena = gpu_arena_new(work->gpu, "activations of adapters", GPU_MEMORY_DEVICE,
                                     (work->backward ? 2 : 1) * gpu_align(h) + gpu_align(products), error);
    if (work->lora_arena == NULL) {
        return error->status;
    }
    work->lora.h        = gpu_arena_take(work->lora_arena, h);
    work->lora.dh       = work->backward ? gpu_arena_take(work->lora_arena, h) : (GpuSpan){0};
    work->lora.products = gpu_arena_take(work->lora_arena, products);
    work->lora.rank     = rank;
    return STATUS_OK;
}

Status workspace_add_dropout(Workspace *work, Error *error)
{
    const ModelConfig *c      = &work->config;
    const uint64_t     widest = larger(larger(c->hidden_size, (uint64_t)c->heads * c->head_dim), c->intermediate_size);
    const uint64_t     bytes  = (uint64_t)work->max_tokens * widest * 4;
    gpu_arena_free(work->dropout_arena);
    work->dropout_arena =
        gpu_arena_new(work->gpu, "inputs of adapters after dropout", GPU_MEMORY_DEVICE, gpu_align(bytes), error);
    work->lora.dropped = work->dropout_arena != NULL ? gpu_arena_take(work->dropout_arena, bytes) : (GpuSpan){0};
    return work->dropout_arena != NULL ? STATUS_OK : error->status;
}

void workspace_free(Workspace *work)
{
    if (work != NULL) {
        gpu_arena_free(work->dropout_arena);
        gpu_arena_free(work->lora_arena);
        for (int part = 0; part < WORKSPACE_PARTS; part++) {
            gpu_arena_free(work->arenas[part]);
        }
        free(work->residual);
        free(work->blocks);
        free(work);
    }
}
