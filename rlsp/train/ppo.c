#include "rlsp/train/ppo.h"

#include <math.h>
#include <stdlib.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/gae.h"
#include "engine/ops/group_advantage.h"
#include "engine/ops/rows.h"
#include "engine/ops/whiten.h"

static const float GRPO_EPS = 1e-4f; /* as TRL */

struct Ppo {
    Session     *session;
    const Model *reference;
    Workspace   *work;
    Batch       *batch;
    GpuArena    *arena;
    uint32_t     max_tokens;   /* response tokens of a step    */
    uint32_t     micro_tokens; /* tokens of a micro-batch      */
    bool         critic;       /* advantage "gae"              */
    bool         shared;       /* the value head is the policy's */

    /* of the step, [tokens] or [sequences] */
    GpuSpan old_logprob, ref_logprob, entropy, value, kl, reward, advantage, returns, mask;
    GpuSpan score, sequence_advantage, response_start, sequence_of, group_of, moments;
    /* of a micro-batch, [rows] */
    GpuSpan m_logprob, m_entropy, m_lse, m_dlogprob, m_dentropy, m_value, m_dvalue;
    GpuSpan m_old_logprob, m_ref_logprob, m_advantage, m_returns, m_old_value, m_weight, m_index;
    GpuSpan partial, policy_stats, value_stats;

    /* host, of a micro-batch */
    int32_t  *ids, *rows, *targets, *index;
    float    *weight;
    uint32_t *starts;
    float    *host;  /* [tokens], for reading results */
    uint32_t *order; /* [sequences]                   */
};

/* --- life ---------------------------------------------------------------------------- */

static Status out_of_memory(Error *error) { return error_set(error, STATUS_OUT_OF_MEMORY, "PPO: out of host memory"); }

static GpuSpan take(Ppo *ppo, uint64_t count) { return gpu_arena_take(ppo->arena, count * 4); }

static Status allocate_device(Ppo *ppo, uint32_t sequences, Error *error)
{
    const uint64_t t = gpu_align((uint64_t)ppo->max_tokens * 4), s = gpu_align(((uint64_t)sequences + 1) * 4);
    const uint64_t m = gpu_align((uint64_t)ppo->micro_tokens * 4), partial = loss_stats_bytes(ppo->micro_tokens);
    ppo->arena = gpu_arena_new(ppo->session->gpu, "PPO", GPU_MEMORY_DEVICE, 10 * t + 4 * s + 14 * m + gpu_align(partial) + 4 * GPU_ALIGNMENT, error);
    if (ppo->arena == NULL) {
        return error->status;
    }
    GpuSpan *const by_token[] = {&ppo->old_logprob, &ppo->ref_logprob, &ppo->entropy, &ppo->value, &ppo->kl, &ppo->reward,
                                 &ppo->advantage, &ppo->returns, &ppo->mask, &ppo->sequence_of};
    GpuSpan *const by_sequence[] = {&ppo->score, &ppo->sequence_advantage, &ppo->response_start, &ppo->group_of};
    GpuSpan *const by_row[] = {&ppo->m_logprob, &ppo->m_entropy, &ppo->m_lse, &ppo->m_dlogprob, &ppo->m_dentropy, &ppo->m_value, &ppo->m_dvalue,
                               &ppo->m_old_logprob, &ppo->m_ref_logprob, &ppo->m_advantage, &ppo->m_returns, &ppo->m_old_value, &ppo->m_weight, &ppo->m_index};
    for (size_t i = 0; i < sizeof by_token / sizeof *by_token; i++) {
        *by_token[i] = take(ppo, ppo->max_tokens);
    }
    for (size_t i = 0; i < sizeof by_sequence / sizeof *by_sequence; i++) {
        *by_sequence[i] = take(ppo, (uint64_t)sequences + 1);
    }
    for (size_t i = 0; i < sizeof by_row / sizeof *by_row; i++) {
        *by_row[i] = take(ppo, ppo->micro_tokens);
    }
    ppo->partial = gpu_arena_take(ppo->arena, partial);
    ppo->policy_stats = take(ppo, LOSS_STATS);
    ppo->value_stats = take(ppo, LOSS_STATS);
    ppo->moments = take(ppo, 4);
    return STATUS_OK;
}

