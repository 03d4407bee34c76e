/* A model into a Hugging Face directory. */
#include <stdlib.h>

#include "engine/io/file.h"
#include "engine/model/model.h"

/* A tensor on the device, as the writer of safetensors asks for it. */
typedef struct TensorSource {
    const Model       *model;
    const ModelTensor *tensor;
} TensorSource;

static Status read_tensor(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const TensorSource *source = context;
    return gpu_download(source->model->gpu,
                        model_span(source->model->parameters, source->tensor->offset + first, count), out, count * 4,
                        error);
}

Status model_save(const Model *model, const char *directory, Dtype dtype, Error *error)
{
    if (model->weights != WEIGHT_F32) {
        return error_set(error, STATUS_BAD_INPUT,
                         "saving a model in %s: its matrices are frozen as %s; take the directory that it was loaded "
                         "from, or merge an adapter into that",
                         directory, weight_format_name(model->weights));
    }
    SafetensorsEntry *entries = calloc(model->tensor_count, sizeof *entries);
    TensorSource     *sources = calloc(model->tensor_count, sizeof *sources);
    char             *path    = path_join(directory, "config.json");
    Status            status  = STATUS_OK;
    if (entries == NULL || sources == NULL || path == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "saving a model: out of host memory");
    } else {
        for (uint32_t i = 0; i < model->tensor_count; i++) {
            const ModelTensor *tensor = &model->tensors[i];
            sources[i]                = (TensorSource){model, tensor};
            entries[i]                = (SafetensorsEntry){.name     = tensor->name,
                                                           .dtype    = dtype,
                                                           .rank     = tensor->rank,
                                                           .shape    = {tensor->shape[0], tensor->shape[1]},
                                                           .read_f32 = read_tensor,
                                                           .context  = &sources[i]};
        }
        status = file_make_directories(directory, error);
    }
    if (status == STATUS_OK) {
        status = model_config_write(&model->config, path, error);
    }
    if (status == STATUS_OK) {
        status = safetensors_write_model(directory, entries, model->tensor_count, SAFETENSORS_SHARD_BYTES, error);
    }
    free(entries);
    free(sources);
    free(path);
    return status;
}
