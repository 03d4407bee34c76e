#include "engine/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/model_parts.h"
#include "engine/random.h"
#include "engine/vk/stream.h"

enum { PIECE_FLOATS = 1 << 20 }; /* host buffer of model_init */

/* --- layout ------------------------------------------------------------------ */

static uint64_t align_floats(uint64_t floats)
{
    return gpu_align(floats * 4) / 4;
}

static ModelTensor *next_tensor(Model *model, const char *name, uint32_t rank, uint64_t rows, uint64_t cols)
{
    ModelTensor *tensor = &model->tensors[model->tensor_count++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->rank     = rank;
    tensor->shape[0] = rows;
    tensor->shape[1] = cols;
    tensor->elements = rows * cols;
    return tensor;
}

/* Appends a vector at the model's current end; returns its offset. */
static uint64_t add_vector(Model *model, const char *name, uint64_t elements)
{
    ModelTensor *tensor = next_tensor(model, name, 1, elements, 1);
    tensor->matrix      = -1;
    tensor->offset      = model->floats;
    model->floats += elements;
    return tensor->offset;
}

static uint64_t add_layer_vector(Model *model, uint32_t layer, const char *name, uint64_t elements)
{
    char full[96];
    snprintf(full, sizeof full, "model.layers.%u.%s", layer, name);
    return add_vector(model, full, elements);
}

/* Appends rows to a matrix: at the model's current end if it is f32. */
static void add_rows(Model *model, uint32_t matrix, const char *name, uint64_t rows, uint64_t cols)
{
    ModelTensor *tensor = next_tensor(model, name, 2, rows, cols);
    Weight      *weight = &model->matrices[matrix];
    tensor->matrix      = (int32_t)matrix;
    tensor->first_row   = weight->rows;
    weight->rows += (uint32_t)rows;
    weight->columns = (uint32_t)cols;
    if (weight->format == WEIGHT_F32) {
        tensor->offset = model->floats;
        model->floats += tensor->elements;
    }
}

/* What has been added since the last time is one piece of memory. */
static void end_group(Model *model)
{
    model->floats = align_floats(model->floats);
    if (model->floats * 4 > model->layout.bytes) {
        gpu_layout_add(&model->layout, model->floats * 4 - model->layout.bytes);
    }
}

static void layout_layer_matrices(Model *model, uint32_t l)
{
    ModelLayer *layer            = &model->layers[l];
    uint64_t   *starts[MATRICES] = {&layer->qkv, &layer->o, &layer->gate_up, &layer->down};
    for (ModelMatrix m = 0; m < MATRICES; m++) {
        *starts[m] = model->floats;
        for (Projection p = matrix_projections[m]; p < matrix_projections[m + 1]; p++) {
            const MatrixShape shape = projection_shape(&model->config, p);
            char              name[96];
            snprintf(name, sizeof name, "model.layers.%u.%s.weight", l, projection_module(p));
            add_rows(model, MATRIX_LAYERS + MATRICES * l + m, name, shape.rows, shape.columns);
        }
        end_group(model);
    }
}

static void layout_matrices(Model *model)
{
    const ModelConfig *c = &model->config;
    for (uint32_t i = 0; i < model_matrix_count(c); i++) {
        model->matrices[i].format = weights_format_of(model->weights, i);
    }
    model->embedding = model->floats;
    add_rows(model, MATRIX_EMBEDDING, "model.embed_tokens.weight", c->vocab_size, c->hidden_size);
    end_group(model);
    model->head = model->embedding;
    if (!c->tie_embeddings) {
        model->head = model->floats;
        add_rows(model, MATRIX_HEAD, "lm_head.weight", c->vocab_size, c->hidden_size);
        end_group(model);
    }
    for (uint32_t l = 0; l < c->layers; l++) {
        layout_layer_matrices(model, l);
    }
    model->decay_floats = model->floats;
}

static void layout_vectors(Model *model)
{
    const ModelConfig *c = &model->config;
    const uint64_t     q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    for (uint32_t l = 0; l < c->layers; l++) {
        ModelLayer *layer = &model->layers[l];
        layer->input_norm = add_layer_vector(model, l, "input_layernorm.weight", c->hidden_size);
        end_group(model);
        layer->post_norm = add_layer_vector(model, l, "post_attention_layernorm.weight", c->hidden_size);
        end_group(model);
        if (c->qkv_bias) {
            layer->qkv_bias = add_layer_vector(model, l, "self_attn.q_proj.bias", q);
            add_layer_vector(model, l, "self_attn.k_proj.bias", kv);
            add_layer_vector(model, l, "self_attn.v_proj.bias", kv);
            end_group(model);
        }
        if (c->qk_norm) {
            layer->q_norm = add_layer_vector(model, l, "self_attn.q_norm.weight", c->head_dim);
            end_group(model);
            layer->k_norm = add_layer_vector(model, l, "self_attn.k_norm.weight", c->head_dim);
            end_group(model);
        }
    }
    model->final_norm = add_vector(model, "model.norm.weight", c->hidden_size);
    end_group(model);
    if (model->value_head) {
        model->value_weight = add_vector(model, "value_head.weight", c->hidden_size);
        end_group(model);
        model->value_bias = add_vector(model, "value_head.bias", 1);
        end_group(model);
    }
}

static bool is_norm(const char *name)
{
    size_t length = strlen(name);
    return length > 11 && strcmp(name + length - 11, "norm.weight") == 0;
}

/* --- life ----------------------------------------------------------------------- */

Model *model_plan(Gpu *gpu, const ModelConfig *config, bool value_head, WeightFormat weights, Error *error)
{
    if (model_config_check(config, "model", error) != STATUS_OK) {
        return NULL;
    }
    Model *model = calloc(1, sizeof *model);
    if (model != NULL) {
        model->gpu            = gpu;
        model->layout         = gpu_layout(gpu);
        model->config         = *config;
        model->config.compute = COMPUTE_F32; /* until model_set_compute */
        model->value_head     = value_head;
        model->tensors        = calloc((size_t)config->layers * 14 + 8, sizeof *model->tensors);
        model->layers         = calloc(config->layers, sizeof *model->layers);
        model->weights        = weights;
        model->matrices       = calloc(model_matrix_count(config), sizeof *model->matrices);
    }
    if (model == NULL || model->tensors == NULL || model->layers == NULL || model->matrices == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "making a model: out of host memory");
        model_free(model);
        return NULL;
    }
    layout_matrices(model);
    layout_vectors(model);
    return model;
}

