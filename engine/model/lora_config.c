/* adapter_config.json. */
#include <string.h>

#include "engine/io/json.h"
#include "engine/model/lora_io.h"

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

/* A name of a list: that of a matrix, or the end of its path ("self_attn.q_proj"), which begins anywhere. */
static bool find_target(const char *name, uint32_t *targets, bool *path)
{
    const char      *last   = strrchr(name, '.');
    const Projection target = projection_find(last != NULL ? last + 1 : name);
    *path                   = *path || last != NULL;
    *targets |= target != PROJECTIONS ? 1u << target : 0;
    return target != PROJECTIONS;
}

/* 0: those of the file's tensors. A pattern says no more than that, nor do paths, which may leave layers out. */
static Status read_targets(const JsonObject *root, uint32_t *targets, Error *error)
{
    const cJSON *list = json_find(root, "target_modules");
    bool         path = false;
    *targets          = 0;
    if (cJSON_IsString(list) && list->valuestring[0] != '\0') {
        *targets = strcmp(list->valuestring, "all-linear") == 0 ? LORA_ALL : 0;
        return STATUS_OK;
    }
    Status status = json_get_array(root, "target_modules", JSON_REQUIRED, &list, error);
    for (const cJSON *item = status == STATUS_OK ? list->child : NULL; item != NULL; item = item->next) {
        if (!cJSON_IsString(item) || !find_target(item->valuestring, targets, &path)) {
            return json_fail(
                root, "target_modules", error,
                "unknown target \"%.60s\"; wanted q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj",
                cJSON_IsString(item) ? item->valuestring : "(no string)");
        }
    }
    if (status == STATUS_OK && *targets == 0) {
        return json_fail(root, "target_modules", error, "empty; wanted at least one name");
    }
    *targets = path ? 0 : *targets;
    return status;
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

Status lora_config_write(const LoraConfig *config, const char *path, const char *base, Error *error)
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
        const bool wanted = (config->targets >> t & 1) != 0;
        cJSON     *name   = wanted ? cJSON_CreateString(projection_name(t)) : NULL;
        whole             = whole && (!wanted || (name != NULL && cJSON_AddItemToArray(list, name)));
    }
    const Status status = whole && list != NULL
                              ? json_write_file(path, root, error)
                              : error_set(error, STATUS_OUT_OF_MEMORY, "an adapter: out of host memory");
    cJSON_Delete(root);
    return status;
}
