/* A config.json that transformers loads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/config_parts.h"

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

static bool add_yarn(cJSON *scaling, const RopeConfig *rope)
{
    return add_float(scaling, "beta_fast", rope->beta_fast, false) &&
           add_float(scaling, "beta_slow", rope->beta_slow, false) &&
           add_float(scaling, "attention_factor", rope->attention_factor, false) &&
           cJSON_AddBoolToObject(scaling, "truncate", !rope->exact_range) != NULL;
}

/* The spelling of transformers 4, which 5 reads as well. */
static bool add_rope(cJSON *root, const RopeConfig *rope)
{
    bool fine = add_float(root, "rope_theta", rope->theta, false);
    if (rope->type == ROPE_DEFAULT) {
        return fine && cJSON_AddNullToObject(root, "rope_scaling") != NULL;
    }
    cJSON *scaling = cJSON_AddObjectToObject(root, "rope_scaling");
    fine           = fine && cJSON_AddStringToObject(scaling, "rope_type", rope_type_names[rope->type]) != NULL;
    fine           = fine && add_float(scaling, "factor", rope->factor, false);
    if (rope->type == ROPE_LLAMA3) {
        fine = fine && add_float(scaling, "low_freq_factor", rope->low_freq_factor, false);
        fine = fine && add_float(scaling, "high_freq_factor", rope->high_freq_factor, false);
    } else if (rope->type == ROPE_YARN) {
        fine = fine && add_yarn(scaling, rope);
    }
    return fine &&
           (rope->type == ROPE_LINEAR || cJSON_AddNumberToObject(scaling, "original_max_position_embeddings",
                                                                 rope->original_max_position_embeddings) != NULL);
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
    bool   fine = cJSON_AddItemToArray(architectures, cJSON_CreateString(model_families[config->family].architecture));
    fine = fine && cJSON_AddStringToObject(root, "model_type", model_families[config->family].model_type) != NULL;
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
