#include "engine/model/config.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

/* Far above any model of these families, and small enough that no size computed
 * from them overflows 64 bits. */
#define MAX_VOCAB        (1u << 22)
#define MAX_HIDDEN       (1u << 17)
#define MAX_INTERMEDIATE (1u << 20)
#define MAX_LAYERS       1024u
#define MAX_HEADS        4096u
#define MAX_HEAD_DIM     1024u
#define MAX_POSITIONS    (1u << 30)
#define MAX_EOS          8u

static const struct {
    const char *model_type, *architecture;
    uint32_t    max_positions; /* where config.json does not say */
} families[] = {
    [MODEL_LLAMA] = {"llama", "LlamaForCausalLM", 2048},
    [MODEL_QWEN2] = {"qwen2", "Qwen2ForCausalLM", 32768},
    [MODEL_QWEN3] = {"qwen3", "Qwen3ForCausalLM", 32768},
};
#define FAMILIES (sizeof families / sizeof *families)

static Status chain(Status status, Status next)
{
    return status != STATUS_OK ? status : next;
}

/* --- reading */

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
    for (size_t i = 0; i < FAMILIES; i++) {
        bool type_fits         = type == NULL || strcmp(type, families[i].model_type) == 0;
        bool architecture_fits = architecture == NULL || strcmp(architecture, families[i].architecture) == 0;
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
    config->max_positions = families[config->family].max_positions;
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

/* transformers 5 has rope_parameters {rope_theta, rope_type, …}; 4 has rope_theta and rope_scaling {rope_type or type,
 * …}. */
static Status read_rope(RopeConfig *rope, const JsonObject *root, Error *error)
{
    JsonObject parameters;
    rope->theta   = 10000;
    Status status = json_get_f64(root, "rope_theta", JSON_NULLABLE, FLT_MIN, FLT_MAX, &rope->theta, error);
    status        = chain(status, json_get_object(root, "rope_parameters", JSON_NULLABLE, &parameters, error));
    if (status == STATUS_OK && parameters.json == NULL) {
        status = json_get_object(root, "rope_scaling", JSON_NULLABLE, &parameters, error);
    }
    if (status != STATUS_OK || parameters.json == NULL) {
        return status;
    }
    const char *type  = NULL;
    double      share = 1;
    status            = json_get_f64(&parameters, "rope_theta", JSON_NULLABLE, FLT_MIN, FLT_MAX, &rope->theta, error);
    status = chain(status, json_get_f64(&parameters, "partial_rotary_factor", JSON_NULLABLE, 1, 1, &share, error));
    status = chain(status, json_get_string(&parameters, "type", JSON_NULLABLE, &type, error));
    status = chain(status, json_get_string(&parameters, "rope_type", JSON_NULLABLE, &type, error));
    if (status != STATUS_OK || type == NULL || strcmp(type, "default") == 0) {
        return status;
    }
    if (strcmp(type, "llama3") != 0) {
        return json_fail(&parameters, "rope_type", error, "found \"%.40s\"; supported are default and llama3", type);
    }
    rope->llama3 = true;
    status       = json_get_f64(&parameters, "factor", JSON_REQUIRED, 1, 1e6, &rope->factor, error);
    status       = chain(status, json_get_f64(&parameters, "low_freq_factor", JSON_REQUIRED, FLT_MIN, 1e6,
                                              &rope->low_freq_factor, error));
    status       = chain(status, json_get_f64(&parameters, "high_freq_factor", JSON_REQUIRED, FLT_MIN, 1e6,
                                              &rope->high_freq_factor, error));
    return chain(status, json_get_u32(&parameters, "original_max_position_embeddings", JSON_REQUIRED, 1, MAX_POSITIONS,
                                      &rope->original_max_position_embeddings, error));
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
    status = chain(status, read_rope(&config->rope, root, error));
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

/* --- checking */

static Status check_rope(const RopeConfig *rope, const char *where, Error *error)
{
    if (!(rope->theta > 0 && rope->theta <= (double)FLT_MAX)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: rope_theta is %g, wanted a positive number", where, rope->theta);
    }
    if (!rope->llama3) {
        return STATUS_OK;
    }
    if (!(rope->factor >= 1) || !(rope->low_freq_factor > 0) || !(rope->high_freq_factor > rope->low_freq_factor) ||
        rope->original_max_position_embeddings == 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: llama3 rope scaling with factor %g, low_freq_factor %g, high_freq_factor %g, "
                         "original_max_position_embeddings %u; wanted factor >= 1 and 0 < low < high",
                         where, rope->factor, rope->low_freq_factor, rope->high_freq_factor,
                         rope->original_max_position_embeddings);
    }
    return STATUS_OK;
}

Status model_config_check(const ModelConfig *config, const char *where, Error *error)
{
    const struct {
        const char *name;
        uint32_t    value, max;
    } sizes[] = {
        {"vocab_size", config->vocab_size, MAX_VOCAB},
        {"hidden_size", config->hidden_size, MAX_HIDDEN},
        {"num_hidden_layers", config->layers, MAX_LAYERS},
        {"num_attention_heads", config->heads, MAX_HEADS},
        {"num_key_value_heads", config->kv_heads, MAX_HEADS},
        {"head_dim", config->head_dim, MAX_HEAD_DIM},
        {"intermediate_size", config->intermediate_size, MAX_INTERMEDIATE},
        {"max_position_embeddings", config->max_positions, MAX_POSITIONS},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].value == 0 || sizes[i].value > sizes[i].max) {
            return error_set(error, STATUS_BAD_INPUT, "%s: %s is %u, wanted 1 to %u", where, sizes[i].name,
                             sizes[i].value, sizes[i].max);
        }
    }
    if (config->heads % config->kv_heads != 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: %u attention heads cannot share %u key/value heads; the latter must divide the former",
                         where, config->heads, config->kv_heads);
    }
    if (config->head_dim % 2 != 0) {
        return error_set(error, STATUS_BAD_INPUT, "%s: head_dim is %u; rotary positions need an even one", where,
                         config->head_dim);
    }
    if (!(config->rms_norm_eps > 0 && config->rms_norm_eps <= 1)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: rms_norm_eps is %g, wanted a small positive number", where,
                         (double)config->rms_norm_eps);
    }
    if (config->family > MODEL_QWEN3 || config->qkv_bias != (config->family == MODEL_QWEN2) ||
        config->qk_norm != (config->family == MODEL_QWEN3) || config->eos_count > MAX_EOS) {
        return error_set(error, STATUS_BAD_INPUT, "%s: biases or norms that its model family does not have", where);
    }
    return check_rope(&config->rope, where, error);
}