static Status allocate_host(Ppo *ppo, uint32_t sequences, Error *error)
{
    const size_t n = ppo->micro_tokens;
    ppo->ids = malloc(n * sizeof *ppo->ids);
    ppo->rows = malloc(n * sizeof *ppo->rows);
    ppo->targets = malloc(n * sizeof *ppo->targets);
    ppo->index = malloc(n * sizeof *ppo->index);
    ppo->weight = malloc(n * sizeof *ppo->weight);
    ppo->starts = malloc(((size_t)sequences + 1) * sizeof *ppo->starts);
    ppo->host = malloc((size_t)ppo->max_tokens * sizeof *ppo->host);
    ppo->order = malloc(sequences * sizeof *ppo->order);
    bool ok = ppo->ids != NULL && ppo->rows != NULL && ppo->targets != NULL && ppo->index != NULL && ppo->weight != NULL &&
              ppo->starts != NULL && ppo->host != NULL && ppo->order != NULL;
    return ok ? STATUS_OK : out_of_memory(error);
}

Ppo *ppo_new(Session *session, const Model *reference, uint32_t sequences, Error *error)
{
    const RunConfig   *config = &session->config;
    const ModelConfig *model = &session->policy->config;
    const uint32_t     longest = session->task->prompt_tokens + config->rl.max_new_tokens;
    Ppo               *ppo = calloc(1, sizeof *ppo);
    if (ppo == NULL) {
        out_of_memory(error);
        return NULL;
    }
    ppo->session = session;
    ppo->reference = reference;
    ppo->critic = config->rl.advantage == ADVANTAGE_GAE;
    ppo->shared = ppo->critic && session->critic == NULL;
    ppo->max_tokens = sequences * config->rl.max_new_tokens;
    ppo->micro_tokens = session_micro_tokens(session, config->rl.tokens_per_micro_batch, longest, error);
    if (ppo->micro_tokens == 0) {
        free(ppo);
        return NULL;
    }
    const Recompute recompute = config->recompute == RECOMPUTE_BLOCK ? RECOMPUTE_BLOCKS : KEEP_ACTIVATIONS;
    Status          status = allocate_host(ppo, sequences, error);
    status = status == STATUS_OK ? allocate_device(ppo, sequences, error) : status;
    if (status == STATUS_OK) {
        ppo->work = workspace_new(session->gpu, model, ppo->micro_tokens, ppo->micro_tokens, longest, true, recompute, error);
        const bool planned = ppo->work != NULL && workspace_add_lora(ppo->work, model_lora_rank(session->policy), error) == STATUS_OK;
        ppo->batch = planned ? batch_new(session->gpu, model, ppo->micro_tokens, ppo->micro_tokens, sequences, error) : NULL;
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

/* How the tokens of an optimisation batch are averaged. */
typedef struct Mean {
    bool     by_sequence;
    uint32_t sequences, tokens; /* that are not masked */
} Mean;

/* Loads sequences order[first], … as many as fit, with their weights (`mean` NULL: none); returns the
 * first that did not fit. */
static uint32_t load_micro_batch(Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t first, uint32_t count,
                                 const Mean *mean, Status *status, Error *error)
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
            ppo->rows[rows] = (int32_t)(tokens + position - 1);
            ppo->targets[rows] = rollout->ids[rollout->starts[s] + position];
            ppo->index[rows] = (int32_t)(rollout->response_start[s] + i);
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
    *status = batch_set(ppo->batch, &(BatchInput){ppo->ids, ppo->starts, last - first, ppo->rows, ppo->targets, rows}, error);
    if (*status == STATUS_OK && mean != NULL) {
        *status = gpu_upload(gpu, ppo->m_weight, ppo->weight, (uint64_t)rows * 4, error);
    }
    if (*status == STATUS_OK && mean != NULL) {
        *status = gpu_upload(gpu, ppo->m_index, ppo->index, (uint64_t)rows * 4, error);
    }
    return last;
}

static GpuSpan part(GpuSpan span, uint64_t first, uint64_t count) { return gpu_span_slice(span, first * 4, count * 4); }

static float temperature_of(const Ppo *ppo)
{
    const double temperature = ppo->session->config.rl.temperature;
    return temperature > 0.0 ? (float)temperature : 1.0f;
}

/* --- scoring -------------------------------------------------------------------------------- */

static Status summarise(Ppo *ppo, const Rollout *rollout, PpoScore *score, Error *error)
{
    const uint32_t tokens = rollout->response_start[rollout->sequences];
    Gpu           *gpu = ppo->session->gpu;
    const GpuSpan  spans[4] = {ppo->old_logprob, ppo->ref_logprob, ppo->entropy, ppo->value};
    double         sums[4] = {0.0, 0.0, 0.0, 0.0};
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
    GpuStream *s = session->stream;
    Status     status = STATUS_OK;
    for (uint32_t i = 0; i < rollout->sequences; i++) {
        ppo->order[i] = i;
    }
    for (uint32_t first = 0; first < rollout->sequences && status == STATUS_OK;) {
        const uint32_t at = rollout->response_start[first];
        first = load_micro_batch(ppo, rollout, ppo->order, first, rollout->sequences, NULL, &status, error);
        if (status != STATUS_OK) {
            break;
        }
        const uint32_t rows = ppo->batch->rows;
        gpu_stream_begin(s);
        transformer_forward(s, ppo->work, session->policy, ppo->batch);
        head_logprobs(s, ppo->work, session->policy, ppo->batch, temperature_of(ppo), ppo->m_logprob, ppo->m_entropy, ppo->m_lse);
        gpu_copy(s, part(ppo->old_logprob, at, rows), part(ppo->m_logprob, 0, rows));
        gpu_copy(s, part(ppo->entropy, at, rows), part(ppo->m_entropy, 0, rows));
        if (ppo->shared) {
            value_forward(s, ppo->work, session->policy, ppo->batch, ppo->m_value);
            gpu_copy(s, part(ppo->value, at, rows), part(ppo->m_value, 0, rows));
        }
        if (ppo->reference != NULL) {
            transformer_forward(s, ppo->work, ppo->reference, ppo->batch);
            head_logprobs(s, ppo->work, ppo->reference, ppo->batch, temperature_of(ppo), ppo->m_logprob, ppo->m_entropy, ppo->m_lse);
            gpu_copy(s, part(ppo->ref_logprob, at, rows), part(ppo->m_logprob, 0, rows));
        }
        if (ppo->critic && !ppo->shared) {
            transformer_forward(s, ppo->work, session->critic, ppo->batch);
            value_forward(s, ppo->work, session->critic, ppo->batch, ppo->m_value);
            gpu_copy(s, part(ppo->value, at, rows), part(ppo->m_value, 0, rows));
        }
        status = gpu_stream_run(s, error);
    }
    return status == STATUS_OK ? summarise(ppo, rollout, score, error) : status;
}

/* --- advantages -------------------------------------------------------------------------------- */

/* Uploads what the rollout says of its sequences. */
static Status upload_sequences(Ppo *ppo, const Rollout *rollout, bool *any_masked, Error *error)
{
    const uint32_t n = rollout->sequences, tokens = rollout->response_start[n];
    Gpu           *gpu = ppo->session->gpu;
    float         *score = malloc(n * sizeof *score), *mask = malloc(tokens * sizeof *mask);
    uint32_t      *group = malloc(n * sizeof *group), *sequence_of = malloc(tokens * sizeof *sequence_of);
    Status         status = score != NULL && mask != NULL && group != NULL && sequence_of != NULL ? STATUS_OK : out_of_memory(error);
    *any_masked = false;
    for (uint32_t s = 0; s < n && status == STATUS_OK; s++) {
        score[s] = rollout->items[s].score;
        group[s] = rollout->items[s].group;
        *any_masked = *any_masked || rollout->items[s].masked;
        for (uint32_t t = rollout->response_start[s]; t < rollout->response_start[s + 1]; t++) {
            sequence_of[t] = s;
            mask[t] = rollout->items[s].masked ? 0.0f : 1.0f;
        }
    }
    const struct {
        GpuSpan     to;
        const void *from;
        uint64_t    count;
    } uploads[] = {{ppo->score, score, n}, {ppo->group_of, group, n}, {ppo->response_start, rollout->response_start, (uint64_t)n + 1},
                   {ppo->sequence_of, sequence_of, tokens}, {ppo->mask, mask, tokens}};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads && status == STATUS_OK; i++) {
        status = gpu_upload(gpu, uploads[i].to, uploads[i].from, uploads[i].count * 4, error);
    }
    free(score);
    free(mask);
    free(group);
    free(sequence_of);
    return status;
}

