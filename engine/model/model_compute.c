/* What a model's products are computed in, and the 16-bit copies of weights that are trained. */
#include <stdlib.h>

#include "engine/model/model_parts.h"

void model_free_copies(Model *model)
{
    for (uint32_t l = 0; model->copy_arenas != NULL && l <= model->config.layers; l++) {
        gpu_arena_free(model->copy_arenas[l]);
    }
    free(model->copy_arenas);
    free(model->copies);
    model->copy_arenas = NULL;
    model->copies      = NULL;
}

static Status allocate_copies(Model *model, ComputeType compute, Error *error)
{
    const uint32_t layers = model->config.layers, count = model_matrix_count(&model->config);
    model->copies      = calloc(count, sizeof *model->copies);
    model->copy_arenas = calloc((size_t)layers + 1, sizeof *model->copy_arenas);
    if (model->copies == NULL || model->copy_arenas == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "copying weights to %s: out of host memory",
                         compute_type_name(compute));
    }
    for (uint32_t i = 0; i < count; i++) {
        const Weight *master = &model->matrices[i];
        model->copies[i] = (Weight){weights_compute_format(compute), master->rows, master->columns, {0}, {0}, compute};
    }
    for (uint32_t l = 0; l <= layers; l++) {
        const uint32_t first = l < layers ? MATRIX_LAYERS + MATRICES * l : MATRIX_EMBEDDING;
        const uint32_t last  = l < layers ? first + MATRICES : MATRIX_LAYERS;
        model->copy_arenas[l] =
            weights_allocate(model->gpu, "16-bit copies of weights", model->copies, first, last, error);
        if (model->copy_arenas[l] == NULL) {
            return error->status;
        }
    }
    return STATUS_OK;
}

void model_round(GpuStream *stream, const Model *model)
{
    for (uint32_t i = 0; model->copies != NULL && i < model_matrix_count(&model->config); i++) {
        if (model->copies[i].rows > 0) { /* a tied head has none */
            weight_round(stream, &model->copies[i], model->matrices[i].data);
        }
    }
}

static Status fill_copies(Model *model, Error *error)
{
    GpuStream *stream = gpu_stream_new(model->gpu, error);
    if (stream == NULL) {
        return error->status;
    }
    gpu_stream_begin(stream);
    model_round(stream, model);
    const Status status = gpu_stream_run(stream, error);
    gpu_stream_free(stream);
    return status;
}

Status model_set_compute(Model *model, ComputeType compute, Error *error)
{
    Status status = STATUS_OK;
    model_free_copies(model);
    if (compute != COMPUTE_F32 && model->weights == WEIGHT_F32) {
        status = allocate_copies(model, compute, error);
        status = status == STATUS_OK ? fill_copies(model, error) : status;
    }
    if (status != STATUS_OK) {
        model_free_copies(model);
        return status;
    }
    for (uint32_t i = 0; i < model_matrix_count(&model->config); i++) {
        model->matrices[i].compute = compute;
    }
    model->config.compute = compute;
    if (model->lora != NULL) {
        model->lora->model.compute = compute;
    }
    return STATUS_OK;
}
