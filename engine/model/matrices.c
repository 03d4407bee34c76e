#include "engine/model/matrices.h"

#include <string.h>

static const struct {
    const char *name, *module;
} projections[PROJECTIONS] = {
    [PROJECTION_Q] = {"q_proj", "self_attn.q_proj"},    [PROJECTION_K] = {"k_proj", "self_attn.k_proj"},
    [PROJECTION_V] = {"v_proj", "self_attn.v_proj"},    [PROJECTION_O] = {"o_proj", "self_attn.o_proj"},
    [PROJECTION_GATE] = {"gate_proj", "mlp.gate_proj"}, [PROJECTION_UP] = {"up_proj", "mlp.up_proj"},
    [PROJECTION_DOWN] = {"down_proj", "mlp.down_proj"}};

const Projection matrix_projections[MATRICES + 1] = {PROJECTION_Q, PROJECTION_O, PROJECTION_GATE, PROJECTION_DOWN,
                                                     PROJECTIONS};

const char *projection_name(Projection projection)
{
    return projections[projection].name;
}

const char *projection_module(Projection projection)
{
    return projections[projection].module;
}

Projection projection_find(const char *name)
{
    for (Projection p = 0; p < PROJECTIONS; p++) {
        if (strcmp(projections[p].name, name) == 0) {
            return p;
        }
    }
    return PROJECTIONS;
}

MatrixShape projection_shape(const ModelConfig *c, Projection projection)
{
    const uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    switch (projection) {
    case PROJECTION_Q: return (MatrixShape){q, c->hidden_size};
    case PROJECTION_K:
    case PROJECTION_V: return (MatrixShape){kv, c->hidden_size};
    case PROJECTION_O: return (MatrixShape){c->hidden_size, q};
    case PROJECTION_GATE:
    case PROJECTION_UP: return (MatrixShape){c->intermediate_size, c->hidden_size};
    case PROJECTION_DOWN: return (MatrixShape){c->hidden_size, c->intermediate_size};
    case PROJECTIONS: break;
    }
    return (MatrixShape){0, 0};
}

MatrixShape model_matrix_shape(const ModelConfig *c, uint32_t index)
{
    if (index < MATRIX_LAYERS) {
        return (MatrixShape){c->vocab_size, c->hidden_size};
    }
    const ModelMatrix matrix = (index - MATRIX_LAYERS) % MATRICES;
    MatrixShape       shape  = {0, 0};
    for (Projection p = matrix_projections[matrix]; p < matrix_projections[matrix + 1]; p++) {
        const MatrixShape part = projection_shape(c, p);
        shape                  = (MatrixShape){shape.rows + part.rows, part.columns};
    }
    return shape;
}
