/* Rotary positions as config.json states them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/model/config_parts.h"

const char *const rope_type_names[ROPE_TYPES] = {"default", "llama3", "linear", "yarn"};

static Status chain(Status status, Status next)
{
    return status != STATUS_OK ? status : next;
}

Status rope_config_check(const RopeConfig *rope, const char *where, Error *error)
{
    if (!(rope->theta > 0 && rope->theta <= (double)FLT_MAX)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: rope_theta is %g, wanted a positive number", where, rope->theta);
    }
    if (rope->type != ROPE_DEFAULT && !(rope->factor >= 1 && rope->factor <= 1e6)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %s rope scaling with factor %g, wanted one from 1 to 1e6", where,
                         rope_type_names[rope->type], rope->factor);
    }
    if (rope->type == ROPE_LLAMA3 &&
        (!(rope->low_freq_factor > 0) || !(rope->high_freq_factor > rope->low_freq_factor) ||
         rope->original_max_position_embeddings == 0)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: llama3 rope scaling with low_freq_factor %g, high_freq_factor %g, "
                         "original_max_position_embeddings %u; wanted 0 < low < high",
                         where, rope->low_freq_factor, rope->high_freq_factor, rope->original_max_position_embeddings);
    }
    if (rope->type == ROPE_YARN &&
        (!(rope->beta_slow > 0) || !(rope->beta_fast >= rope->beta_slow) || !(rope->theta > 1) ||
         !(rope->attention_factor > 0 && rope->attention_factor <= 1e3) ||
         rope->original_max_position_embeddings == 0)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: yarn rope scaling with rope_theta %g, beta_slow %g, beta_fast %g, attention_factor %g, "
                         "original_max_position_embeddings %u; wanted 0 < slow <= fast, the others positive",
                         where, rope->theta, rope->beta_slow, rope->beta_fast, rope->attention_factor,
                         rope->original_max_position_embeddings);
    }
    return STATUS_OK;
}

/* Section 3.4 of the YaRN paper; `weight` as models after DeepSeek-V2 have it. */
static double yarn_temperature(double factor, double weight)
{
    return factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1;
}

static Status read_yarn(RopeConfig *rope, const JsonObject *parameters, uint32_t max_positions, Error *error)
{
    bool   truncate = true;
    double scale = 0, scale_all = 0;
    rope->beta_fast                        = 32;
    rope->beta_slow                        = 1;
    rope->original_max_position_embeddings = max_positions;
    Status status = json_get_u32(parameters, "original_max_position_embeddings", JSON_NULLABLE, 1, MAX_POSITIONS,
                                 &rope->original_max_position_embeddings, error);
    status = chain(status, json_get_f64(parameters, "beta_fast", JSON_NULLABLE, FLT_MIN, 1e6, &rope->beta_fast, error));
    status = chain(status, json_get_f64(parameters, "beta_slow", JSON_NULLABLE, FLT_MIN, 1e6, &rope->beta_slow, error));
    status = chain(status, json_get_f64(parameters, "mscale", JSON_NULLABLE, 0, 1e3, &scale, error));
    status = chain(status, json_get_f64(parameters, "mscale_all_dim", JSON_NULLABLE, 0, 1e3, &scale_all, error));
    status = chain(status, json_get_bool(parameters, "truncate", JSON_NULLABLE, &truncate, error));
    rope->exact_range      = !truncate;
    rope->attention_factor = scale > 0 && scale_all > 0
                                 ? yarn_temperature(rope->factor, scale) / yarn_temperature(rope->factor, scale_all)
                                 : yarn_temperature(rope->factor, 1);
    return chain(status, json_get_f64(parameters, "attention_factor", JSON_NULLABLE, FLT_MIN, 1e3,
                                      &rope->attention_factor, error));
}

