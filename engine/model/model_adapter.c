/* Models that carry an adapter. */
#include <stdlib.h>

#include "engine/io/file.h"
#include "engine/model/lora_io.h"
#include "engine/model/model.h"

Model *model_with_lora(const Model *base, Lora *lora, Error *error)
{
    Model *model = malloc(sizeof *model);
    if (model == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "adding an adapter: out of host memory");
        lora_free(lora);
        return NULL;
    }
    *model        = *base;
    model->shares = true;
    model->lora   = lora;
    if (lora != NULL) {
        lora->model.compute = base->config.compute;
        model->value_head   = lora->value_head;
        model->value_weight = lora->value_weight;
        model->value_bias   = lora->value_bias;
    }
    return model;
}

/* "directory/name" exists. */
static bool holds(const char *directory, const char *name)
{
    char      *path  = path_join(directory, name);
    const bool found = path != NULL && file_exists(path);
    free(path);
    return found;
}

#define WANTED "wanted a model as from the Hugging Face hub: config.json, *.safetensors, tokenizer.json"

Status model_check_directory(const char *directory, Error *error)
{
    if (file_check_access(directory, error) != STATUS_OK) {
        return error->status;
    }
    if (!file_is_directory(directory)) {
        return error_set(error, STATUS_BAD_INPUT,
                         file_exists(directory) ? "%s is no directory; " WANTED : "there is no directory %s; " WANTED,
                         directory[0] != '\0' ? directory : "\"\"");
    }
    if (holds(directory, "config.json") && holds(directory, "checkpoints")) {
        return error_set(error, STATUS_BAD_INPUT, "%s is a run; name one of its models, %s/checkpoints/best or last",
                         directory, directory);
    }
    if (holds(directory, "adapter_config.json") && !holds(directory, "config.json")) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s is a PEFT adapter; name its base with --model and this with --adapter", directory);
    }
    if (!holds(directory, "config.json")) {
        return error_set(error, STATUS_BAD_INPUT, "%s holds no config.json; " WANTED, directory);
    }
    return STATUS_OK;
}

Model *model_load_adapted(Gpu *gpu, const char *directory, const char *adapter, WeightFormat weights, Error *error)
{
    Model *model = model_load_frozen(gpu, directory, false, weights, error);
    if (model != NULL && adapter != NULL) {
        model->lora = lora_load(gpu, &model->config, adapter, false, error);
        if (model->lora == NULL) {
            model_free(model);
            return NULL;
        }
    }
    return model;
}
