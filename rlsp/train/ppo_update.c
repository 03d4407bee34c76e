/* The updates of a step: epochs of minibatches, each one optimizer step. */
#include <math.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"
#include "rlsp/train/ppo_parts.h"
#include "rlsp/train/session_control.h"

static PpoMean mean_of(const Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t count)
{
    PpoMean mean = {.by_sequence = ppo->session->config.rl.loss_mean == LOSS_MEAN_SEQUENCE};
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t s = order[i];
        if (!rollout->items[s].masked) {
            mean.sequences++;
            mean.tokens += rollout->response_start[s + 1] - rollout->response_start[s];
        }
    }
    return mean;
}

/* Picks the micro-batch's rows out of the step's arrays. */
static void gather(Ppo *ppo, GpuStream *s, GpuSpan to, GpuSpan from, uint32_t rows)
{
    rows_gather(s, to, from, ppo->m_index, rows, 1);
}

static void record_policy(Ppo *ppo, const PpoUpdate *update)
{
    GpuStream     *s       = ppo->session->stream;
    Session       *session = ppo->session;
    const RunRl   *rl      = &session->config.rl;
    const uint32_t rows    = ppo->batch->rows;
    const bool     kl_loss = ppo->reference != NULL && rl->kl_in == KL_IN_LOSS;
    const bool     entropy = rl->entropy_coef != 0.0;
    gather(ppo, s, ppo->m_old_logprob, ppo->old_logprob, rows);
    gather(ppo, s, ppo->m_advantage, ppo->advantage, rows);
    if (ppo->reference != NULL) {
        gather(ppo, s, ppo->m_ref_logprob, ppo->ref_logprob, rows);
    }
    head_logprobs(s, ppo->work, session->policy, ppo->batch, ppo_temperature(ppo), ppo->m_logprob, ppo->m_entropy,
                  ppo->m_lse);
    const PolicyLoss        loss    = {.dlogprob    = ppo->m_dlogprob,
                                       .dentropy    = entropy ? ppo->m_dentropy : (GpuSpan){0},
                                       .stats       = ppo->policy_stats,
                                       .partial     = ppo->partial,
                                       .logprob     = ppo->m_logprob,
                                       .entropy     = ppo->m_entropy,
                                       .old_logprob = ppo->m_old_logprob,
                                       .ref_logprob = ppo->reference != NULL ? ppo->m_ref_logprob : (GpuSpan){0},
                                       .advantage   = ppo->m_advantage,
                                       .weight      = ppo->m_weight};
    const PolicyLossOptions options = {.clip_low     = (float)rl->clip,
                                       .clip_high    = (float)rl->clip_high,
                                       .entropy_coef = (float)rl->entropy_coef,
                                       .kl_estimator = ppo->reference != NULL ? ppo_kl_estimator(rl) : KL_NONE,
                                       .kl_coef      = kl_loss ? (float)update->kl_coef : 0.0f};
    policy_loss(s, &loss, &options, rows);
    learner_scale_loss(s, session->learner, ppo->m_dlogprob, rows);
    if (entropy) {
        learner_scale_loss(s, session->learner, ppo->m_dentropy, rows);
    }
    head_backward(s, ppo->work, session->policy, session->learner->gradients, ppo->batch, ppo_temperature(ppo),
                  ppo->m_lse, ppo->m_entropy, ppo->m_dlogprob, entropy ? ppo->m_dentropy : (GpuSpan){0});
}

