#include "engine/model/lora_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

enum { PIECE_FLOATS = 1 << 20, NAME_SIZE = 128 };

static void tensor_name(char name[NAME_SIZE], uint32_t layer, Projection target, bool b)
{
    snprintf(name, NAME_SIZE, "base_model.model.model.layers.%u.%s.lora_%c.weight", layer, projection_module(target),
             b ? 'B' : 'A');
}

static bool has(const LoraConfig *config, Projection target)
{
    return (config->targets >> target & 1) != 0;
}

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "an adapter: out of host memory");
}

/* --- adapter_config.json, reading --------------------------------------------------- */

/* Whether a value says that an option is not in use. */
static bool is_unused(const cJSON *value)
{
    return cJSON_IsNull(value) || cJSON_IsFalse(value) ||
           ((cJSON_IsArray(value) || cJSON_IsObject(value)) && value->child == NULL) ||
           (cJSON_IsString(value) && value->valuestring[0] == '\0');
}

/* Options that say nothing about what the adapter computes, and those that are read by name. */
static const char *const harmless[] = {"auto_mapping",      "base_model_name_or_path",
                                       "revision",          "task_type",
                                       "inference_mode",    "peft_version",
                                       "lora_dropout",      "megatron_core",
                                       "qalora_group_size", "runtime_config",
                                       "peft_type",         "r",
                                       "lora_alpha",        "target_modules",
                                       "use_rslora",        "bias",
                                       "init_lora_weights"};

/* Any other option that is in use changes what the adapter computes: an error that names it. */
static Status refuse_options(const JsonObject *root, Error *error)
{
    for (const cJSON *item = root->json->child; item != NULL; item = item->next) {
        bool known = false;
        for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
            known = known || strcmp(item->string, harmless[i]) == 0;
        }
        if (!known && !is_unused(item)) {
            return json_fail(root, item->string, error,
                             "PEFT's option is not supported here; merge such an adapter with PEFT (merge_and_unload) "
                             "and give the merged model");
        }
    }
    return STATUS_OK;
}

static Status read_targets(const JsonObject *root, uint32_t *targets, Error *error)
{
    const cJSON *list = json_find(root, "target_modules");
    *targets          = 0;
    if (cJSON_IsString(list)) {
        if (strcmp(list->valuestring, "all-linear") == 0) {
            *targets = LORA_ALL;
            return STATUS_OK;
        }
        return json_fail(root, "target_modules", error,
                         "a pattern (\"%.60s\") is not supported; wanted a list of names", list->valuestring);
    }
    Status status = json_get_array(root, "target_modules", JSON_REQUIRED, &list, error);
    for (const cJSON *item = status == STATUS_OK ? list->child : NULL; item != NULL; item = item->next) {
        const Projection target = cJSON_IsString(item) ? projection_find(item->valuestring) : PROJECTIONS;
        if (target == PROJECTIONS) {
            return json_fail(
                root, "target_modules", error,
                "unknown target \"%.60s\"; wanted q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj",
                cJSON_IsString(item) ? item->valuestring : "(no string)");
        }
        *targets |= 1u << target;
    }
    return status == STATUS_OK && *targets == 0
               ? json_fail(root, "target_modules", error, "empty; wanted at least one name")
               : status;
}

/* Starts that leave the base as it is. Others (pissa, olora, corda, loftq) belong to a changed base. */
static Status check_start(const JsonObject *root, Error *error)
{
    static const char *const plain[] = {"gaussian", "orthogonal", "eva"};
    const cJSON             *value   = json_find(root, "init_lora_weights");
    if (value == NULL || cJSON_IsBool(value) || cJSON_IsNull(value)) {
        return STATUS_OK;
    }
    for (size_t i = 0; cJSON_IsString(value) && i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(value->valuestring, plain[i]) == 0) {
            return STATUS_OK;
        }
    }
    return json_fail(root, "init_lora_weights", error,
                     "\"%.60s\" changes the base model's weights; convert the adapter with PEFT first",
                     cJSON_IsString(value) ? value->valuestring : "(no string)");
}

