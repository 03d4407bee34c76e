#include "rlsp/train/ppo.h"

#include <stdlib.h>

#include "rlsp/train/ppo_parts.h"
#include "rlsp/train/session_control.h"

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
    bool ok        = ppo->ids != NULL && ppo->rows != NULL && ppo->targets != NULL && ppo->index != NULL &&
              ppo->weight != NULL && ppo->starts != NULL && ppo->host != NULL && ppo->order != NULL;
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
    }
    if (ppo->batch == NULL) {
        ppo_free(ppo);
        return NULL;
    }
    return ppo;
}

void ppo_free(Ppo *ppo)
{
    if (ppo != NULL) {
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
        const uint32_t s = order[last], length = rollout->starts[s + 1] - rollout->starts[s];
        if (tokens + length > ppo->micro_tokens) {
            break;
        }
        const uint32_t response = rollout->response_start[s + 1] - rollout->response_start[s];
        for (uint32_t i = 0; i < length; i++) {
            ppo->ids[tokens + i] = rollout->ids[rollout->starts[s] + i];
        }
        for (uint32_t i = 0; i < response; i++, rows++) {
            const uint32_t position = rollout->prompt_tokens[s] + i;
            ppo->rows[rows]         = (int32_t)(tokens + position - 1);
            ppo->targets[rows]      = rollout->ids[rollout->starts[s] + position];
            ppo->index[rows]        = (int32_t)(rollout->response_start[s] + i);
            if (mean != NULL) {
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

static GpuSpan part(GpuSpan span, uint64_t first, uint64_t count)
{
    return gpu_span_slice(span, first * 4, count * 4);
}

float ppo_temperature(const Ppo *ppo)
{
    const double temperature = ppo->session->config.rl.temperature;
    return temperature > 0.0 ? (float)temperature : 1.0f;
}

/* --- scoring -------------------------------------------------------------------------------- */

static Status summarise(Ppo *ppo, const Rollout *rollout, PpoScore *score, Error *error)
{
    const uint32_t tokens   = rollout->response_start[rollout->sequences];
    Gpu           *gpu      = ppo->session->gpu;
    const GpuSpan  spans[4] = {ppo->old_logprob, ppo->ref_logprob, ppo->entropy, ppo->value};
    double         sums[4]  = {0.0, 0.0, 0.0, 0.0};
    for (int k = 0; k < 4; k++) {
        if ((k == 1 && ppo->reference == NULL) || (k == 3 && !ppo->critic)) {
            continue;
        }
        Status status = gpu_download(gpu, spans[k], ppo->host, (uint64_t)tokens * 4, error);
        if (status != STATUS_OK) {
            return status;
        }
        for (uint32_t t = 0; t < tokens; t++) {
            sums[k] += (double)ppo->host[t];
        }
    }
    const double kl = ppo->reference != NULL ? sums[0] - sums[1] : 0.0;
    *score = (PpoScore){kl / rollout->sequences, kl / tokens, sums[2] / tokens, sums[0] / tokens, sums[3] / tokens};
    return STATUS_OK;
}

Status ppo_score(Ppo *ppo, const Rollout *rollout, PpoScore *score, Error *error)
{
    Session   *session = ppo->session;
    GpuStream *s       = session->stream;
    Status     status  = STATUS_OK;
    for (uint32_t i = 0; i < rollout->sequences; i++) {
        ppo->order[i] = i;
    }
    for (uint32_t first = 0; first < rollout->sequences && status == STATUS_OK;) {
        const uint32_t at = rollout->response_start[first];
        session_doing(session, first == 0, "step %llu: scoring, %u of %u responses done",
                      (unsigned long long)session->step + 1, first, rollout->sequences);
        first = ppo_load_micro_batch(ppo, rollout, ppo->order, first, rollout->sequences, NULL, &status, error);
        if (status != STATUS_OK) {
            break;
        }
        const uint32_t rows = ppo->batch->rows;
        gpu_stream_begin(s);
        gpu_stream_section(s, "old log-probabilities");
        transformer_forward(s, ppo->work, session->policy, ppo->batch);
        head_logprobs(s, ppo->work, session->policy, ppo->batch, ppo_temperature(ppo), ppo->m_logprob, ppo->m_entropy,
                      ppo->m_lse);
        gpu_copy(s, part(ppo->old_logprob, at, rows), part(ppo->m_logprob, 0, rows));
        gpu_copy(s, part(ppo->entropy, at, rows), part(ppo->m_entropy, 0, rows));
        if (ppo->shared) {
            value_forward(s, ppo->work, session->policy, ppo->batch, ppo->m_value);
            gpu_copy(s, part(ppo->value, at, rows), part(ppo->m_value, 0, rows));
        }
        if (ppo->reference != NULL) {
            gpu_stream_section(s, "reference");
            transformer_forward(s, ppo->work, ppo->reference, ppo->batch);
            head_logprobs(s, ppo->work, ppo->reference, ppo->batch, ppo_temperature(ppo), ppo->m_logprob,
                          ppo->m_entropy, ppo->m_lse);
            gpu_copy(s, part(ppo->ref_logprob, at, rows), part(ppo->m_logprob, 0, rows));
        }
        if (ppo->critic && !ppo->shared) {
            gpu_stream_section(s, "values");
            transformer_forward(s, ppo->work, session->critic, ppo->batch);
            value_forward(s, ppo->work, session->critic, ppo->batch, ppo->m_value);
            gpu_copy(s, part(ppo->value, at, rows), part(ppo->m_value, 0, rows));
        }
        status = gpu_stream_run(s, error);
    }
    return status == STATUS_OK ? summarise(ppo, rollout, score, error) : status;
}