static Status read_llama3(RopeConfig *rope, const JsonObject *parameters, Error *error)
{
    Status status =
        json_get_f64(parameters, "low_freq_factor", JSON_REQUIRED, FLT_MIN, 1e6, &rope->low_freq_factor, error);
    status = chain(status, json_get_f64(parameters, "high_freq_factor", JSON_REQUIRED, FLT_MIN, 1e6,
                                        &rope->high_freq_factor, error));
    return chain(status, json_get_u32(parameters, "original_max_position_embeddings", JSON_REQUIRED, 1, MAX_POSITIONS,
                                      &rope->original_max_position_embeddings, error));
}

/* One of the two objects, which has something in it. */
static Status read_parameters(RopeConfig *rope, const JsonObject *parameters, uint32_t max_positions, Error *error)
{
    const char *type   = "default";
    double      share  = 1;
    Status      status = json_get_f64(parameters, "rope_theta", JSON_NULLABLE, FLT_MIN, FLT_MAX, &rope->theta, error);
    status = chain(status, json_get_f64(parameters, "partial_rotary_factor", JSON_NULLABLE, 1, 1, &share, error));
    status = chain(status, json_get_string(parameters, "type", JSON_NULLABLE, &type, error));
    status = chain(status, json_get_string(parameters, "rope_type", JSON_NULLABLE, &type, error));
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t known = 0;
    while (known < ROPE_TYPES && strcmp(type, rope_type_names[known]) != 0) {
        known++;
    }
    if (known == ROPE_TYPES) {
        return json_fail(parameters, "rope_type", error,
                         "found \"%.40s\"; supported are default, llama3, linear and yarn", type);
    }
    rope->type = (RopeType)known;
    if (rope->type == ROPE_DEFAULT) {
        return STATUS_OK;
    }
    status = json_get_f64(parameters, "factor", JSON_REQUIRED, 1, 1e6, &rope->factor, error);
    if (status == STATUS_OK && rope->type == ROPE_YARN) {
        return read_yarn(rope, parameters, max_positions, error);
    }
    return status == STATUS_OK && rope->type == ROPE_LLAMA3 ? read_llama3(rope, parameters, error) : status;
}

static bool same(const RopeConfig *a, const RopeConfig *b)
{
    return a->theta == b->theta && a->type == b->type && a->factor == b->factor &&
           a->low_freq_factor == b->low_freq_factor && a->high_freq_factor == b->high_freq_factor &&
           a->original_max_position_embeddings == b->original_max_position_embeddings && a->beta_fast == b->beta_fast &&
           a->beta_slow == b->beta_slow && a->attention_factor == b->attention_factor &&
           a->exact_range == b->exact_range;
}

/* transformers 5 has rope_parameters {rope_theta, rope_type, …}; 4 has rope_theta and rope_scaling {rope_type or type,
 * …}. Where a file has both, as after a hand has added the second, versions differ in what they go by. */
Status rope_config_read(RopeConfig *rope, const JsonObject *root, uint32_t max_positions, Error *error)
{
    static const char *const names[2] = {"rope_parameters", "rope_scaling"};
    RopeConfig               found[2];
    bool                     there[2] = {false, false};
    *rope                             = (RopeConfig){.theta = 10000};
    Status status = json_get_f64(root, "rope_theta", JSON_NULLABLE, FLT_MIN, FLT_MAX, &rope->theta, error);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        JsonObject parameters;
        found[i] = *rope;
        status   = json_get_object(root, names[i], JSON_NULLABLE, &parameters, error);
        there[i] = status == STATUS_OK && parameters.json != NULL && parameters.json->child != NULL;
        status   = there[i] ? read_parameters(&found[i], &parameters, max_positions, error) : status;
    }
    if (status == STATUS_OK && there[0] && there[1] && !same(&found[0], &found[1])) {
        return json_fail(root, names[1], error, "it and rope_parameters do not say the same; keep one of the two");
    }
    if (status == STATUS_OK && (there[0] || there[1])) {
        *rope = found[there[0] ? 0 : 1];
    }
    return status;
}