static Status read_config(LoraConfig *config, const JsonObject *root, Error *error)
{
    const char *type = "", *bias = "none";
    *config       = (LoraConfig){0};
    Status status = json_get_string(root, "peft_type", JSON_REQUIRED, &type, error);
    if (status == STATUS_OK && strcmp(type, "LORA") != 0) {
        status = json_fail(root, "peft_type", error, "\"%.60s\" is not supported; only LORA is", type);
    }
    status = status == STATUS_OK ? refuse_options(root, error) : status;
    status =
        status == STATUS_OK ? json_get_u32(root, "r", JSON_REQUIRED, 1, LORA_MAX_RANK, &config->rank, error) : status;
    status = status == STATUS_OK ? json_get_f64(root, "lora_alpha", JSON_REQUIRED, -1e6, 1e6, &config->alpha, error)
                                 : status;
    status = status == STATUS_OK ? json_get_bool(root, "use_rslora", JSON_NULLABLE, &config->rslora, error) : status;
    status =
        status == STATUS_OK ? json_get_f64(root, "lora_dropout", JSON_NULLABLE, 0, 1, &config->dropout, error) : status;
    status = status == STATUS_OK ? json_get_string(root, "bias", JSON_NULLABLE, &bias, error) : status;
    if (status == STATUS_OK && strcmp(bias, "none") != 0) {
        status = json_fail(root, "bias", error, "\"%.60s\" is not supported; only \"none\" is", bias);
    }
    status = status == STATUS_OK ? check_start(root, error) : status;
    return status == STATUS_OK ? read_targets(root, &config->targets, error) : status;
}

Status lora_config_read(LoraConfig *config, const char *path, Error *error)
{
    cJSON     *json = NULL;
    JsonObject root;
    Status     status = json_read_file(path, JSON_FILE_LIMIT, &json, error);
    status            = status == STATUS_OK ? json_root(&root, json, path, error) : status;
    status            = status == STATUS_OK ? read_config(config, &root, error) : status;
    cJSON_Delete(json);
    return status;
}

/* --- adapter_model.safetensors, reading --------------------------------------------------- */

const Safetensor *lora_files_tensor(const LoraFiles *files, uint32_t layer, Projection target, bool b)
{
    char name[NAME_SIZE];
    tensor_name(name, layer, target, b);
    return safetensors_find(files->set, name);
}

/* Every tensor that the config asks for, and none that nothing would read. */
static Status check_tensors(const LoraFiles *files, const ModelConfig *model, const char *directory, Error *error)
{
    size_t expected = 0;
    char   name[NAME_SIZE];
    for (uint32_t i = 0; i < model->layers * PROJECTIONS; i++) {
        const Projection  target = i % PROJECTIONS;
        const MatrixShape matrix = projection_shape(model, target);
        for (int b = 0; b < 2 && has(&files->config, target); b++, expected++) {
            const uint64_t shape[2] = {b ? matrix.rows : files->config.rank, b ? files->config.rank : matrix.columns};
            tensor_name(name, i / PROJECTIONS, target, b == 1);
            if (safetensors_expect(files->set, name, 2, shape, error) == NULL) {
                error_prefix(error, "the adapter in %s does not fit its adapter_config.json and the base model",
                             directory);
                return STATUS_BAD_INPUT;
            }
        }
    }
    for (size_t i = 0; i < safetensors_count(files->set) && expected != safetensors_count(files->set); i++) {
        const Safetensor *found = safetensors_at(files->set, i);
        bool              known = false;
        for (uint32_t j = 0; j < 2 * model->layers * PROJECTIONS && !known; j++) {
            tensor_name(name, j / 2 / PROJECTIONS, j / 2 % PROJECTIONS, j % 2 == 1);
            known = has(&files->config, j / 2 % PROJECTIONS) && strcmp(name, found->name) == 0;
        }
        if (!known) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: tensor '%s' belongs to no matrix that adapter_config.json names, or the base model "
                             "has no such layer",
                             found->file, found->name);
        }
    }
    return STATUS_OK;
}

Status lora_files_open(LoraFiles *files, const char *directory, const ModelConfig *model, Error *error)
{
    char *config  = path_join(directory, "adapter_config.json"),
         *weights = path_join(directory, "adapter_model.safetensors");
    char *pickle  = path_join(directory, "adapter_model.bin");
    *files        = (LoraFiles){0};
    Status status = config != NULL && weights != NULL && pickle != NULL ? STATUS_OK : out_of_memory(error);
    status        = status == STATUS_OK ? lora_config_read(&files->config, config, error) : status;
    if (status == STATUS_OK && !file_exists(weights) && file_exists(pickle)) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "%s: only adapter_model.safetensors is read; save the adapter with safe_serialization=True",
                           pickle);
    }
    if (status == STATUS_OK) {
        files->set = safetensors_open(weights, error);
        status     = files->set != NULL ? check_tensors(files, model, directory, error) : error->status;
    }
    free(config);
    free(weights);
    free(pickle);
    if (status != STATUS_OK) {
        lora_files_close(files);
    }
    return status;
}