/* Memory for each layer's matrices, and for the embedding and the head: no buffer of gigabytes is needed. */
static Status allocate_frozen(Model *model, Error *error)
{
    const uint32_t layers = model->config.layers;
    model->frozen         = calloc((size_t)layers + 1, sizeof *model->frozen);
    if (model->frozen == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a model: out of host memory");
    }
    for (uint32_t l = 0; l <= layers; l++) {
        const uint32_t first = l < layers ? MATRIX_LAYERS + MATRICES * l : MATRIX_EMBEDDING;
        const uint32_t last  = l < layers ? first + MATRICES : MATRIX_LAYERS;
        model->frozen[l]     = weights_allocate(model->gpu, "frozen weights", model->matrices, first, last, error);
        if (model->frozen[l] == NULL) {
            return error->status;
        }
    }
    return STATUS_OK;
}

Status model_allocate(Model *model, bool zeroed, Error *error)
{
    model->arena = (zeroed ? gpu_arena_new_cut : gpu_arena_new_cut_unset)(model->gpu, "parameters", GPU_MEMORY_DEVICE,
                                                                          &model->layout, error);
    if (model->arena == NULL) {
        return error->status;
    }
    model->parameters = gpu_arena_take(model->arena, model->floats * 4);
    if (model->weights != WEIGHT_F32) {
        return allocate_frozen(model, error);
    }
    for (uint32_t i = 0; i < model->tensor_count; i++) { /* the first rows of a matrix are where it begins */
        const ModelTensor *tensor = &model->tensors[i];
        if (tensor->matrix >= 0 && tensor->first_row == 0) {
            Weight *w = &model->matrices[tensor->matrix];
            w->data   = model_span(model->parameters, tensor->offset, (uint64_t)w->rows * w->columns);
        }
    }
    return STATUS_OK;
}

