/* config.json and generation_config.json of a Hugging Face directory. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/config_parts.h"

static Status chain(Status status, Status next)
{
    return status != STATUS_OK ? status : next;
}

static Status read_family(ModelConfig *config, const JsonObject *root, Error *error)
{
    const char  *type          = NULL;
    const cJSON *architectures = NULL;
    Status       status        = json_get_string(root, "model_type", JSON_NULLABLE, &type, error);
    status = chain(status, json_get_array(root, "architectures", JSON_NULLABLE, &architectures, error));
    if (status != STATUS_OK) {
        return status;
    }
    const char *architecture = cJSON_GetStringValue(cJSON_GetArrayItem(architectures, 0));
    if (type == NULL && architecture == NULL) {
        return json_fail(root, "model_type", error, "missing, wanted one of: llama, qwen2, qwen3");
    }
    for (size_t i = 0; i < MODEL_FAMILIES; i++) {
        bool type_fits         = type == NULL || strcmp(type, model_families[i].model_type) == 0;
        bool architecture_fits = architecture == NULL || strcmp(architecture, model_families[i].architecture) == 0;
        if (type_fits && architecture_fits) {
            config->family = (ModelFamily)i;
            return STATUS_OK;
        }
    }
    return json_fail(root, "model_type", error,
                     "found \"%.40s\" (architecture %.60s); supported are llama, qwen2 and qwen3 (dense, causal)",
                     type == NULL ? "" : type, architecture == NULL ? "not given" : architecture);
}

static Status read_sizes(ModelConfig *config, const JsonObject *root, Error *error)
{
    uint32_t head_dim = 0;
    Status   status   = json_get_u32(root, "hidden_size", JSON_REQUIRED, 1, MAX_HIDDEN, &config->hidden_size, error);
    status =
        chain(status, json_get_u32(root, "num_hidden_layers", JSON_REQUIRED, 1, MAX_LAYERS, &config->layers, error));
    status =
        chain(status, json_get_u32(root, "num_attention_heads", JSON_REQUIRED, 1, MAX_HEADS, &config->heads, error));
    status = chain(status, json_get_u32(root, "intermediate_size", JSON_REQUIRED, 1, MAX_INTERMEDIATE,
                                        &config->intermediate_size, error));
    status = chain(status, json_get_u32(root, "vocab_size", JSON_REQUIRED, 1, MAX_VOCAB, &config->vocab_size, error));
    config->kv_heads      = config->heads;
    config->max_positions = model_families[config->family].max_positions;
    status =
        chain(status, json_get_u32(root, "num_key_value_heads", JSON_NULLABLE, 1, MAX_HEADS, &config->kv_heads, error));
    status = chain(status, json_get_u32(root, "max_position_embeddings", JSON_NULLABLE, 1, MAX_POSITIONS,
                                        &config->max_positions, error));
    status = chain(status, json_get_u32(root, "head_dim", JSON_NULLABLE, 1, MAX_HEAD_DIM, &head_dim, error));
    if (status != STATUS_OK) {
        return status;
    }
    if (head_dim == 0 && config->family == MODEL_QWEN3) {
        head_dim = 128; /* transformers' default for the family */
    } else if (head_dim == 0) {
        if (config->hidden_size % config->heads != 0) {
            return json_fail(root, "num_attention_heads", error,
                             "found %u, which does not divide hidden_size %u (and head_dim is not given)",
                             config->heads, config->hidden_size);
        }
        head_dim = config->hidden_size / config->heads;
    }
    config->head_dim = head_dim;
    return STATUS_OK;
}

/* Features of these families that this program does not compute: a model that uses one must not load. */
static Status read_unsupported(const JsonObject *root, ModelFamily family, Error *error)
{
    bool         bias = false, mlp_bias = false, window = false;
    const char  *activation = "silu";
    const cJSON *layers     = NULL;
    double       share      = 1;
    Status       status     = json_get_string(root, "hidden_act", JSON_NULLABLE, &activation, error);
    status                  = chain(status, json_get_bool(root, "attention_bias", JSON_NULLABLE, &bias, error));
    status                  = chain(status, json_get_bool(root, "mlp_bias", JSON_NULLABLE, &mlp_bias, error));
    status                  = chain(status, json_get_bool(root, "use_sliding_window", JSON_NULLABLE, &window, error));
    status                  = chain(status, json_get_array(root, "layer_types", JSON_NULLABLE, &layers, error));
    status = chain(status, json_get_f64(root, "partial_rotary_factor", JSON_NULLABLE, 1, 1, &share, error));
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(activation, "silu") != 0 && strcmp(activation, "swish") != 0) {
        return json_fail(root, "hidden_act", error, "found \"%.40s\"; supported is silu", activation);
    }
    if (bias && family != MODEL_QWEN2) { /* qwen2 has its biases without this key */
        return json_fail(root, "attention_bias", error, "found true, which is not supported for this family");
    }
    if (mlp_bias) {
        return json_fail(root, "mlp_bias", error, "found true, which is not supported");
    }
    if (window) {
        return json_fail(root, "use_sliding_window", error, "found true; only full attention is supported");
    }
    for (const cJSON *layer = layers == NULL ? NULL : layers->child; layer != NULL; layer = layer->next) {
        if (!cJSON_IsString(layer) || strcmp(layer->valuestring, "full_attention") != 0) {
            return json_fail(root, "layer_types", error, "only \"full_attention\" is supported");
        }
    }
    const cJSON *quantized = json_find(root, "quantization_config");
    if (quantized != NULL && !cJSON_IsNull(quantized)) {
        return json_fail(root, "quantization_config", error,
                         "quantized weights are not supported; use the model in F32, BF16 or F16");
    }
    return STATUS_OK;
}

