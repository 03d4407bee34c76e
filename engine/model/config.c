#include "engine/model/config.h"

#include <stddef.h>

#include "engine/model/config_parts.h"
#include "engine/model/matrices.h"

const ModelFamilyInfo model_families[MODEL_FAMILIES] = {
    [MODEL_LLAMA] = {"llama", "LlamaForCausalLM", 2048},
    [MODEL_QWEN2] = {"qwen2", "Qwen2ForCausalLM", 32768},
    [MODEL_QWEN3] = {"qwen3", "Qwen3ForCausalLM", 32768},
};

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
    return rope_config_check(&config->rope, where, error);
}

uint64_t model_config_parameters(const ModelConfig *config)
{
    const uint64_t hidden = config->hidden_size, vocab = config->vocab_size;
    uint64_t       layer = 2 * hidden; /* norms */
    layer += config->qkv_bias ? model_matrix_shape(config, MATRIX_LAYERS + MATRIX_QKV).rows : 0;
    layer += config->qk_norm ? 2 * (uint64_t)config->head_dim : 0;
    for (Projection p = 0; p < PROJECTIONS; p++) {
        const MatrixShape shape = projection_shape(config, p);
        layer += (uint64_t)shape.rows * shape.columns;
    }
    return config->layers * layer + hidden + vocab * hidden * (config->tie_embeddings ? 1 : 2);
}
