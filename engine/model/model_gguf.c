/* The tensors of a GGUF file, and what is read for them. */
#include "engine/model/model_gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/lora_io.h"
#include "engine/model/model_parts.h"

enum { FILE_NAME_SIZE = 128, NAME_SIZE = GGUF_NAME_MAX + 1 };

/* Where a tensor comes from: a file's tensor, with or without an adapter's product added, or the rope factors. */
typedef struct Source {
    GgufModel        *model;
    const Safetensor *from;    /* NULL: the rope factors           */
    bool              reorder; /* its rows are those of q or k     */
    bool              merged;  /* the adapter's are added          */
    uint32_t          layer;   /* of a matrix that may be merged   */
    Projection        target;
    char              name[FILE_NAME_SIZE]; /* in the file */
} Source;

struct GgufModel {
    ModelConfig     config;
    SafetensorsSet *set; /* NULL: an adapter alone */
    LoraFiles       adapter;
    LoraMerge       merge;
    Source         *sources; /* never moves: the writer refers to them */
    size_t          count, room;
};

static const char *const targets[PROJECTIONS] = {
    [PROJECTION_Q] = "attn_q",      [PROJECTION_K] = "attn_k",      [PROJECTION_V] = "attn_v",
    [PROJECTION_O] = "attn_output", [PROJECTION_GATE] = "ffn_gate", [PROJECTION_UP] = "ffn_up",
    [PROJECTION_DOWN] = "ffn_down",
};

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "exporting a model: out of host memory");
}

const ModelConfig *gguf_model_config(const GgufModel *model)
{
    return &model->config;
}

/* --- reading */

static Status read_part(const Source *source, uint64_t first, uint64_t count, float *out, Error *error)
{
    return source->merged ? lora_merge_read(&source->model->merge, source->from, source->layer, source->target, first,
                                            count, out, error)
                          : safetensor_to_f32(source->from, out, first, count, error);
}

/* The hub's row of row `row` of llama's q or k: of the pair (2 i, 2 i + 1) of a head, i and i + head_dim / 2. */
static uint64_t row_before(uint64_t row, uint32_t head_dim)
{
    const uint64_t within = row % head_dim;
    return row - within + within % 2 * (head_dim / 2) + within / 2;
}

static Status read_rows(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const Source  *source  = context;
    const uint64_t columns = source->from->shape[source->from->rank - 1];
    Status         status  = STATUS_OK;
    if (!source->reorder) {
        return read_part(source, first * columns, count * columns, out, error);
    }
    for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
        const uint64_t row = row_before(first + i, source->model->config.head_dim);
        status             = read_part(source, row * columns, columns, out + i * columns, error);
    }
    return status;
}

/* What llama.cpp divides the frequency of each pair by. */
static Status read_rope_factors(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const ModelConfig *config = &((const Source *)context)->model->config;
    const RopeConfig   plain  = {.theta = config->rope.theta};
    (void)first;
    (void)count;
    (void)error;
    for (uint32_t i = 0; i < config->head_dim / 2; i++) {
        out[i] =
            (float)(rope_frequency(&plain, config->head_dim, i) / rope_frequency(&config->rope, config->head_dim, i));
    }
    return STATUS_OK;
}

/* --- adding */

static GgufType stored_type(const Safetensor *tensor)
{
    return tensor->dtype == DTYPE_BF16 ? GGUF_BF16 : tensor->dtype == DTYPE_F16 ? GGUF_F16 : GGUF_F32;
}

/* A tensor of the file `set` under another name; `type` counts for matrices. */
static Status add(GgufModel *model, const SafetensorsSet *set, const Source *what, MatrixShape shape, GgufType type,
                  const char *name, GgufWriter *gguf, Error *error)
{
    const uint64_t sizes[2] = {shape.rows, shape.columns};
    const bool     vector   = shape.rows == 0;
    Source        *source   = &model->sources[model->count++];
    *source                 = *what;
    source->model           = model;
    source->from            = safetensors_expect(set, source->name, vector ? 1 : 2, vector ? &sizes[1] : sizes, error);
    if (source->from == NULL) {
        return STATUS_BAD_INPUT;
    }
    GgufTensor tensor = {.type    = vector               ? GGUF_F32
                                    : type == GGUF_TYPES ? stored_type(source->from)
                                                         : type,
                         .rows    = shape.rows,
                         .columns = shape.columns,
                         .read    = read_rows,
                         .context = source};
    snprintf(tensor.name, sizeof tensor.name, "%.*s", GGUF_NAME_MAX, name);
    gguf_add_tensor(gguf, &tensor);
    return STATUS_OK;
}

/* Whether llama.cpp wants the rows of this matrix in another order. */
static bool is_reordered(const ModelConfig *config, Projection target)
{
    return config->family == MODEL_LLAMA && (target == PROJECTION_Q || target == PROJECTION_K);
}

static Status add_vector(GgufModel *model, uint32_t size, const char *from, const char *name, GgufWriter *gguf,
                         Error *error)
{
    Source source = {0};
    snprintf(source.name, sizeof source.name, "%s", from);
    return add(model, model->set, &source, (MatrixShape){0, size}, GGUF_F32, name, gguf, error);
}