/* Some write -1 for none. */
static Status read_token_id(const ModelConfig *config, const JsonObject *root, const char *key, int64_t *id,
                            Error *error)
{
    return json_get_i64(root, key, JSON_NULLABLE, -1, (int64_t)config->vocab_size - 1, id, error);
}

static Status add_eos(ModelConfig *config, const JsonObject *root, const cJSON *value, Error *error)
{
    int64_t id;
    Status  status =
        json_integer(value, root->file, "key 'eos_token_id'", -1, (int64_t)config->vocab_size - 1, &id, error);
    if (status != STATUS_OK || id < 0) {
        return status;
    }
    for (uint32_t i = 0; i < config->eos_count; i++) {
        if (config->eos_token_ids[i] == id) {
            return STATUS_OK;
        }
    }
    if (config->eos_count == MAX_EOS) {
        return json_fail(root, "eos_token_id", error, "more than %u different ids", MAX_EOS);
    }
    config->eos_token_ids[config->eos_count++] = id;
    return STATUS_OK;
}

/* bos, pad and eos of config.json or generation_config.json, of the vocabulary whose size is known by now; what the
 * latter adds wins over none. */
static Status read_tokens(ModelConfig *config, const JsonObject *root, Error *error)
{
    int64_t bos = -1, pad = -1;
    Status  status       = read_token_id(config, root, "bos_token_id", &bos, error);
    status               = chain(status, read_token_id(config, root, "pad_token_id", &pad, error));
    config->bos_token_id = config->bos_token_id < 0 ? bos : config->bos_token_id;
    config->pad_token_id = config->pad_token_id < 0 ? pad : config->pad_token_id;
    const cJSON *eos     = json_find(root, "eos_token_id");
    if (status != STATUS_OK || eos == NULL || cJSON_IsNull(eos)) {
        return status;
    }
    if (!cJSON_IsArray(eos)) {
        return add_eos(config, root, eos, error);
    }
    for (const cJSON *item = eos->child; item != NULL && status == STATUS_OK; item = item->next) {
        status = add_eos(config, root, item, error);
    }
    return status;
}

/* generation_config.json beside config.json, if it is there. */
static Status read_generation_config(ModelConfig *config, const char *path, Error *error)
{
    const char *slash     = strrchr(path, '/');
    size_t      length    = slash == NULL ? 0 : (size_t)(slash - path);
    char       *directory = malloc(length + 2);
    char       *beside    = NULL;
    if (directory != NULL) {
        memcpy(directory, path, length);
        memcpy(directory + length, slash == NULL ? "" : "/", slash == NULL ? 1 : 2);
        beside = path_join(directory, "generation_config.json");
    }
    free(directory);
    if (beside == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", path);
    }
    Status status = STATUS_OK;
    if (file_exists(beside)) {
        cJSON     *root;
        JsonObject object;
        status = json_read_file(beside, JSON_FILE_LIMIT, &root, error);
        status = status != STATUS_OK ? status : json_root(&object, root, beside, error);
        status = status != STATUS_OK ? status : read_tokens(config, &object, error);
        cJSON_Delete(root);
    }
    free(beside);
    return status;
}

static Status read_root(ModelConfig *config, const JsonObject *root, Error *error)
{
    double eps    = 1e-6;
    Status status = read_family(config, root, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_unsupported(root, config->family, error);
    status = chain(status, read_sizes(config, root, error));
    status = chain(status, json_get_f64(root, "rms_norm_eps", JSON_NULLABLE, 1e-30, 1, &eps, error));
    status = chain(status, rope_config_read(&config->rope, root, config->max_positions, error));
    status = chain(status, json_get_bool(root, "tie_word_embeddings", JSON_NULLABLE, &config->tie_embeddings, error));
    status = chain(status, read_tokens(config, root, error));
    config->rms_norm_eps = (float)eps;
    config->qkv_bias     = config->family == MODEL_QWEN2;
    config->qk_norm      = config->family == MODEL_QWEN3;
    return status;
}

Status model_config_read(ModelConfig *config, const char *path, Error *error)
{
    cJSON     *root;
    JsonObject object;
    Error      own = {0};
    *config        = (ModelConfig){.bos_token_id = -1, .pad_token_id = -1};
    Status status  = json_read_file(path, JSON_FILE_LIMIT, &root, &own);
    if (status == STATUS_OK) {
        status = json_root(&object, root, path, &own);
    }
    if (status == STATUS_OK) {
        status = read_root(config, &object, &own);
    }
    if (status == STATUS_OK) {
        status = read_generation_config(config, path, &own);
    }
    cJSON_Delete(root);
    if (status == STATUS_OK) {
        status = model_config_check(config, path, &own);
    }
    return own.status == STATUS_OK ? status : error_set(error, own.status, "%s", own.text);
}
