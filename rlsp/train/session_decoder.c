/* One decoder for the rollouts and the evaluations of an RL stage, which take turns: one cache of keys and values. */
#include "rlsp/train/precision.h"
#include "rlsp/train/session.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* What serves both. Responses depend on neither's limits: each run gives its own number of new tokens. */
static DecodeLimits both(const DecodeLimits *a, const DecodeLimits *b)
{
    return (DecodeLimits){.slots             = larger(a->slots, b->slots),
                          .max_length        = larger(a->max_length, b->max_length),
                          .max_requests      = larger(a->max_requests, b->max_requests),
                          .max_prompt_tokens = larger(a->max_prompt_tokens, b->max_prompt_tokens),
                          .max_new           = larger(a->max_new, b->max_new),
                          .steps_per_submit  = a->steps_per_submit,
                          .lora_rank         = larger(a->lora_rank, b->lora_rank),
                          .cache             = a->cache};
}

ComputeType session_kv_cache(const Session *session)
{
    return precision_kv_cache(session->config.model.kv_cache, session->policy->config.compute, gpu_info(session->gpu));
}

Decoder *session_open_decoder(Session *session, const DecodeLimits *rollouts, Error *error)
{
    const RunEval *eval   = &session->config.eval;
    DecodeLimits   limits = *rollouts;
    const bool     evaluates =
        (eval->problems > 0 || eval->final_problems > 0) && task_instance_eval_count(session->task) > 0;
    if (evaluates) {
        const EvalGeneratorLimits held_out = session_eval_limits(session);
        const DecodeLimits        wanted   = eval_generator_decode_limits(&held_out, session->task);
        /* an evaluation that does not fit the context fails by itself, with a text of its own */
        limits = wanted.max_length <= session->policy->config.max_positions ? both(rollouts, &wanted) : limits;
    }
    session_close_decoder(session);
    gpu_memory_owner(session->gpu, evaluates ? "rollouts and evaluation" : "rollouts");
    session->decoder        = decoder_new(session->gpu, &session->policy->config, &limits, error);
    session->decoder_limits = limits;
    gpu_memory_owner(session->gpu, NULL);
    return session->decoder;
}

Decoder *session_shared_decoder(const Session *session, const DecodeLimits *wanted)
{
    const DecodeLimits *has  = &session->decoder_limits;
    const bool          fits = wanted->slots <= has->slots && wanted->max_length <= has->max_length &&
                      wanted->max_requests <= has->max_requests &&
                      wanted->max_prompt_tokens <= has->max_prompt_tokens && wanted->max_new <= has->max_new &&
                      wanted->lora_rank <= has->lora_rank && wanted->cache == has->cache;
    return fits ? session->decoder : NULL;
}

void session_close_decoder(Session *session)
{
    evaluator_free(session->evaluator); /* it may have borrowed the decoder */
    decoder_free(session->decoder);
    session->evaluator = NULL;
    session->decoder   = NULL;
}