static Status add_layer_vector(GgufModel *model, uint32_t layer, uint32_t size, const char *from, const char *to,
                               GgufWriter *gguf, Error *error)
{
    char source[FILE_NAME_SIZE], name[NAME_SIZE];
    snprintf(source, sizeof source, "model.layers.%u.%s", layer, from);
    snprintf(name, sizeof name, "blk.%u.%s", layer, to);
    return add_vector(model, size, source, name, gguf, error);
}

static Status add_projection(GgufModel *model, uint32_t layer, Projection target, GgufType type, GgufWriter *gguf,
                             Error *error)
{
    const ModelConfig *c      = &model->config;
    const bool         biased = c->qkv_bias && target <= PROJECTION_V;
    char               name[NAME_SIZE];
    Source             source = {.reorder = is_reordered(c, target),
                                 .merged  = (model->adapter.config.targets >> target & 1) != 0,
                                 .layer   = layer,
                                 .target  = target};
    snprintf(source.name, sizeof source.name, "model.layers.%u.%s.weight", layer, projection_module(target));
    snprintf(name, sizeof name, "blk.%u.%s.weight", layer, targets[target]);
    Status status = add(model, model->set, &source, projection_shape(c, target), type, name, gguf, error);
    if (status == STATUS_OK && biased) {
        char from[FILE_NAME_SIZE / 2], to[NAME_SIZE / 2];
        snprintf(from, sizeof from, "%s.bias", projection_module(target));
        snprintf(to, sizeof to, "%s.bias", targets[target]);
        status = add_layer_vector(model, layer, projection_shape(c, target).rows, from, to, gguf, error);
    }
    return status;
}

static Status add_layer(GgufModel *model, uint32_t layer, GgufType type, GgufWriter *gguf, Error *error)
{
    const ModelConfig *c = &model->config;
    Status             status =
        add_layer_vector(model, layer, c->hidden_size, "input_layernorm.weight", "attn_norm.weight", gguf, error);
    for (Projection p = 0; p < PROJECTIONS && status == STATUS_OK; p++) {
        status = add_projection(model, layer, p, type, gguf, error);
    }
    if (status == STATUS_OK && c->qk_norm) {
        status =
            add_layer_vector(model, layer, c->head_dim, "self_attn.q_norm.weight", "attn_q_norm.weight", gguf, error);
        status = status == STATUS_OK ? add_layer_vector(model, layer, c->head_dim, "self_attn.k_norm.weight",
                                                        "attn_k_norm.weight", gguf, error)
                                     : status;
    }
    return status == STATUS_OK ? add_layer_vector(model, layer, c->hidden_size, "post_attention_layernorm.weight",
                                                  "ffn_norm.weight", gguf, error)
                               : status;
}

static void add_rope_factors(GgufModel *model, GgufWriter *gguf)
{
    Source *source = &model->sources[model->count++];
    *source        = (Source){.model = model};
    gguf_add_tensor(gguf, &(GgufTensor){.name    = "rope_freqs.weight",
                                        .type    = GGUF_F32,
                                        .columns = model->config.head_dim / 2,
                                        .read    = read_rope_factors,
                                        .context = source});
}

static Status add_rows(GgufModel *model, const char *from, const char *name, GgufType type, GgufWriter *gguf,
                       Error *error)
{
    Source source = {0};
    snprintf(source.name, sizeof source.name, "%s", from);
    return add(model, model->set, &source, (MatrixShape){model->config.vocab_size, model->config.hidden_size}, type,
               name, gguf, error);
}

static Status add_model(GgufModel *model, GgufType type, GgufWriter *gguf, Error *error)
{
    const ModelConfig *c      = &model->config;
    Status             status = add_rows(model, "model.embed_tokens.weight", "token_embd.weight", type, gguf, error);
    for (uint32_t l = 0; l < c->layers && status == STATUS_OK; l++) {
        status = add_layer(model, l, type, gguf, error);
    }
    status = status == STATUS_OK
                 ? add_vector(model, c->hidden_size, "model.norm.weight", "output_norm.weight", gguf, error)
                 : status;
    if (status == STATUS_OK && !c->tie_embeddings) {
        status = add_rows(model, "lm_head.weight", "output.weight", type, gguf, error);
    }
    if (status == STATUS_OK && c->rope.type == ROPE_LLAMA3) {
        add_rope_factors(model, gguf);
    }
    return status;
}

/* A tensor that nothing reads means that the model is not what its config says. */
static Status check_all_read(const GgufModel *model, Error *error)
{
    for (size_t i = 0; i < safetensors_count(model->set); i++) {
        const Safetensor *found = safetensors_at(model->set, i);
        bool              known = model_may_ignore(&model->config, found->name);
        for (size_t j = 0; j < model->count && !known; j++) {
            known = model->sources[j].from == found;
        }
        if (!known) {
            return error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' belongs to no part of the model in config.json",
                             found->file, found->name);
        }
    }
    return STATUS_OK;
}

/* --- opening */

