/* The model that a run trains. */
#include "rlsp/train/precision.h"
#include "rlsp/train/session_adapter.h"
#include "rlsp/train/session_parts.h"

/* VOCAB_STEP: a new model's vocabulary is rounded up, as those of hub models are, to what the products' kernels
 * take in whole tiles; the ids past the tokenizer's stand for no text. */
enum { VOCAB_STEP = 16 };

ModelConfig session_init_config(const Session *session)
{
    const RunModelInit *init   = &session->config.model.init;
    ModelConfig         config = {.family = MODEL_LLAMA,
                                  .vocab_size =
                                      (tokenizer_vocab_size(session->tokenizer) + VOCAB_STEP - 1) / VOCAB_STEP * VOCAB_STEP,
                                  .hidden_size = init->hidden_size,
                                  .layers      = init->layers,
                                  .heads       = init->heads,
                                  .kv_heads    = init->kv_heads > 0 ? init->kv_heads : init->heads,
                                  .head_dim    = init->head_dim > 0 ? init->head_dim : init->hidden_size / init->heads,
                                  .intermediate_size = init->intermediate_size,
                                  .max_positions     = init->max_positions,
                                  .rms_norm_eps      = (float)init->rms_norm_eps,
                                  .rope              = {.theta = init->rope_theta},
                                  .tie_embeddings    = init->tie_embeddings,
                                  .bos_token_id      = tokenizer_token_id(session->tokenizer, "<bos>"),
                                  .eos_token_ids     = {tokenizer_token_id(session->tokenizer, "<eos>")},
                                  .eos_count         = tokenizer_token_id(session->tokenizer, "<eos>") >= 0,
                                  .pad_token_id      = tokenizer_token_id(session->tokenizer, "<pad>")};
    return config;
}

/* The policy's weights, or with an adapter those of its base. */
static Status open_weights(Session *session, Error *error)
{
    const RunModel    *model  = &session->config.model;
    const bool         shared = model->critic == CRITIC_SHARED, adapter = session->config.adapter.kind == ADAPTER_LORA;
    const WeightFormat weights = adapter ? (WeightFormat)model->weights : WEIGHT_F32;
    char               base[SESSION_PATH_SIZE];
    session_base_path(&session->config, run_dir_path(session->run), base);
    if (session->resuming) {
        session->policy =
            model_load_frozen(session->gpu, adapter ? base : session->checkpoint_path, shared, weights, error);
    } else if (model->path[0] != 0) {
        session->policy = model_load_frozen(session->gpu, model->path, shared, weights, error);
        if (session->policy == NULL) {
            error_prefix(error, "model.path");
        }
    } else {
        const ModelConfig config = session_init_config(session);
        const ModelInit   init   = {model->init.embedding_std, model->init.linear_scale, model->init.residual_scale};
        session->policy          = model_new(session->gpu, &config, shared, error);
        if (session->policy != NULL && model_init(session->policy, &init, session->config.seed, error) != STATUS_OK) {
            return error->status;
        }
        if (session->policy != NULL && adapter &&
            (model_save(session->policy, base, DTYPE_F32, error) != STATUS_OK ||
             session_copy_tokenizer(session, base, error) != STATUS_OK)) {
            return error->status;
        }
        if (session->policy != NULL && weights != WEIGHT_F32 && weights != WEIGHTS_AS_STORED) { /* the files are f32 */
            model_free(session->policy);
            session->policy = model_load_frozen(session->gpu, base, shared, weights, error);
        }
    }
    const ComputeType compute = precision_compute(session->config.precision, gpu_info(session->gpu));
    return session->policy != NULL ? model_set_compute(session->policy, compute, error) : error->status;
}

Status session_open_policy(Session *session, Error *error)
{
    Status status = open_weights(session, error);
    if (status == STATUS_OK && session->config.adapter.kind == ADAPTER_LORA) {
        status = session_adapter_open(session, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const ModelConfig *config = &session->policy->config;
    if (tokenizer_vocab_size(session->tokenizer) > config->vocab_size) {
        return error_set(error, STATUS_BAD_INPUT, "the tokenizer in %s has %u tokens, the model only %u",
                         session->tokenizer_directory, tokenizer_vocab_size(session->tokenizer), config->vocab_size);
    }
    stop_tokens_add_model(&session->stops, config);
    stop_tokens_add(&session->stops, session->task->end_token, config->vocab_size);
    if (session->stops.count == 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "the model has no eos_token_id in config.json, so that its responses would never end");
    }
    return STATUS_OK;
}