uint64_t model_config_parameters(const ModelConfig *config)
{
    uint64_t hidden = config->hidden_size, vocab = config->vocab_size;
    uint64_t q = (uint64_t)config->heads * config->head_dim, kv = (uint64_t)config->kv_heads * config->head_dim;
    uint64_t layer = 2 * hidden;                               /* norms           */
    layer += 2 * q * hidden + 2 * kv * hidden;                 /* q, o, k, v      */
    layer += 3 * hidden * (uint64_t)config->intermediate_size; /* gate, up, down  */
    layer += config->qkv_bias ? q + 2 * kv : 0;
    layer += config->qk_norm ? 2 * (uint64_t)config->head_dim : 0;
    return config->layers * layer + hidden + vocab * hidden * (config->tie_embeddings ? 1 : 2);
}

/* --- writing */

/* A number that Python reads as a float ("8.0"), in the fewest digits that give `value` back. */
static bool add_float(cJSON *object, const char *key, double value, bool single)
{
    char text[64];
    bool whole = value == trunc(value) && fabs(value) < 1e15;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, whole ? "%.*f" : "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (back == value || (single && (float)back == (float)value)) {
            break;
        }
    }
    for (char *comma = strchr(text, ','); comma != NULL; comma = NULL) {
        *comma = '.'; /* the locale's decimal point */
    }
    return cJSON_AddRawToObject(object, key, text) != NULL;
}

