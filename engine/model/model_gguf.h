/* Models and adapters as llama.cpp wants them in GGUF files: names, shapes, order of rows, hyperparameters.
 *
 *     GgufModel *model = gguf_model_open("model_dir", NULL, GGUF_TYPES, gguf, &error);   // adds its tensors
 *     gguf_model_add_keys(gguf, gguf_model_config(model), &error);
 *     gguf_write(gguf, "model.gguf", &error);
 *     gguf_model_close(model);
 *
 * llama.cpp's "llama" turns the neighbouring pairs (2 i, 2 i + 1) of a head, where the files of the hub turn
 * (i, i + head_dim / 2): rows of q and k, and of an adapter's B for them, are reordered. "qwen2" and "qwen3" turn as
 * the hub's files do. Norms, biases and rope factors are f32.
 */
#ifndef ENGINE_MODEL_MODEL_GGUF_H
#define ENGINE_MODEL_MODEL_GGUF_H

#include "engine/io/gguf.h"
#include "engine/model/config.h"

typedef struct GgufModel GgufModel;

/* Adds the tensors of a Hugging Face directory, with those of PEFT's directory `adapter` (NULL: none) added to them, in
 * `type`; GGUF_TYPES: each as its file has it. The writer refers to the result, which has to live until it has written.
 * NULL with *error set; STATUS_BAD_INPUT also for rope scaling that llama.cpp has not for the family. */
GgufModel *gguf_model_open(const char *directory, const char *adapter, GgufType type, GgufWriter *gguf, Error *error);

/* The same of an adapter alone, for a base of this shape: A and B of each matrix. */
GgufModel *gguf_adapter_open(const char *adapter, const ModelConfig *base, GgufType type, GgufWriter *gguf,
                             Error *error);

void gguf_model_close(GgufModel *model); /* NULL is allowed */

const ModelConfig *gguf_model_config(const GgufModel *model);

/* "llama", "qwen2", "qwen3": general.architecture. */
const char *gguf_architecture(const ModelConfig *config);

/* The hyperparameters of a model. */
void gguf_model_add_keys(GgufWriter *gguf, const ModelConfig *config);

/* adapter.*; an rslora's scale is told by the alpha that comes to the same. */
void gguf_adapter_add_keys(GgufWriter *gguf, const GgufModel *model);

#endif
