#include "rlsp/train/ppo.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/train/ppo_parts.h"

/* --- life ---------------------------------------------------------------------------- */

Status ppo_out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "PPO: out of host memory");
}

static GpuSpan take(Ppo *ppo, uint64_t count)
{
    return gpu_arena_take(ppo->arena, count * 4);
}

static Status allocate_device(Ppo *ppo, uint32_t sequences, Error *error)
{
    const uint64_t t = gpu_align((uint64_t)ppo->max_tokens * 4), s = gpu_align(((uint64_t)sequences + 1) * 4);
    const uint64_t m = gpu_align((uint64_t)ppo->micro_tokens * 4), partial = loss_stats_bytes(ppo->micro_tokens);
    ppo->arena = gpu_arena_new(ppo->session->gpu, "PPO", GPU_MEMORY_DEVICE,
                               10 * t + 4 * s + 14 * m + gpu_align(partial) + 4 * GPU_ALIGNMENT, error);
    if (ppo->arena == NULL) {
        return error->status;
    }
    GpuSpan *const by_token[]    = {&ppo->old_logprob, &ppo->ref_logprob, &ppo->entropy, &ppo->value, &ppo->kl,
                                    &ppo->reward,      &ppo->advantage,   &ppo->returns, &ppo->mask,  &ppo->sequence_of};
    GpuSpan *const by_sequence[] = {&ppo->score, &ppo->sequence_advantage, &ppo->response_start, &ppo->group_of};
    GpuSpan *const by_row[]      = {&ppo->m_logprob,     &ppo->m_entropy,   &ppo->m_lse,     &ppo->m_dlogprob,
                                    &ppo->m_dentropy,    &ppo->m_value,     &ppo->m_dvalue,  &ppo->m_old_logprob,
                                    &ppo->m_ref_logprob, &ppo->m_advantage, &ppo->m_returns, &ppo->m_old_value,
                                    &ppo->m_weight,      &ppo->m_index};
    for (size_t i = 0; i < sizeof by_token / sizeof *by_token; i++) {
        *by_token[i] = take(ppo, ppo->max_tokens);
    }
    for (size_t i = 0; i < sizeof by_sequence / sizeof *by_sequence; i++) {
        *by_sequence[i] = take(ppo, (uint64_t)sequences + 1);
    }
    for (size_t i = 0; i < sizeof by_row / sizeof *by_row; i++) {
        *by_row[i] = take(ppo, ppo->micro_tokens);
    }
    ppo->partial      = gpu_arena_take(ppo->arena, partial);
    ppo->policy_stats = take(ppo, LOSS_STATS);
    ppo->value_stats  = take(ppo, LOSS_STATS);
    ppo->moments      = take(ppo, 4);
    return STATUS_OK;
}

static Status allocate_host(Ppo *ppo, uint32_t sequences, Error *error)
{
    const size_t n = ppo->micro_tokens;
    ppo->ids       = malloc(n * sizeof *ppo->ids);
    ppo->rows      = malloc(n * sizeof *ppo->rows);
    ppo->targets   = malloc(n * sizeof *ppo->targets);
    ppo->index     = malloc(n * sizeof *ppo->index);
    ppo->weight    = malloc(n * sizeof *ppo->weight);
    ppo->starts    = malloc(((size_t)sequences + 1) * sizeof *ppo->starts);
    ppo->host      = malloc((size_t)ppo->max_tokens * sizeof *ppo->host);
    ppo->order     = malloc(sequences * sizeof *ppo->order);
    ppo->place     = malloc(sequences * sizeof *ppo->place);
    bool ok        = ppo->ids != NULL && ppo->rows != NULL && ppo->targets != NULL && ppo->index != NULL &&
              ppo->weight != NULL && ppo->starts != NULL && ppo->host != NULL && ppo->order != NULL &&
              ppo->place != NULL;
    return ok ? STATUS_OK : ppo_out_of_memory(error);
}

