/* A model from a Hugging Face directory, streamed to the device: on the host there is never more of it than a
 * staging buffer holds. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/model/model_parts.h"
#include "engine/vk/stream.h"

static bool is_value_head(const char *name)
{
    return strncmp(name, "value_head.", 11) == 0;
}

/* What has been asked for, and where it lies: tensors are read in the order of the files. */
typedef struct Reading {
    const ModelTensor *tensor;
    const Safetensor  *source;
} Reading;

static int compare_places(const void *a, const void *b)
{
    const Safetensor *x = ((const Reading *)a)->source, *y = ((const Reading *)b)->source;
    const int         files = strcmp(x->file, y->file);
    return files != 0 ? files : (x->at > y->at) - (x->at < y->at);
}

/* GpuSource of a tensor's f32 values. */
static Status read_f32(void *context, uint64_t first, uint64_t count, void *to, Error *error)
{
    return safetensor_to_f32(context, to, first / 4, count / 4, error);
}

static bool is_frozen(const Model *model, const ModelTensor *tensor)
{
    return tensor->matrix >= 0 && model->weights != WEIGHT_F32;
}

static Status load_tensor(const Model *model, const Reading *reading, Error *error)
{
    const ModelTensor *tensor = reading->tensor;
    if (is_frozen(model, tensor)) {
        return weight_load(model->gpu, &model->matrices[tensor->matrix], tensor->first_row, reading->source, error);
    }
    return gpu_upload_from(model->gpu, model_span(model->parameters, tensor->offset, tensor->elements), read_f32,
                           (void *)(uintptr_t)reading->source, error);
}

static Status load_tensors(Model *model, const SafetensorsSet *set, Error *error)
{
    Reading *order = calloc(model->tensor_count, sizeof *order);
    uint32_t count = 0;
    if (order == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "loading a model: out of host memory");
    }
    GpuStream *stream = gpu_transfer_stream(model->gpu);
    gpu_stream_begin(stream);
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *tensor = &model->tensors[i];
        const Safetensor  *source = safetensors_find(set, tensor->name);
        const uint64_t     next   = i + 1 < model->tensor_count ? tensor[1].offset : model->floats;
        uint64_t           end    = tensor->offset;
        if (is_frozen(model, tensor)) { /* outside the range */
            order[count++] = (Reading){tensor, source};
            continue;
        }
        if (source != NULL) { /* a value head may be missing: zeros */
            order[count++] = (Reading){tensor, source};
            end += tensor->elements;
        }
        if (end < next) { /* and so is what lies between tensors */
            gpu_fill(stream, model_span(model->parameters, end, next - end), 0);
        }
    }
    qsort(order, count, sizeof *order, compare_places);
    Status status = gpu_stream_run(stream, error);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = load_tensor(model, &order[i], error);
    }
    free(order);
    return status;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

bool model_may_ignore(const ModelConfig *config, const char *name)
{
    return is_value_head(name) || ends_with(name, "rotary_emb.inv_freq") ||
           (config->tie_embeddings && strcmp(name, "lm_head.weight") == 0);
}

/* Whether two tensors hold the same bytes. */
static Status compare_bytes(const Safetensor *a, const Safetensor *b, bool *same, Error *error)
{
    enum { PIECE = 1 << 20 };
    char  *bytes = malloc(2 * (size_t)PIECE);
    Status status =
        bytes != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "loading a model: out of host memory");
    *same = a->dtype == b->dtype && a->bytes == b->bytes;
    for (uint64_t first = 0; first < a->bytes && *same && status == STATUS_OK; first += PIECE) {
        const uint64_t count = a->bytes - first < PIECE ? a->bytes - first : PIECE;
        status               = safetensor_read(a, bytes, first, count, error);
        status               = status == STATUS_OK ? safetensor_read(b, bytes + PIECE, first, count, error) : status;
        *same                = status == STATUS_OK && memcmp(bytes, bytes + PIECE, count) == 0;
    }
    free(bytes);
    return status;
}

/* Some files of tied models hold the head as well. If it is another matrix, versions of transformers differ in which of
 * the two counts. */
Status model_check_tied_head(const ModelConfig *config, const SafetensorsSet *set, Error *error)
{
    const Safetensor *head      = safetensors_find(set, "lm_head.weight"),
                     *embedding = safetensors_find(set, "model.embed_tokens.weight");
    bool   same                 = true;
    Status status               = STATUS_OK;
    if (config->tie_embeddings && head != NULL && embedding != NULL) {
        status = compare_bytes(head, embedding, &same, error);
    }
    return status != STATUS_OK || same
               ? status
               : error_set(error, STATUS_BAD_INPUT,
                           "%s: config.json says that the head is the embedding (tie_word_embeddings), but "
                           "lm_head.weight holds other values; say false there, or leave the tensor out",
                           head->file);
}

