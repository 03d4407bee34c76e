/* The advantages of a step: KL, token rewards, GAE or a group form, whitening. */
#include <stdlib.h>

#include "engine/ops/gae.h"
#include "engine/ops/group_advantage.h"
#include "engine/ops/whiten.h"
#include "rlsp/train/ppo_parts.h"

static const float GRPO_EPS = 1e-4f; /* as TRL */

/* Uploads what the rollout says of its sequences. */
static Status upload_sequences(Ppo *ppo, const Rollout *rollout, bool *any_masked, Error *error)
{
    const uint32_t n = rollout->sequences, tokens = rollout->response_start[n];
    Gpu           *gpu   = ppo->session->gpu;
    float         *score = malloc(n * sizeof *score), *mask = malloc(tokens * sizeof *mask);
    uint32_t      *group = malloc(n * sizeof *group), *sequence_of = malloc(tokens * sizeof *sequence_of);
    Status         status =
        score != NULL && mask != NULL && group != NULL && sequence_of != NULL ? STATUS_OK : ppo_out_of_memory(error);
    *any_masked = false;
    for (uint32_t s = 0; s < n && status == STATUS_OK; s++) {
        score[s]    = rollout->items[s].score;
        group[s]    = rollout->items[s].group;
        *any_masked = *any_masked || rollout->items[s].masked;
        for (uint32_t t = rollout->response_start[s]; t < rollout->response_start[s + 1]; t++) {
            sequence_of[t] = s;
            mask[t]        = rollout->items[s].masked ? 0.0f : 1.0f;
        }
    }
    const struct {
        GpuSpan     to;
        const void *from;
        uint64_t    count;
    } uploads[] = {{ppo->score, score, n},
                   {ppo->group_of, group, n},
                   {ppo->response_start, rollout->response_start, (uint64_t)n + 1},
                   {ppo->sequence_of, sequence_of, tokens},
                   {ppo->mask, mask, tokens}};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads && status == STATUS_OK; i++) {
        status = gpu_upload(gpu, uploads[i].to, uploads[i].from, uploads[i].count * 4, error);
    }
    free(score);
    free(mask);
    free(group);
    free(sequence_of);
    return status;
}

KlEstimator ppo_kl_estimator(const RunRl *rl)
{
    switch (rl->kl_estimator) {
    case KL_ESTIMATOR_K1: return KL_K1;
    case KL_ESTIMATOR_K2: return KL_K2;
    case KL_ESTIMATOR_K3: break;
    }
    return KL_K3;
}

/* Records the advantages of the config's form into ppo->advantage (and returns, with a critic). */
static void record_advantages(Ppo *ppo, uint32_t sequences, uint32_t tokens, float kl_coef)
{
    GpuStream       *s           = ppo->session->stream;
    const RunRl     *rl          = &ppo->session->config.rl;
    const GpuSpan    none        = {0};
    const bool       kl          = ppo->reference != NULL && rl->kl_in == KL_IN_REWARD && kl_coef != 0.0f;
    const GaeOptions gae_options = {(float)rl->gamma, (float)rl->lambda, (float)rl->lambda_critic},
                     to_go       = {(float)rl->gamma, 1.0f, 1.0f};
    if (kl) {
        kl_tokens(s, ppo->kl, ppo->old_logprob, ppo->ref_logprob, ppo_kl_estimator(rl), tokens);
    }
    const GpuSpan kl_span = kl ? ppo->kl : none;
    const float   coef    = kl ? kl_coef : 0.0f;
    switch (rl->advantage) {
    case ADVANTAGE_GAE:
        token_rewards(s, ppo->reward, kl_span, ppo->score, ppo->response_start, ppo->sequence_of, coef, tokens);
        gae(s, ppo->advantage, ppo->returns, ppo->reward, ppo->value, ppo->response_start, &gae_options, sequences);
        break;
    case ADVANTAGE_GRPO:
        group_advantage(s, ppo->sequence_advantage, ppo->score, ppo->group_of,
                        rl->group_std ? GROUP_GRPO : GROUP_CENTER, GRPO_EPS, sequences);
        token_rewards(s, ppo->reward, kl_span, ppo->sequence_advantage, ppo->response_start, ppo->sequence_of, coef,
                      tokens);
        gae(s, ppo->advantage, ppo->returns, ppo->reward, none, ppo->response_start, &to_go, sequences);
        break;
    case ADVANTAGE_RLOO:
        group_advantage(s, ppo->sequence_advantage, ppo->score, ppo->group_of, GROUP_RLOO, GRPO_EPS, sequences);
        token_rewards(s, ppo->reward, kl_span, ppo->sequence_advantage, ppo->response_start, ppo->sequence_of, coef,
                      tokens);
        gae(s, ppo->advantage, ppo->returns, ppo->reward, none, ppo->response_start, &to_go, sequences);
        break;
    case ADVANTAGE_REINFORCE_PP:
        token_rewards(s, ppo->reward, kl_span, ppo->score, ppo->response_start, ppo->sequence_of, coef, tokens);
        gae(s, ppo->advantage, ppo->returns, ppo->reward, none, ppo->response_start, &to_go, sequences);
        break;
    }
}

Status ppo_advantages(Ppo *ppo, const Rollout *rollout, double kl_coef, Error *error)
{
    const RunRl   *rl     = &ppo->session->config.rl;
    const uint32_t tokens = rollout->response_start[rollout->sequences];
    bool           masked;
    Status         status = upload_sequences(ppo, rollout, &masked, error);
    if (status != STATUS_OK) {
        return status;
    }
    gpu_stream_begin(ppo->session->stream);
    record_advantages(ppo, rollout->sequences, tokens, (float)kl_coef);
    /* The group forms are normalised already. */
    if (rl->whiten && (rl->advantage == ADVANTAGE_REINFORCE_PP || rl->advantage == ADVANTAGE_GAE)) {
        whiten(ppo->session->stream, ppo->advantage, ppo->moments, ppo->advantage, masked ? ppo->mask : (GpuSpan){0},
               WHITEN_POPULATION, tokens);
    }
    return gpu_stream_run(ppo->session->stream, error);
}