static KlEstimator estimator_of(const RunRl *rl)
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
    GpuStream       *s = ppo->session->stream;
    const RunRl     *rl = &ppo->session->config.rl;
    const GpuSpan    none = {0};
    const bool       kl = ppo->reference != NULL && rl->kl_in == KL_IN_REWARD && kl_coef != 0.0f;
    const GaeOptions gae_options = {(float)rl->gamma, (float)rl->lambda, (float)rl->lambda_critic}, to_go = {(float)rl->gamma, 1.0f, 1.0f};
    if (kl) {
        kl_tokens(s, ppo->kl, ppo->old_logprob, ppo->ref_logprob, estimator_of(rl), tokens);
    }
    const GpuSpan kl_span = kl ? ppo->kl : none;
    const float   coef = kl ? kl_coef : 0.0f;
    switch (rl->advantage) {
    case ADVANTAGE_GAE:
        token_rewards(s, ppo->reward, kl_span, ppo->score, ppo->response_start, ppo->sequence_of, coef, tokens);
        gae(s, ppo->advantage, ppo->returns, ppo->reward, ppo->value, ppo->response_start, &gae_options, sequences);
        break;
    case ADVANTAGE_GRPO:
        group_advantage(s, ppo->sequence_advantage, ppo->score, ppo->group_of, rl->group_std ? GROUP_GRPO_UNBIASED : GROUP_CENTER, GRPO_EPS, sequences);
        token_rewards(s, ppo->reward, kl_span, ppo->sequence_advantage, ppo->response_start, ppo->sequence_of, coef, tokens);
        gae(s, ppo->advantage, ppo->returns, ppo->reward, none, ppo->response_start, &to_go, sequences);
        break;
    case ADVANTAGE_RLOO:
        group_advantage(s, ppo->sequence_advantage, ppo->score, ppo->group_of, GROUP_RLOO, GRPO_EPS, sequences);
        token_rewards(s, ppo->reward, kl_span, ppo->sequence_advantage, ppo->response_start, ppo->sequence_of, coef, tokens);
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
    const RunRl   *rl = &ppo->session->config.rl;
    const uint32_t tokens = rollout->response_start[rollout->sequences];
    bool           masked;
    Status         status = upload_sequences(ppo, rollout, &masked, error);
    if (status != STATUS_OK) {
        return status;
    }
    gpu_stream_begin(ppo->session->stream);
    record_advantages(ppo, rollout->sequences, tokens, (float)kl_coef);
    /* REINFORCE++ is whitening over the batch; the group forms are normalised already. */
    if (rl->advantage == ADVANTAGE_REINFORCE_PP || (rl->advantage == ADVANTAGE_GAE && rl->whiten)) {
        whiten(ppo->session->stream, ppo->advantage, ppo->moments, ppo->advantage, masked ? ppo->mask : (GpuSpan){0}, WHITEN_POPULATION, tokens);
    }
    return gpu_stream_run(ppo->session->stream, error);
}

