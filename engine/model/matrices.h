/* The matrices of a decoder: which there are, what they are called in Hugging Face files, how large they are.
 *
 *     for (Projection p = matrix_projections[m]; p < matrix_projections[m + 1]; p++)
 *         …projection_module(p), projection_shape(&config, p)…          // the parts of matrix m, one under another
 *     const MatrixShape qkv = model_matrix_shape(&config, MATRIX_LAYERS + MATRICES * layer + MATRIX_QKV);
 *
 * Files hold projections, adapters sit on projections, products multiply matrices: projections that share an input lie
 * one under another as one matrix.
 */
#ifndef ENGINE_MODEL_MATRICES_H
#define ENGINE_MODEL_MATRICES_H

#include "engine/model/config.h"

/* The matrices of a layer. */
typedef enum ModelMatrix { MATRIX_QKV, MATRIX_O, MATRIX_GATE_UP, MATRIX_DOWN, MATRICES } ModelMatrix;

/* Where a model's list of matrices has the embedding and the head (which is the embedding if they are tied), and
 * where the layers' begin. */
enum { MATRIX_EMBEDDING, MATRIX_HEAD, MATRIX_LAYERS };

static inline uint32_t model_matrix_count(const ModelConfig *config)
{
    return MATRIX_LAYERS + MATRICES * config->layers;
}

/* The projections of a layer, in the order in which they lie. */
typedef enum Projection {
    PROJECTION_Q,
    PROJECTION_K,
    PROJECTION_V,
    PROJECTION_O,
    PROJECTION_GATE,
    PROJECTION_UP,
    PROJECTION_DOWN,
    PROJECTIONS
} Projection;

/* The first projection of each matrix, whose last is before the first of the next. */
extern const Projection matrix_projections[MATRICES + 1];

/* Rows are outputs, columns inputs. */
typedef struct MatrixShape {
    uint32_t rows, columns;
} MatrixShape;

MatrixShape projection_shape(const ModelConfig *config, Projection projection);

/* Of matrix `index` of a model's list. */
MatrixShape model_matrix_shape(const ModelConfig *config, uint32_t index);

/* "q_proj" …, and back: PROJECTIONS if there is none of that name. */
const char *projection_name(Projection projection);
Projection  projection_find(const char *name);

/* "self_attn.q_proj" …: its place in a layer, as in Hugging Face files. */
const char *projection_module(Projection projection);

#endif
