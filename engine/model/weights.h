/* A model's matrices (matrices.h) on the device: in which format each lies there, how they get there.
 *
 *     const Weight *qkv = model_matrix(model, layer, MATRIX_QKV);
 *     weight_matmul(stream, &(Matmul){…}, qkv);
 *
 * In f32 they are parts of the model's flat range and can be trained. In any other format the model is frozen: its
 * matrices have memory of their own, block by block, and the flat range holds norms, biases and a value head alone.
 */
#ifndef ENGINE_MODEL_WEIGHTS_H
#define ENGINE_MODEL_WEIGHTS_H

#include "engine/io/safetensors.h"
#include "engine/model/matrices.h"
#include "engine/ops/weight.h"

/* Matrices as the files hold them: bf16 or f16 if all of them are, else f32. */
#define WEIGHTS_AS_STORED WEIGHT_FORMATS

/* The names of the formats in their order, then "auto", which is WEIGHTS_AS_STORED, then NULL. */
extern const char *const weights_names[];

/* The format of numbers of a compute type. */
static inline WeightFormat weights_compute_format(ComputeType compute)
{
    return compute == COMPUTE_BF16 ? WEIGHT_BF16 : compute == COMPUTE_F16 ? WEIGHT_F16 : WEIGHT_F32;
}

/* What WEIGHTS_AS_STORED comes to for these files. */
WeightFormat weights_as_stored(const SafetensorsSet *set);

/* The format of matrix `index` where the model's is `weights`: under int4 the embedding and the head are int8. The
 * head decides over every token alone, without layers behind it that make up for its errors; and it is a small part
 * of a large model. */
WeightFormat weights_format_of(WeightFormat weights, uint32_t index);

/* Bytes on the device of matrices [first, last), whose rows, columns and formats are set. */
uint64_t weights_bytes(const Weight *matrices, uint32_t first, uint32_t last);

/* Memory for matrices [first, last), zeroed, of which they get their spans. NULL with *error set on failure. */
GpuArena *weights_allocate(Gpu *gpu, const char *name, Weight *matrices, uint32_t first, uint32_t last, Error *error);

/* Rows [first_row, first_row + source->shape[0]) of a weight from a file's tensor [rows, columns], a few MiB at a
 * time, so that no more of it is on the host. */
Status weight_load(Gpu *gpu, const Weight *weight, uint64_t first_row, const Safetensor *source, Error *error);

#endif
