/* Model: a Llama-family decoder's parameters on the device.
 *
 *     Model *model = model_load(gpu, "dir", false, &error);          // or model_new + model_init
 *     …Workspace (workspace.h) runs it forward and backward…
 *     model_save(model, "out", DTYPE_F32, &error);
 *     model_free(model);
 *
 * All parameters lie in one flat f32 range, each tensor at a multiple of 64
 * floats (what every device can bind): first everything that weight decay applies
 * to (matrices), then the rest (norms, biases, value head). q, k and v of a layer
 * are neighbours without a gap, and so are gate and up, so that each group is one
 * matrix to the kernels. Gradients and optimizer moments are ranges of the same
 * layout (model_tensor_span).
 *
 * Products are computed in f32, or in a 16-bit type (model_set_compute): then f32 matrices have copies of that type,
 * which every product and look-up reads, and which are rounded anew after each step (model_round). The rest of the
 * model's arithmetic is f32 always.
 *
 * A model may carry an adapter (lora.h): then only the adapter is trained, and gradients are a range of the
 * adapter's layout. Several models may have one base: each shares its parameters and has an adapter of its own.
 */
#ifndef ENGINE_MODEL_MODEL_H
#define ENGINE_MODEL_MODEL_H

#include "engine/io/safetensors.h"
#include "engine/model/config.h"
#include "engine/model/lora.h"
#include "engine/model/weights.h"
#include "engine/vk/memory.h"
#include "engine/vk/stream.h"

typedef struct ModelTensor {
    char     name[96]; /* as in Hugging Face files; "value_head.weight", "value_head.bias" */
    uint64_t offset;   /* floats from the start of the range; of a frozen matrix 0 */
    uint32_t rank;
    uint64_t shape[2];
    uint64_t elements;
    int32_t  matrix;    /* index among the model's matrices; -1: a vector */
    uint32_t first_row; /* of the matrix                                  */
} ModelTensor;

/* Where a layer's pieces start, in floats (matrices: if they are f32). Fields that a family lacks are unused. */
typedef struct ModelLayer {
    uint64_t input_norm, qkv, qkv_bias, q_norm, k_norm, o, post_norm, gate_up, down;
} ModelLayer;

typedef struct Model {
    Gpu         *gpu;
    ModelConfig  config;
    bool         value_head; /* has value_head.weight [hidden_size] and value_head.bias [1] */
    ModelTensor *tensors;
    uint32_t     tensor_count;
    ModelLayer  *layers;
    uint64_t     embedding, head, final_norm, value_weight, value_bias; /* floats; head == embedding if tied */
    WeightFormat weights;      /* of the matrices; not f32: they are frozen, outside the range */
    Weight      *matrices;     /* [model_matrix_count]: model_matrix() and its like     */
    Weight      *copies;       /* of f32 matrices in config.compute; NULL: it is f32, or they are not */
    GpuArena   **copy_arenas;  /* [layers + 1]                                              */
    uint64_t     floats;       /* of the whole range                                   */
    uint64_t     decay_floats; /* leading part that weight decay applies to            */
    bool         shares;       /* arenas, tensors, matrices and layers are another model's   */
    GpuArena    *arena;
    GpuArena   **frozen;     /* [layers + 1]: matrices of each layer, embedding and head; NULL: f32 */
    GpuLayout    layout;     /* of the range: no tensor lies in two buffers */
    GpuSpan      parameters; /* f32 [floats] */
    Lora        *lora;       /* owned; NULL: none. Its value head, if it has one, is the model's */
} Model;

/* How model_init draws: normal distributions with these standard deviations. */
typedef struct ModelInit {
    double embedding_std;  /* embeddings and an untied head                                  */
    double linear_scale;   /* other matrices: this / sqrt(fan_in)                            */
    double residual_scale; /* attention o and mlp down: times this; 0: 1 / sqrt(2 layers)    */
} ModelInit;

/* Parameters zeroed, norms 1. NULL with *error set on failure. */
Model *model_new(Gpu *gpu, const ModelConfig *config, bool value_head, Error *error);

/* Random parameters from (seed, RANDOM_INIT, tensor). */
Status model_init(Model *model, const ModelInit *init, uint64_t seed, Error *error);

/* From a Hugging Face directory (config.json and safetensors of f32, bf16, f16).
 * With `value_head`, the file's value head if it has one, else zeros. A tensor that is
 * missing, has another shape, or that the config has no place for is STATUS_BAD_INPUT
 * (rotary inv_freq buffers, a value head and a tied lm_head may be there unread). On a device
 * that is only planned for, config.json is all that is read, and need be there. */