/* --- updates -------------------------------------------------------------------------------------- */

static Mean mean_of(const Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t count)
{
    Mean mean = {.by_sequence = ppo->session->config.rl.loss_mean == LOSS_MEAN_SEQUENCE};
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
static void gather(Ppo *ppo, GpuStream *s, GpuSpan to, GpuSpan from, uint32_t rows) { rows_gather(s, to, from, ppo->m_index, rows, 1); }

static void record_policy(Ppo *ppo, const PpoUpdate *update)
{
    GpuStream     *s = ppo->session->stream;
    Session       *session = ppo->session;
    const RunRl   *rl = &session->config.rl;
    const uint32_t rows = ppo->batch->rows;
    const bool     kl_loss = ppo->reference != NULL && rl->kl_in == KL_IN_LOSS;
    const bool     entropy = rl->entropy_coef != 0.0;
    gather(ppo, s, ppo->m_old_logprob, ppo->old_logprob, rows);
    gather(ppo, s, ppo->m_advantage, ppo->advantage, rows);
    if (ppo->reference != NULL) {
        gather(ppo, s, ppo->m_ref_logprob, ppo->ref_logprob, rows);
    }
    head_logprobs(s, ppo->work, session->policy, ppo->batch, temperature_of(ppo), ppo->m_logprob, ppo->m_entropy, ppo->m_lse);
    const PolicyLoss loss = {.dlogprob = ppo->m_dlogprob,
                             .dentropy = entropy ? ppo->m_dentropy : (GpuSpan){0},
                             .stats = ppo->policy_stats,
                             .partial = ppo->partial,
                             .logprob = ppo->m_logprob,
                             .entropy = ppo->m_entropy,
                             .old_logprob = ppo->m_old_logprob,
                             .ref_logprob = ppo->reference != NULL ? ppo->m_ref_logprob : (GpuSpan){0},
                             .advantage = ppo->m_advantage,
                             .weight = ppo->m_weight};
    const PolicyLossOptions options = {.clip_low = (float)rl->clip,
                                       .clip_high = (float)rl->clip_high,
                                       .entropy_coef = (float)rl->entropy_coef,
                                       .kl_estimator = ppo->reference != NULL ? estimator_of(rl) : KL_NONE,
                                       .kl_coef = kl_loss ? (float)update->kl_coef : 0.0f};
    policy_loss(s, &loss, &options, rows);
    head_backward(s, ppo->work, session->policy, session->learner->gradients, ppo->batch, temperature_of(ppo), ppo->m_lse, ppo->m_entropy,
                  ppo->m_dlogprob, entropy ? ppo->m_dentropy : (GpuSpan){0});
}

/* The value loss of `model`; its gradient into d_rows and the head's parameters. */
static void record_value(Ppo *ppo, const Model *model, GpuSpan gradients)
{
    GpuStream     *s = ppo->session->stream;
    const RunRl   *rl = &ppo->session->config.rl;
    const uint32_t rows = ppo->batch->rows;
    gather(ppo, s, ppo->m_old_value, ppo->value, rows);
    gather(ppo, s, ppo->m_returns, ppo->returns, rows);
    value_forward(s, ppo->work, model, ppo->batch, ppo->m_value);
    const ValueLoss loss = {.dvalue = ppo->m_dvalue, .stats = ppo->value_stats, .partial = ppo->partial, .value = ppo->m_value,
                            .old_value = ppo->m_old_value, .returns = ppo->m_returns, .weight = ppo->m_weight};
    value_loss(s, &loss, (float)rl->value_clip, rows);
    if (ppo->shared) {
        elementwise_scale(s, ppo->m_dvalue, (float)rl->value_coef, rows);
    }
    value_backward(s, ppo->work, model, gradients, ppo->batch, ppo->m_dvalue);
}

/* One micro-batch of one model: forward, losses, backward. */
static void record_actor(Ppo *ppo, const PpoUpdate *update)
{
    Session   *session = ppo->session;
    GpuStream *s = session->stream;
    transformer_forward(s, ppo->work, session->policy, ppo->batch);
    if (update->train_actor) {
        record_policy(ppo, update);
    }
    if (ppo->shared) {
        record_value(ppo, session->policy, session->learner->gradients);
    }
    if (update->train_actor) { /* a frozen actor with a shared trunk trains its value head alone */
        transformer_backward(s, ppo->work, session->policy, session->learner->gradients, ppo->batch);
    }
}

static void record_critic(Ppo *ppo)
{
    Session   *session = ppo->session;
    GpuStream *s = session->stream;
    transformer_forward(s, ppo->work, session->critic, ppo->batch);
    record_value(ppo, session->critic, session->critic_learner->gradients);
    transformer_backward(s, ppo->work, session->critic, session->critic_learner->gradients, ppo->batch);
}

static AdamwOptions adamw_options(const RunRl *rl, double lr) { return (AdamwOptions){lr, rl->betas[0], rl->betas[1], rl->eps, rl->weight_decay}; }

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
            const float largest = fmaxf(stats->policy.ratio_max, policy.ratio_max);
            float      *sum = (float *)&stats->policy;
            const float *add = (const float *)&policy;
            for (size_t i = 0; i < sizeof policy / sizeof *sum; i++) {
                sum[i] += add[i];
            }
            stats->policy.ratio_max = largest;
            stats->minibatches++;
        }
    }
    if (status == STATUS_OK && (actor || ppo->shared)) {
        status = learner_norm(session->learner, &norm, error);
        stats->actor_norm += (double)norm.norm;
        stats->lost_steps += norm.not_finite;
    }
    if (status == STATUS_OK && ppo->critic) {
        status = gpu_download(session->gpu, ppo->value_stats, &value, sizeof value, error);
        float       *sum = (float *)&stats->value;
        const float *add = (const float *)&value;
        for (size_t i = 0; i < sizeof value / sizeof *sum; i++) {
            sum[i] += add[i];
        }
        stats->value_minibatches++;
    }
    if (status == STATUS_OK && critic) {
        status = learner_norm(session->critic_learner, &norm, error);
        stats->critic_norm += (double)norm.norm;
        stats->lost_steps += norm.not_finite;
    }
    return status;
}