void lora_files_close(LoraFiles *files)
{
    safetensors_close(files->set);
    files->set = NULL;
}

/* --- to the device, and from it ---------------------------------------------------------------- */

static Status upload(const Lora *lora, uint64_t at, const Safetensor *tensor, float *piece, Error *error)
{
    Status status = STATUS_OK;
    for (uint64_t done = 0; done < tensor->elements && status == STATUS_OK;) {
        const uint64_t count = tensor->elements - done < PIECE_FLOATS ? tensor->elements - done : PIECE_FLOATS;
        status               = safetensor_to_f32(tensor, piece, done, count, error);
        status               = status == STATUS_OK
                                   ? gpu_upload(lora->gpu, gpu_span_slice(lora->parameters, (at + done) * 4, count * 4), piece,
                                                count * 4, error)
                                   : status;
        done += count;
    }
    return status;
}

static Status load_value_head(Lora *lora, const char *directory, float *piece, Error *error)
{
    char *path = path_join(directory, "value_head.safetensors");
    if (path == NULL) {
        return out_of_memory(error);
    }
    SafetensorsSet *set    = file_exists(path) ? safetensors_open(path, error) : NULL;
    Status          status = set == NULL && file_exists(path) ? error->status : STATUS_OK;
    if (set != NULL) {
        const uint64_t    shapes[2] = {lora->model.hidden_size, 1};
        const Safetensor *weight    = safetensors_expect(set, "value_head.weight", 1, &shapes[0], error);
        const Safetensor *bias =
            weight != NULL ? safetensors_expect(set, "value_head.bias", 1, &shapes[1], error) : NULL;
        status = bias != NULL ? upload(lora, lora->value_weight, weight, piece, error) : error->status;
        status = status == STATUS_OK ? upload(lora, lora->value_bias, bias, piece, error) : status;
    }
    safetensors_close(set);
    free(path);
    return status;
}

static Status load_all(Lora *lora, const LoraFiles *files, const char *directory, Error *error)
{
    float *piece  = malloc(PIECE_FLOATS * sizeof *piece);
    Status status = piece != NULL ? STATUS_OK : out_of_memory(error);
    for (uint32_t i = 0; i < lora->model.layers * PROJECTIONS && status == STATUS_OK; i++) {
        for (int b = 0; b < 2 && has(&lora->config, i % PROJECTIONS) && status == STATUS_OK; b++) {
            const LoraPlace *place = &lora->places[i];
            status                 = upload(lora, b ? place->b : place->a,
                                            lora_files_tensor(files, i / PROJECTIONS, i % PROJECTIONS, b == 1), piece, error);
        }
    }
    if (status == STATUS_OK && lora->value_head) {
        status = load_value_head(lora, directory, piece, error);
    }
    free(piece);
    return status;
}

Lora *lora_load(Gpu *gpu, const ModelConfig *model, const char *directory, bool value_head, Error *error)
{
    LoraFiles files;
    Lora     *lora = NULL;
    if (lora_files_open(&files, directory, model, error) == STATUS_OK) {
        lora = lora_new(gpu, model, &files.config, value_head, error);
        if (lora != NULL && load_all(lora, &files, directory, error) != STATUS_OK) {
            lora_free(lora);
            lora = NULL;
        }
    }
    lora_files_close(&files);
    return lora;
}