/* The value loss of the learner's model; its gradient into d_rows and the head's parameters. */
static void record_value(Ppo *ppo, const Learner *learner)
{
    GpuStream     *s    = ppo->session->stream;
    const RunRl   *rl   = &ppo->session->config.rl;
    const uint32_t rows = ppo->batch->rows;
    gather(ppo, s, ppo->m_old_value, ppo->value, rows);
    gather(ppo, s, ppo->m_returns, ppo->returns, rows);
    value_forward(s, ppo->work, learner->model, ppo->batch, ppo->m_value);
    const ValueLoss loss = {.dvalue    = ppo->m_dvalue,
                            .stats     = ppo->value_stats,
                            .partial   = ppo->partial,
                            .value     = ppo->m_value,
                            .old_value = ppo->m_old_value,
                            .returns   = ppo->m_returns,
                            .weight    = ppo->m_weight};
    value_loss(s, &loss, (float)rl->value_clip, rows);
    if (ppo->shared) {
        elementwise_scale(s, ppo->m_dvalue, (float)rl->value_coef, rows);
    }
    learner_scale_loss(s, learner, ppo->m_dvalue, rows);
    value_backward(s, ppo->work, learner->model, learner->gradients, ppo->batch, ppo->m_dvalue);
}

/* One micro-batch of one model: forward, losses, backward. */
static void record_actor(Ppo *ppo, const PpoUpdate *update)
{
    Session   *session = ppo->session;
    GpuStream *s       = session->stream;
    transformer_forward(s, ppo->work, session->policy, ppo->batch);
    if (update->train_actor) {
        record_policy(ppo, update);
    }
    if (ppo->shared) {
        record_value(ppo, session->learner);
    }
    if (update->train_actor) { /* a frozen actor with a shared trunk trains its value head alone */
        transformer_backward(s, ppo->work, session->policy, session->learner->gradients, ppo->batch);
    }
}

static void record_critic(Ppo *ppo)
{
    Session   *session = ppo->session;
    GpuStream *s       = session->stream;
    transformer_forward(s, ppo->work, session->critic, ppo->batch);
    record_value(ppo, session->critic_learner);
    transformer_backward(s, ppo->work, session->critic, session->critic_learner->gradients, ppo->batch);
}

static AdamwOptions adamw_options(const RunRl *rl, double lr)
{
    return (AdamwOptions){lr, rl->betas[0], rl->betas[1], rl->eps, rl->weight_decay};
}

/* Adds a minibatch's sums on the device to the step's. */
static Status collect_stats(Ppo *ppo, PpoStats *stats, bool actor, bool critic, Error *error)
{
    Session    *session = ppo->session;
    PolicyStats policy;
    ValueStats  value;
    GradNorm    norm;
    Status      status = STATUS_OK;
    if (actor) {
        status = gpu_download(session->gpu, ppo->policy_stats, &policy, sizeof policy, error);
        if (status == STATUS_OK && policy.tokens > 0.0f) {
            if (stats->minibatches == 0) {
                stats->first_ratio_max = (double)policy.ratio_max;
            }
            const float  largest = fmaxf(stats->policy.ratio_max, policy.ratio_max);
            float       *sum     = (float *)&stats->policy;
            const float *add     = (const float *)&policy;
            for (size_t i = 0; i < sizeof policy / sizeof *sum; i++) {
                sum[i] += add[i];
            }
            stats->policy.ratio_max = largest;
            stats->minibatches++;
        }
    }
    if (status == STATUS_OK && (actor || ppo->shared)) {
        status = learner_finish(session->learner, &norm, error);
        stats->actor_norm += (double)norm.norm;
        stats->actor_steps++;
        stats->lost_steps += norm.not_finite;
    }
    if (status == STATUS_OK && ppo->critic) {
        status           = gpu_download(session->gpu, ppo->value_stats, &value, sizeof value, error);
        float       *sum = (float *)&stats->value;
        const float *add = (const float *)&value;
        for (size_t i = 0; i < sizeof value / sizeof *sum; i++) {
            sum[i] += add[i];
        }
        stats->value_minibatches++;
    }
    if (status == STATUS_OK && critic) {
        status = learner_finish(session->critic_learner, &norm, error);
        stats->critic_norm += (double)norm.norm;
        stats->lost_steps += norm.not_finite;
    }
    return status;
}