Model *model_new(Gpu *gpu, const ModelConfig *config, bool value_head, Error *error)
{
    Model *model = model_plan(gpu, config, value_head, WEIGHT_F32, error);
    if (model == NULL) {
        return NULL;
    }
    const uint32_t widest = config->hidden_size > config->head_dim ? config->hidden_size : config->head_dim;
    float         *ones   = malloc(widest * sizeof *ones);
    Status         status = ones != NULL ? model_allocate(model, true, error)
                                         : error_set(error, STATUS_OUT_OF_MEMORY, "making a model: out of host memory");
    for (uint32_t i = 0; i < widest && ones != NULL; i++) {
        ones[i] = 1.0f;
    }
    for (uint32_t i = 0; i < model->tensor_count && status == STATUS_OK; i++) {
        const ModelTensor *t = &model->tensors[i];
        if (is_norm(t->name)) {
            status =
                gpu_upload(gpu, model_span(model->parameters, t->offset, t->elements), ones, t->elements * 4, error);
        }
    }
    free(ones);
    if (status != STATUS_OK) {
        model_free(model);
        return NULL;
    }
    return model;
}

void model_free(Model *model)
{
    if (model != NULL) {
        lora_free(model->lora);
        if (!model->shares) {
            model_free_copies(model);
            gpu_arena_free(model->arena);
            for (uint32_t l = 0; model->frozen != NULL && l <= model->config.layers; l++) {
                gpu_arena_free(model->frozen[l]);
            }
            free(model->frozen);
            free(model->matrices);
            free(model->tensors);
            free(model->layers);
        }
        free(model);
    }
}

const ModelTensor *model_tensor(const Model *model, const char *name)
{
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        if (strcmp(model->tensors[i].name, name) == 0) {
            return &model->tensors[i];
        }
    }
    return NULL;
}

uint64_t model_parameter_count(const Model *model)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        sum += model->tensors[i].elements;
    }
    return sum;
}

uint64_t model_bytes(const Model *model)
{
    return model->floats * 4 +
           (model->weights != WEIGHT_F32 ? weights_bytes(model->matrices, 0, model_matrix_count(&model->config)) : 0);
}

static double init_std(const Model *model, const ModelTensor *tensor, const ModelInit *init)
{
    if (tensor->rank != 2) {
        return 0.0;
    }
    if (strstr(tensor->name, "embed_tokens") != NULL || strcmp(tensor->name, "lm_head.weight") == 0) {
        return init->embedding_std;
    }
    double std = init->linear_scale / sqrt((double)tensor->shape[1]);
    if (strstr(tensor->name, "o_proj") != NULL || strstr(tensor->name, "down_proj") != NULL) {
        std *= init->residual_scale > 0.0 ? init->residual_scale : 1.0 / sqrt(2.0 * model->config.layers);
    }
    return std;
}

Status model_init(Model *model, const ModelInit *init, uint64_t seed, Error *error)
{
    float *piece = malloc(PIECE_FLOATS * sizeof *piece);
    if (piece == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "initialising a model: out of host memory");
    }
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < model->tensor_count && status == STATUS_OK; i++) {
        const ModelTensor *tensor = &model->tensors[i];
        const double       std    = init_std(model, tensor, init);
        if (std == 0.0) {
            continue;
        }
        Random random = random_stream(seed, RANDOM_INIT, i, 0);
        for (uint64_t done = 0; done < tensor->elements && status == STATUS_OK;) {
            uint64_t count = tensor->elements - done < PIECE_FLOATS ? tensor->elements - done : PIECE_FLOATS;
            for (uint64_t j = 0; j < count; j++) {
                piece[j] = (float)(std * random_normal(&random));
            }
            status = gpu_upload(model->gpu, model_span(model->parameters, tensor->offset + done, count), piece,
                                count * 4, error);
            done += count;
        }
    }
    free(piece);
    return status;
}

Status model_copy(Model *to, const Model *from, Error *error)
{
    if (to->weights != WEIGHT_F32 || from->weights != WEIGHT_F32) {
        return error_set(error, STATUS_FAILED, "copying a model: its matrices are frozen as %s",
                         weight_format_name(to->weights != WEIGHT_F32 ? to->weights : from->weights));
    }
    GpuStream *stream = gpu_stream_new(to->gpu, error);
    if (stream == NULL) {
        return STATUS_FAILED;
    }
    gpu_stream_begin(stream);
    for (uint32_t i = 0; i < from->tensor_count; i++) {
        const ModelTensor *source = &from->tensors[i], *target = model_tensor(to, source->name);
        if (target != NULL) {
            gpu_copy(stream, model_span(to->parameters, target->offset, target->elements),
                     model_span(from->parameters, source->offset, source->elements));
        }
    }
    model_round(stream, to);
    Status status = gpu_stream_run(stream, error);
    gpu_stream_free(stream);
    return status;
}