static Status write_config(const LoraConfig *config, const char *path, const char *base, Error *error)
{
    static const char *const unused[] = {"auto_mapping", "revision", "layers_to_transform", "layers_pattern",
                                         "modules_to_save"};
    cJSON                   *root     = cJSON_CreateObject();
    bool                     whole =
        root != NULL && cJSON_AddStringToObject(root, "peft_type", "LORA") != NULL &&
        cJSON_AddStringToObject(root, "task_type", "CAUSAL_LM") != NULL &&
        cJSON_AddStringToObject(root, "base_model_name_or_path", base) != NULL &&
        cJSON_AddNumberToObject(root, "r", config->rank) != NULL &&
        cJSON_AddNumberToObject(root, "lora_alpha", config->alpha) != NULL &&
        cJSON_AddNumberToObject(root, "lora_dropout", config->dropout) != NULL &&
        cJSON_AddStringToObject(root, "bias", "none") != NULL &&
        cJSON_AddBoolToObject(root, "use_rslora", config->rslora) != NULL &&
        cJSON_AddFalseToObject(root, "use_dora") != NULL && cJSON_AddFalseToObject(root, "fan_in_fan_out") != NULL &&
        cJSON_AddTrueToObject(root, "inference_mode") != NULL &&
        cJSON_AddTrueToObject(root, "init_lora_weights") != NULL &&
        cJSON_AddObjectToObject(root, "rank_pattern") != NULL && cJSON_AddObjectToObject(root, "alpha_pattern") != NULL;
    for (size_t i = 0; whole && i < sizeof unused / sizeof *unused; i++) {
        whole = cJSON_AddNullToObject(root, unused[i]) != NULL;
    }
    cJSON *list = whole ? cJSON_AddArrayToObject(root, "target_modules") : NULL;
    for (Projection t = 0; list != NULL && t < PROJECTIONS; t++) {
        cJSON *name = has(config, t) ? cJSON_CreateString(projection_name(t)) : NULL;
        whole       = whole && (!has(config, t) || (name != NULL && cJSON_AddItemToArray(list, name)));
    }
    const Status status = whole && list != NULL ? json_write_file(path, root, error) : out_of_memory(error);
    cJSON_Delete(root);
    return status;
}

/* A matrix on the device, as the writer of safetensors asks for it. */
typedef struct Source {
    const Lora *lora;
    uint64_t    at;
    char        name[NAME_SIZE];
} Source;

static Status read_source(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const Source *source = context;
    return gpu_download(source->lora->gpu,
                        gpu_span_slice(source->lora->parameters, (source->at + first) * 4, count * 4), out, count * 4,
                        error);
}

static Status save_value_head(const Lora *lora, const char *directory, Error *error)
{
    char                  *path       = path_join(directory, "value_head.safetensors");
    Source                 sources[2] = {{lora, lora->value_weight, ""}, {lora, lora->value_bias, ""}};
    const SafetensorsEntry entries[2] = {{.name     = "value_head.weight",
                                          .dtype    = DTYPE_F32,
                                          .rank     = 1,
                                          .shape    = {lora->model.hidden_size},
                                          .read_f32 = read_source,
                                          .context  = &sources[0]},
                                         {.name     = "value_head.bias",
                                          .dtype    = DTYPE_F32,
                                          .rank     = 1,
                                          .shape    = {1},
                                          .read_f32 = read_source,
                                          .context  = &sources[1]}};
    const Status status = path != NULL ? safetensors_write(path, entries, 2, error) : out_of_memory(error);
    free(path);
    return status;
}

Status lora_save(const Lora *lora, const char *directory, const char *base, Error *error)
{
    const uint32_t most       = 2 * lora->model.layers * PROJECTIONS;
    char          *config     = path_join(directory, "adapter_config.json"),
         *weights             = path_join(directory, "adapter_model.safetensors");
    SafetensorsEntry *entries = calloc(most, sizeof *entries);
    Source           *sources = calloc(most, sizeof *sources);
    uint32_t          count   = 0;
    Status            status  = config != NULL && weights != NULL && entries != NULL && sources != NULL
                                    ? file_make_directories(directory, error)
                                    : out_of_memory(error);
    for (uint32_t i = 0; i < most && status == STATUS_OK; i++) {
        const Projection target = i / 2 % PROJECTIONS;
        const bool       b      = i % 2 == 1;
        if (!has(&lora->config, target)) {
            continue;
        }
        const MatrixShape shape = projection_shape(&lora->model, target);
        sources[count]          = (Source){.lora = lora, .at = b ? lora->places[i / 2].b : lora->places[i / 2].a};
        tensor_name(sources[count].name, i / 2 / PROJECTIONS, target, b);
        entries[count] =
            (SafetensorsEntry){.name     = sources[count].name,
                               .dtype    = DTYPE_F32,
                               .rank     = 2,
                               .read_f32 = read_source,
                               .context  = &sources[count],
                               .shape    = {b ? shape.rows : lora->config.rank, b ? lora->config.rank : shape.columns}};
        count++;
    }
    status = status == STATUS_OK ? write_config(&lora->config, config, base, error) : status;
    status = status == STATUS_OK ? safetensors_write(weights, entries, count, error) : status;
    if (status == STATUS_OK && lora->value_head) {
        status = save_value_head(lora, directory, error);
    }
    free(config);
    free(weights);
    free(entries);
    free(sources);
    return status;
}
