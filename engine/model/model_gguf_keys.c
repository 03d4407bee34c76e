/* The hyperparameters of a model as the keys of a GGUF file. */
#include <math.h>
#include <stdio.h>

#include "engine/model/model_gguf.h"

const char *gguf_architecture(const ModelConfig *config)
{
    static const char *const names[] = {[MODEL_LLAMA] = "llama", [MODEL_QWEN2] = "qwen2", [MODEL_QWEN3] = "qwen3"};
    return names[config->family];
}

enum { KEY_SIZE = 80 };

static const char *key_of(char key[KEY_SIZE], const ModelConfig *config, const char *name)
{
    snprintf(key, KEY_SIZE, "%s.%s", gguf_architecture(config), name);
    return key;
}

static void add_u32(GgufWriter *gguf, const ModelConfig *config, const char *name, uint32_t value)
{
    char key[KEY_SIZE];
    gguf_add_u32(gguf, key_of(key, config, name), value);
}

static void add_f32(GgufWriter *gguf, const ModelConfig *config, const char *name, double value)
{
    char key[KEY_SIZE];
    gguf_add_f32(gguf, key_of(key, config, name), (float)value);
}

static void add_text(GgufWriter *gguf, const ModelConfig *config, const char *name, const char *value)
{
    char key[KEY_SIZE];
    gguf_add_text(gguf, key_of(key, config, name), value);
}

/* llama.cpp's own temperature of YaRN, which attn_factor multiplies. */
static double usual_temperature(const RopeConfig *rope)
{
    return 1 + 0.1 * log(rope->factor);
}

/* llama3's scaling is a tensor (rope_freqs.weight). */
static void add_rope(GgufWriter *gguf, const ModelConfig *config)
{
    const RopeConfig *rope = &config->rope;
    add_f32(gguf, config, "rope.freq_base", rope->theta);
    add_u32(gguf, config, "rope.dimension_count", config->head_dim);
    if (rope->type == ROPE_LINEAR || rope->type == ROPE_YARN) {
        add_text(gguf, config, "rope.scaling.type", rope->type == ROPE_LINEAR ? "linear" : "yarn");
        add_f32(gguf, config, "rope.scaling.factor", rope->factor);
    }
    if (rope->type == ROPE_YARN) {
        add_u32(gguf, config, "rope.scaling.original_context_length", rope->original_max_position_embeddings);
        add_f32(gguf, config, "rope.scaling.yarn_beta_fast", rope->beta_fast);
        add_f32(gguf, config, "rope.scaling.yarn_beta_slow", rope->beta_slow);
        add_f32(gguf, config, "rope.scaling.attn_factor", rope->attention_factor / usual_temperature(rope));
    }
}

void gguf_model_add_keys(GgufWriter *gguf, const ModelConfig *config)
{
    add_u32(gguf, config, "vocab_size", config->vocab_size);
    add_u32(gguf, config, "context_length", config->max_positions);
    add_u32(gguf, config, "embedding_length", config->hidden_size);
    add_u32(gguf, config, "block_count", config->layers);
    add_u32(gguf, config, "feed_forward_length", config->intermediate_size);
    add_u32(gguf, config, "attention.head_count", config->heads);
    add_u32(gguf, config, "attention.head_count_kv", config->kv_heads);
    add_u32(gguf, config, "attention.key_length", config->head_dim);
    add_u32(gguf, config, "attention.value_length", config->head_dim);
    add_f32(gguf, config, "attention.layer_norm_rms_epsilon", (double)config->rms_norm_eps);
    add_rope(gguf, config);
}