static Status check_rope(const ModelConfig *config, const char *where, Error *error)
{
    const RopeConfig *rope = &config->rope;
    if (rope->type == ROPE_LLAMA3 && config->family != MODEL_LLAMA) {
        return error_set(error, STATUS_BAD_INPUT, "%s: llama.cpp has llama3 rope scaling for llama alone, not for %s",
                         where, gguf_architecture(config));
    }
    if (rope->type == ROPE_YARN && rope->exact_range) {
        return error_set(error, STATUS_BAD_INPUT, "%s: llama.cpp has no yarn rope scaling with \"truncate\": false",
                         where);
    }
    return STATUS_OK;
}

static GgufModel *new_model(size_t room, Error *error)
{
    GgufModel *model = calloc(1, sizeof *model);
    if (model != NULL && (model->sources = calloc(room, sizeof *model->sources)) == NULL) {
        free(model);
        model = NULL;
    }
    if (model == NULL) {
        out_of_memory(error);
    }
    return model;
}

static Status open_files(GgufModel *model, const char *directory, const char *adapter, Error *error)
{
    model->set    = safetensors_open(directory, error);
    Status status = model->set != NULL ? model_check_tied_head(&model->config, model->set, error) : error->status;
    if (status == STATUS_OK && adapter != NULL) {
        status             = lora_files_open(&model->adapter, adapter, &model->config, error);
        model->merge.files = &model->adapter;
    }
    return status;
}

GgufModel *gguf_model_open(const char *directory, const char *adapter, GgufType type, GgufWriter *gguf, Error *error)
{
    enum { MOST_OF_A_LAYER = 2 + PROJECTIONS + 3 + 2, OTHERS = 4 };
    ModelConfig config;
    GgufModel  *model  = NULL;
    char       *path   = path_join(directory, "config.json");
    Status      status = path != NULL ? model_config_read(&config, path, error) : out_of_memory(error);
    status             = status == STATUS_OK ? check_rope(&config, path, error) : status;
    if (status == STATUS_OK) {
        model  = new_model(OTHERS + (size_t)config.layers * MOST_OF_A_LAYER, error);
        status = model != NULL ? STATUS_OK : STATUS_OUT_OF_MEMORY;
    }
    if (status == STATUS_OK) {
        model->config = config;
        status        = open_files(model, directory, adapter, error);
        status        = status == STATUS_OK ? add_model(model, type, gguf, error) : status;
        status        = status == STATUS_OK ? check_all_read(model, error) : status;
    }
    free(path);
    if (status != STATUS_OK) {
        gguf_model_close(model);
        return NULL;
    }
    return model;
}

void gguf_model_close(GgufModel *model)
{
    if (model != NULL) {
        lora_merge_end(&model->merge);
        lora_files_close(&model->adapter);
        safetensors_close(model->set);
        free(model->sources);
        free(model);
    }
}

/* --- adapters */

static Status add_pair(GgufModel *model, uint32_t layer, Projection target, GgufType type, GgufWriter *gguf,
                       Error *error)
{
    const MatrixShape matrix = projection_shape(&model->config, target);
    const uint32_t    rank   = model->adapter.config.rank;
    Status            status = STATUS_OK;
    for (int b = 0; b < 2 && status == STATUS_OK; b++) {
        const Safetensor *from   = lora_files_tensor(&model->adapter, layer, target, b == 1);
        Source            source = {.reorder = b == 1 && is_reordered(&model->config, target)};
        char              name[NAME_SIZE];
        snprintf(source.name, sizeof source.name, "%s", from->name);
        snprintf(name, sizeof name, "blk.%u.%s.weight.lora_%c", layer, targets[target], b == 1 ? 'b' : 'a');
        status = add(model, model->adapter.set, &source,
                     b == 1 ? (MatrixShape){matrix.rows, rank} : (MatrixShape){rank, matrix.columns}, type, name, gguf,
                     error);
    }
    return status;
}

GgufModel *gguf_adapter_open(const char *adapter, const ModelConfig *base, GgufType type, GgufWriter *gguf,
                             Error *error)
{
    GgufModel *model = new_model((size_t)2 * PROJECTIONS * base->layers, error);
    if (model == NULL) {
        return NULL;
    }
    model->config = *base;
    Status status = lora_files_open(&model->adapter, adapter, base, error);
    if (status == STATUS_OK && model->adapter.config.alpha == 0) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "%s: lora_alpha is 0, which llama.cpp takes for a scale of 1; such an adapter does nothing",
                           adapter);
    }
    for (uint32_t i = 0; i < base->layers * PROJECTIONS && status == STATUS_OK; i++) {
        if (model->adapter.config.targets >> i % PROJECTIONS & 1) {
            status = add_pair(model, i / PROJECTIONS, i % PROJECTIONS, type, gguf, error);
        }
    }
    if (status != STATUS_OK) {
        gguf_model_close(model);
        return NULL;
    }
    return model;
}

void gguf_adapter_add_keys(GgufWriter *gguf, const GgufModel *model)
{
    const LoraConfig *config = &model->adapter.config;
    gguf_add_text(gguf, "adapter.type", "lora");
    gguf_add_f32(gguf, "adapter.lora.alpha", (float)(lora_scale(config) * config->rank));
}