static bool add_id(cJSON *object, const char *key, int64_t id)
{
    return (id < 0 ? cJSON_AddNullToObject(object, key) : cJSON_AddNumberToObject(object, key, (double)id)) != NULL;
}

static bool add_eos_ids(cJSON *root, const ModelConfig *config)
{
    if (config->eos_count < 2) {
        return add_id(root, "eos_token_id", config->eos_count == 0 ? -1 : config->eos_token_ids[0]);
    }
    cJSON *ids  = cJSON_AddArrayToObject(root, "eos_token_id");
    bool   fine = ids != NULL;
    for (uint32_t i = 0; i < config->eos_count && fine; i++) {
        fine = cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)config->eos_token_ids[i]));
    }
    return fine;
}

/* The spelling of transformers 4, which 5 reads as well. */
static bool add_rope(cJSON *root, const RopeConfig *rope)
{
    bool fine = add_float(root, "rope_theta", rope->theta, false);
    if (!rope->llama3) {
        return fine && cJSON_AddNullToObject(root, "rope_scaling") != NULL;
    }
    cJSON *scaling = cJSON_AddObjectToObject(root, "rope_scaling");
    fine           = fine && cJSON_AddStringToObject(scaling, "rope_type", "llama3") != NULL;
    fine           = fine && add_float(scaling, "factor", rope->factor, false);
    fine           = fine && add_float(scaling, "low_freq_factor", rope->low_freq_factor, false);
    fine           = fine && add_float(scaling, "high_freq_factor", rope->high_freq_factor, false);
    return fine && cJSON_AddNumberToObject(scaling, "original_max_position_embeddings",
                                           rope->original_max_position_embeddings) != NULL;
}

static bool add_all(cJSON *root, const ModelConfig *config)
{
    const struct {
        const char *key;
        uint32_t    value;
    } numbers[] = {
        {"vocab_size", config->vocab_size},
        {"hidden_size", config->hidden_size},
        {"num_hidden_layers", config->layers},
        {"num_attention_heads", config->heads},
        {"num_key_value_heads", config->kv_heads},
        {"head_dim", config->head_dim},
        {"intermediate_size", config->intermediate_size},
        {"max_position_embeddings", config->max_positions},
    };
    cJSON *architectures = cJSON_AddArrayToObject(root, "architectures");
    bool   fine = cJSON_AddItemToArray(architectures, cJSON_CreateString(families[config->family].architecture));
    fine        = fine && cJSON_AddStringToObject(root, "model_type", families[config->family].model_type) != NULL;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && fine; i++) {
        fine = cJSON_AddNumberToObject(root, numbers[i].key, numbers[i].value) != NULL;
    }
    fine = fine && cJSON_AddStringToObject(root, "hidden_act", "silu") != NULL;
    fine = fine && add_float(root, "rms_norm_eps", (double)config->rms_norm_eps, true);
    fine = fine && add_rope(root, &config->rope);
    if (config->family != MODEL_QWEN2) { /* qwen2 has its biases without being told */
        fine = fine && cJSON_AddFalseToObject(root, "attention_bias") != NULL;
    }
    fine = fine && cJSON_AddBoolToObject(root, "tie_word_embeddings", config->tie_embeddings) != NULL;
    fine = fine && (config->family == MODEL_LLAMA ? cJSON_AddFalseToObject(root, "mlp_bias")
                                                  : cJSON_AddFalseToObject(root, "use_sliding_window")) != NULL;
    fine = fine && cJSON_AddTrueToObject(root, "use_cache") != NULL;
    return fine && add_id(root, "bos_token_id", config->bos_token_id) && add_eos_ids(root, config) &&
           add_id(root, "pad_token_id", config->pad_token_id);
}

Status model_config_write(const ModelConfig *config, const char *path, Error *error)
{
    Status status = model_config_check(config, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    cJSON *root = cJSON_CreateObject();
    if (root == NULL || !add_all(root, config)) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", path);
    } else {
        status = json_write_file(path, root, error);
    }
    cJSON_Delete(root);
    return status;
}