Model *model_load(Gpu *gpu, const char *directory, bool value_head, Error *error);

/* The same for a model that is only read or carries adapters: its matrices stay in `weights` (weights.h), quantized
 * on the way to the device. Training a model that is not f32 without an adapter is refused (learner_new). */
Model *model_load_frozen(Gpu *gpu, const char *directory, bool value_head, WeightFormat weights, Error *error);

/* A model's memory without its values, for a device that is only planned for. */
Model *model_shape(Gpu *gpu, const ModelConfig *config, bool value_head, WeightFormat weights, Error *error);

/* What *weights, which may be WEIGHTS_AS_STORED, comes to for the files of a directory. */
Status model_resolve_weights(const char *directory, WeightFormat *weights, Error *error);

/* Writes config.json and the weights; what the directory holds besides stays. STATUS_BAD_INPUT for a model whose
 * matrices are frozen: the directory that it was loaded from has them, without the loss. */
Status model_save(const Model *model, const char *directory, Dtype dtype, Error *error);

/* Parameters of `from` into `to`; same config, both f32. A value head that only one of them
 * has stays as it is. */
Status model_copy(Model *to, const Model *from, Error *error);

/* model_load_frozen, and the adapter of a PEFT directory on it; `adapter` NULL: none. */
Model *model_load_adapted(Gpu *gpu, const char *directory, const char *adapter, WeightFormat weights, Error *error);

/* STATUS_BAD_INPUT for what is no directory, or holds an adapter alone or a run's models: the text says what to name.
 */
Status model_check_directory(const char *directory, Error *error);

/* What the products of a model that does not share its base are computed in; f32 at first. Adapters on it follow if
 * they are put on later. Makes or frees the copies of f32 matrices. On failure it is as computed in f32, without
 * copies. */
Status model_set_compute(Model *model, ComputeType compute, Error *error);

/* Records the rounding of f32 matrices to their copies, if there are any: after whatever has changed them. */
void model_round(GpuStream *stream, const Model *model);

/* `base` with an adapter on; it takes `lora`, also on failure. The base must outlive it. `lora` NULL: the base as it
 * is. */
Model *model_with_lora(const Model *base, Lora *lora, Error *error);

void model_free(Model *model); /* NULL is allowed; the device must be idle */

/* The rank that workspaces and decoders need room for; 0: no adapter. */
static inline uint32_t model_lora_rank(const Model *model)
{
    return model->lora != NULL ? model->lora->config.rank : 0;
}

/* The range that training changes: the adapter's if there is one. Its length, and how much of it may decay, in floats.
 */
static inline GpuSpan model_trained(const Model *model)
{
    return model->lora != NULL ? model->lora->parameters : model->parameters;
}
static inline uint64_t model_trained_floats(const Model *model)
{
    return model->lora != NULL ? model->lora->floats : model->floats;
}
static inline uint64_t model_trained_decay(const Model *model)
{
    return model->lora != NULL ? model->lora->decay_floats : model->decay_floats;
}

/* How a range as long is laid out. */
static inline GpuLayout model_trained_layout(const Model *model)
{
    GpuLayout layout = model->layout;
    if (model->lora != NULL) {
        layout = gpu_layout(model->gpu);
        gpu_layout_add(&layout, model->lora->floats * 4);
    }
    return layout;
}

/* The matrices as the products take them. */
static inline const Weight *model_computed(const Model *model)
{
    return model->copies != NULL ? model->copies : model->matrices;
}
static inline const Weight *model_matrix(const Model *model, uint32_t layer, ModelMatrix matrix)
{
    return &model_computed(model)[MATRIX_LAYERS + MATRICES * layer + matrix];
}
static inline const Weight *model_embedding(const Model *model)
{
    return &model_computed(model)[MATRIX_EMBEDDING];
}
static inline const Weight *model_head(const Model *model)
{
    return &model_computed(model)[model->config.tie_embeddings ? MATRIX_EMBEDDING : MATRIX_HEAD];
}

/* Bytes of all its parameters on the device, without an adapter. */
uint64_t model_bytes(const Model *model);

/* The tensor named so, or NULL. */
const ModelTensor *model_tensor(const Model *model, const char *name);

/* A part of a range of the model's layout, `floats` long. */
static inline GpuSpan model_span(GpuSpan range, uint64_t offset, uint64_t floats)
{
    return gpu_span_slice(range, offset * 4, floats * 4);
}

uint64_t model_parameter_count(const Model *model);

#endif