/* The weights must be those of the config, tensor by tensor: one that is missing, one of another
 * shape, and one that the model would leave unread are refused, before any device memory is taken. */
static Status check_tensors(const Model *model, const SafetensorsSet *set, Error *error)
{
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *tensor = &model->tensors[i];
        if (is_value_head(tensor->name) && safetensors_find(set, tensor->name) == NULL) {
            continue;
        }
        if (safetensors_expect(set, tensor->name, tensor->rank, tensor->shape, error) == NULL) {
            return STATUS_BAD_INPUT;
        }
    }
    for (size_t i = 0; i < safetensors_count(set); i++) {
        const Safetensor *found = safetensors_at(set, i);
        if (model_tensor(model, found->name) == NULL && !model_may_ignore(&model->config, found->name)) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: the model that config.json describes has no tensor '%s'; are config.json and the "
                             "weights of one model?",
                             found->file, found->name);
        }
    }
    return STATUS_OK;
}

Model *model_shape(Gpu *gpu, const ModelConfig *config, bool value_head, WeightFormat weights, Error *error)
{
    Model *model = model_plan(gpu, config, value_head, weights, error);
    if (model != NULL && model_allocate(model, false, error) != STATUS_OK) {
        model_free(model);
        return NULL;
    }
    return model;
}

/* What WEIGHTS_AS_STORED comes to: as the files are or, where they are not there, as config.json says that they are. */
static WeightFormat stored_or_said(const char *directory)
{
    WeightFormat    found = WEIGHT_F32;
    SafetensorsSet *set   = safetensors_open(directory, NULL);
    if (set != NULL) {
        found = weights_as_stored(set);
        safetensors_close(set);
        return found;
    }
    char       *path = path_join(directory, "config.json");
    cJSON      *root = NULL;
    JsonObject  config;
    const char *said = NULL;
    if (path != NULL && json_read_file(path, JSON_FILE_LIMIT, &root, NULL) == STATUS_OK &&
        json_root(&config, root, path, NULL) == STATUS_OK) {
        const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(root, "dtype");
        said = cJSON_GetStringValue(dtype != NULL ? dtype : cJSON_GetObjectItemCaseSensitive(root, "torch_dtype"));
    }
    found = said == NULL                    ? WEIGHT_F32
            : strcmp(said, "bfloat16") == 0 ? WEIGHT_BF16
            : strcmp(said, "float16") == 0  ? WEIGHT_F16
                                            : WEIGHT_F32;
    cJSON_Delete(root);
    free(path);
    return found;
}

Model *model_load(Gpu *gpu, const char *directory, bool value_head, Error *error)
{
    return model_load_frozen(gpu, directory, value_head, WEIGHT_F32, error);
}

Model *model_load_frozen(Gpu *gpu, const char *directory, bool value_head, WeightFormat weights, Error *error)
{
    ModelConfig config;
    if (model_check_directory(directory, error) != STATUS_OK) {
        return NULL;
    }
    char *path = path_join(directory, "config.json");
    if (path == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "loading a model: out of host memory");
        return NULL;
    }
    Status status = model_config_read(&config, path, error);
    free(path);
    if (status != STATUS_OK) {
        return NULL;
    }
    if (gpu_is_dry(gpu)) { /* its size is all that is wanted, and config.json says it */
        return model_shape(gpu, &config, value_head, weights == WEIGHTS_AS_STORED ? stored_or_said(directory) : weights,
                           error);
    }
    SafetensorsSet *set = safetensors_open(directory, error);
    if (set == NULL) {
        return NULL;
    }
    weights      = weights == WEIGHTS_AS_STORED ? weights_as_stored(set) : weights;
    Model *model = model_plan(gpu, &config, value_head, weights, error);
    status       = model != NULL ? check_tensors(model, set, error) : error->status;
    status       = status == STATUS_OK ? model_check_tied_head(&model->config, set, error) : status;
    status       = status == STATUS_OK ? model_allocate(model, false, error) : status;
    status       = status == STATUS_OK ? load_tensors(model, set, error) : status;
    safetensors_close(set);
    if (status != STATUS_OK) {
        model_free(model);
        return NULL;
    }
    return model;
}

Status model_resolve_weights(const char *directory, WeightFormat *weights, Error *error)
{
    if (*weights != WEIGHTS_AS_STORED) {
        return STATUS_OK;
    }
    SafetensorsSet *set = safetensors_open(directory, error);
    if (set == NULL) {
        return error->status;
    }
    *weights = weights_as_stored(set);
    safetensors_close(set);
    return STATUS_OK;
}