/* One optimizer step on sequences order[0..count). */
static Status train_minibatch(Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t count, const PpoUpdate *update,
                              PpoStats *stats, Error *error)
{
    Session     *session = ppo->session;
    GpuStream   *s = session->stream;
    const RunRl *rl = &session->config.rl;
    const Mean   mean = mean_of(ppo, rollout, order, count);
    const bool   actor = update->train_actor || ppo->shared, critic = ppo->critic && !ppo->shared;
    Status       status = STATUS_OK;
    if (mean.tokens == 0) {
        return STATUS_OK; /* all of it is masked */
    }
    for (uint32_t first = 0; first < count && status == STATUS_OK;) {
        const bool start = first == 0;
        first = load_micro_batch(ppo, rollout, order, first, count, &mean, &status, error);
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
            record_actor(ppo, update);
        }
        if (critic) {
            record_critic(ppo);
        }
        stats->tokens += ppo->batch->tokens;
        if (first == count) {
            AdamwOptions       actor_options = adamw_options(rl, update->actor_lr);
            const AdamwOptions critic_options = adamw_options(rl, update->critic_lr);
            if (!update->train_actor) { /* a shared trunk: only the value head has gradients, and nothing may decay */
                actor_options = critic_options;
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
    const RunRl   *rl = &ppo->session->config.rl;
    const uint32_t n = rollout->sequences;
    Status         status = STATUS_OK;
    *stats = (PpoStats){0};
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
            status = train_minibatch(ppo, rollout, ppo->order + first, count, update, stats, error);
        }
    }
    if (stats->minibatches > 0) {
        stats->actor_norm /= stats->minibatches;
    }
    if (stats->value_minibatches > 0) {
        stats->critic_norm /= stats->value_minibatches;
    }
    return status;
}
