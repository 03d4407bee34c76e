/* ModelConfig: the shape of a Llama-family decoder, as config.json states it.
 *
 *     ModelConfig config;
 *     if (model_config_read(&config, "dir/config.json", &error) != STATUS_OK) …
 *
 * Families: llama, qwen2 (QKV bias), qwen3 (per-head q/k norm), dense only.
 */
#ifndef ENGINE_MODEL_CONFIG_H
#define ENGINE_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/ops/compute.h"
#include "engine/ops/rope.h"

typedef enum ModelFamily { MODEL_LLAMA, MODEL_QWEN2, MODEL_QWEN3 } ModelFamily;

typedef struct ModelConfig {
    ModelFamily family;
    uint32_t    vocab_size;
    uint32_t    hidden_size;
    uint32_t    layers;
    uint32_t    heads;    /* query heads                                  */
    uint32_t    kv_heads; /* divides heads                                */
    uint32_t    head_dim; /* even                                         */
    uint32_t    intermediate_size;
    uint32_t    max_positions; /* max_position_embeddings                      */
    float       rms_norm_eps;
    RopeConfig  rope;
    bool        qkv_bias; /* qwen2                                        */
    bool        qk_norm;  /* qwen3: RMSNorm over head_dim of each q, k head */
    bool        tie_embeddings;
    int64_t     bos_token_id;     /* -1: none                                     */
    int64_t     eos_token_ids[8]; /* of config.json, then generation_config.json  */
    uint32_t    eos_count;
    int64_t     pad_token_id; /* -1: none                                     */
    ComputeType compute;      /* of its products, which no file says: model_set_compute */
} ModelConfig;

/* Reads and checks config.json (transformers 4.x and 5.x spelling of rope and
 * dtype keys). Errors name the file, the key, what was found and what is wanted. */
Status model_config_read(ModelConfig *config, const char *path, Error *error);

/* Writes a config.json that transformers loads (LlamaForCausalLM and so on). */
Status model_config_write(const ModelConfig *config, const char *path, Error *error);

/* Checks a config built by hand (an "init" block) by the same rules. */
Status model_config_check(const ModelConfig *config, const char *where, Error *error);

/* Number of parameters. */
uint64_t model_config_parameters(const ModelConfig *config);

#endif