Ppo *ppo_new(Session *session, const Model *reference, uint32_t sequences, Error *error)
{
    const RunConfig   *config  = &session->config;
    const ModelConfig *model   = &session->policy->config;
    const uint32_t     longest = session->task->prompt_tokens + config->rl.max_new_tokens;
    Ppo               *ppo     = calloc(1, sizeof *ppo);
    if (ppo == NULL) {
        ppo_out_of_memory(error);
        return NULL;
    }
    ppo->session      = session;
    ppo->reference    = reference;
    ppo->critic       = config->rl.advantage == ADVANTAGE_GAE;
    ppo->shared       = ppo->critic && session->critic == NULL;
    ppo->sequences    = sequences;
    ppo->max_tokens   = sequences * config->rl.max_new_tokens;
    ppo->micro_tokens = session_micro_tokens(session, config->rl.tokens_per_micro_batch, longest, error);
    if (ppo->micro_tokens == 0) {
        free(ppo);
        return NULL;
    }
    const Recompute recompute = config->recompute == RECOMPUTE_BLOCK ? RECOMPUTE_BLOCKS : KEEP_ACTIVATIONS;
    Status          status    = allocate_host(ppo, sequences, error);
    status                    = status == STATUS_OK ? allocate_device(ppo, sequences, error) : status;
    if (status == STATUS_OK) {
        ppo->work =
            workspace_new(session->gpu, model, ppo->micro_tokens, ppo->micro_tokens, longest, true, recompute, error);
        const bool planned =
            ppo->work != NULL && workspace_add_lora(ppo->work, model_lora_rank(session->policy), error) == STATUS_OK;
        ppo->batch =
            planned ? batch_new(session->gpu, model, ppo->micro_tokens, ppo->micro_tokens, sequences, error) : NULL;
        ppo->scoring = ppo->batch != NULL ? gpu_stream_new_beside(session->gpu, error) : NULL;
    }
    if (ppo->scoring == NULL) {
        ppo_free(ppo);
        return NULL;
    }
    ppo_score_begin(ppo);
    return ppo;
}

void ppo_free(Ppo *ppo)
{
    if (ppo != NULL) {
        gpu_stream_free(ppo->scoring); /* which may be at work, where sampling has failed */
        gpu_arena_free(ppo->arena);
        batch_free(ppo->batch);
        workspace_free(ppo->work);
        free(ppo->ids);
        free(ppo->rows);
        free(ppo->targets);
        free(ppo->index);
        free(ppo->weight);
        free(ppo->starts);
        free(ppo->host);
        free(ppo->order);
        free(ppo->place);
        free(ppo);
    }
}

/* --- micro-batches ------------------------------------------------------------------------ */

/* Loads sequences order[first], … as many as fit, with their weights (`mean` NULL: none); returns the
 * first that did not fit. */
uint32_t ppo_load_micro_batch(Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t first, uint32_t count,
                              const PpoMean *mean, Status *status, Error *error)
{
    uint32_t last = first, tokens = 0, rows = 0;
    ppo->starts[0] = 0;
    for (; last < count; last++) {
        const uint32_t s = order[last], length = rollout_tokens(rollout, s), response = rollout->items[s].tokens;
        const int32_t *ids = rollout_ids(rollout, s);
        if (tokens + length > ppo->micro_tokens) {
            break;
        }
        memcpy(ppo->ids + tokens, ids, length * sizeof *ids);
        for (uint32_t i = 0; i < response; i++, rows++) {
            const uint32_t position = rollout->prompt_tokens[s] + i;
            ppo->rows[rows]         = (int32_t)(tokens + position - 1);
            ppo->targets[rows]      = ids[position];
            if (mean != NULL) {
                ppo->index[rows]  = (int32_t)(rollout->response_start[s] + i);
                ppo->weight[rows] = rollout->items[s].masked ? 0.0f
                                    : mean->by_sequence      ? 1.0f / ((float)mean->sequences * (float)response)
                                                             : 1.0f / (float)mean->tokens;
            }
        }
        tokens += length;
        ppo->starts[last - first + 1] = tokens;
    }
    Gpu *gpu = ppo->session->gpu;
    *status =
        batch_set(ppo->batch, &(BatchInput){ppo->ids, ppo->starts, last - first, ppo->rows, ppo->targets, rows}, error);
    if (*status == STATUS_OK && mean != NULL) {
        *status = gpu_upload(gpu, ppo->m_weight, ppo->weight, (uint64_t)rows * 4, error);
    }
    if (*status == STATUS_OK && mean != NULL) {
        *status = gpu_upload(gpu, ppo->m_index, ppo->index, (uint64_t)rows * 4, error);
    }
    return last;
}

float ppo_temperature(const Ppo *ppo)
{
    const double temperature = ppo->session->config.rl.temperature;
    return temperature > 0.0 ? (float)temperature : 1.0f;
}
