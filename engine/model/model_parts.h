/* Private to engine/model/model*.c: a model before its parameters are there. */
#ifndef ENGINE_MODEL_MODEL_PARTS_H
#define ENGINE_MODEL_MODEL_PARTS_H

#include "engine/model/model.h"

/* A model of this shape, its matrices in this format, without its device memory. NULL with *error set on failure. */
Model *model_plan(Gpu *gpu, const ModelConfig *config, bool value_head, WeightFormat weights, Error *error);

/* Its device memory; zeroed, or for the caller to write (matrices that are not f32 are always zeroed). */
Status model_allocate(Model *model, bool zeroed, Error *error);

/* Whether a file may hold this tensor though the model has no use for it. */
bool model_may_ignore(const ModelConfig *config, const char *name);

/* STATUS_BAD_INPUT where the files of a tied model hold a head that is not the embedding. */
Status model_check_tied_head(const ModelConfig *config, const SafetensorsSet *set, Error *error);

/* Frees the copies of matrices, if there are any. */
void model_free_copies(Model *model);

#endif