/* One optimizer step on sequences order[0..count). */
static Status train_minibatch(Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t count,
                              const PpoUpdate *update, PpoStats *stats, Error *error)
{
    Session      *session = ppo->session;
    GpuStream    *s       = session->stream;
    const RunRl  *rl      = &session->config.rl;
    const PpoMean mean    = mean_of(ppo, rollout, order, count);
    const bool    actor = update->train_actor || ppo->shared, critic = ppo->critic && !ppo->shared;
    Status        status = STATUS_OK;
    if (mean.tokens == 0) {
        return STATUS_OK; /* all of it is masked */
    }
    for (uint32_t first = 0; first < count && status == STATUS_OK;) {
        const bool start = first == 0;
        first            = ppo_load_micro_batch(ppo, rollout, order, first, count, &mean, &status, error);
        if (status != STATUS_OK) {
            break;
        }
        gpu_stream_begin(s);
        if (start) {
            gpu_fill(s, ppo->policy_stats, 0);
            gpu_fill(s, ppo->value_stats, 0);
            if (actor) {
                learner_zero_gradients(s, session->learner);
            }
            if (critic) {
                learner_zero_gradients(s, session->critic_learner);
            }
        }
        if (actor) {
            gpu_stream_section(s, "policy");
            record_actor(ppo, update);
        }
        if (critic) {
            gpu_stream_section(s, "critic");
            record_critic(ppo);
        }
        stats->tokens += ppo->batch->tokens;
        if (first == count) {
            AdamwOptions       actor_options  = adamw_options(rl, update->actor_lr);
            const AdamwOptions critic_options = adamw_options(rl, update->critic_lr);
            if (!update->train_actor) { /* a shared trunk: only the value head has gradients, and nothing may decay */
                actor_options              = critic_options;
                actor_options.weight_decay = 0.0;
            }
            if (actor) {
                learner_step(s, session->learner, &actor_options, rl->max_grad_norm);
            }
            if (critic) {
                learner_step(s, session->critic_learner, &critic_options, rl->max_grad_norm);
            }
        }
        status = gpu_stream_run(s, error);
    }
    return status == STATUS_OK ? collect_stats(ppo, stats, update->train_actor, critic, error) : status;
}

Status ppo_update(Ppo *ppo, const Rollout *rollout, const PpoUpdate *update, PpoStats *stats, Error *error)
{
    const RunRl   *rl     = &ppo->session->config.rl;
    const uint32_t n      = rollout->sequences;
    Status         status = STATUS_OK;
    *stats                = (PpoStats){0};
    if (!update->train_actor && !ppo->critic) {
        return STATUS_OK;
    }
    for (uint32_t epoch = 0; epoch < rl->epochs && status == STATUS_OK; epoch++) {
        Random random = random_stream(ppo->session->config.seed, RANDOM_SHUFFLE, update->step, epoch);
        for (uint32_t i = 0; i < n; i++) {
            ppo->order[i] = i;
        }
        for (uint32_t i = n - 1; i > 0; i--) {
            const uint32_t j = random_below(&random, i + 1), kept = ppo->order[i];
            ppo->order[i] = ppo->order[j];
            ppo->order[j] = kept;
        }
        for (uint32_t first = 0; first < n && status == STATUS_OK; first += rl->minibatch_size) {
            const uint32_t count = n - first < rl->minibatch_size ? n - first : rl->minibatch_size;
            session_doing(ppo->session, epoch + first == 0, "step %llu: learning, %u of %u responses done",
                          (unsigned long long)ppo->session->step + 1, epoch * n + first, rl->epochs * n);
            status = train_minibatch(ppo, rollout, ppo->order + first, count, update, stats, error);
        }
    }
    if (stats->actor_steps > 0) {
        stats->actor_norm /= stats->actor_steps;
    }
    if (stats->value_minibatches > 0) {
        stats->critic_norm /= stats->value_minibatches;
    }
    return status;
}
