/* Stage two: reinforcement learning. Each step samples, judges, scores, learns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rlsp/train/ppo.h"
#include "rlsp/train/rollout_fields.h"
#include "rlsp/train/rollout_said.h"
#include "rlsp/train/session_adapter.h"
#include "rlsp/train/session_control.h"

/* What the stage holds. */
typedef struct RlStage {
    Session *session;
    Model   *reference; /* its KL is logged also where it has no weight */
    Rollout *rollout;
    Ppo     *ppo;
} RlStage;

/* --- setting up ------------------------------------------------------------------- */

/* The frozen policy that the stage started from, kept in RUN/reference; on the device in what products compute in. */
static Status open_reference(RlStage *stage, bool resumed, Error *error)
{
    Session           *session = stage->session;
    const ComputeType  compute = session->policy->config.compute;
    const WeightFormat weights = weights_compute_format(compute);
    char               path[RUN_PATH_SIZE];
    if (gpu_is_dry(session->gpu) && session->base == NULL) { /* no file to go through */
        stage->reference = model_shape(session->gpu, &session->policy->config, false, weights, error);
        return stage->reference != NULL ? model_set_compute(stage->reference, compute, error) : error->status;
    }
    if (session->base != NULL) {
        stage->reference = session_adapter_reference(session, resumed, error);
        return stage->reference != NULL ? STATUS_OK : error->status;
    }
    snprintf(path, sizeof path, "%.1000s/reference", run_dir_path(session->run));
    if (!resumed) {
        Status status = model_save(session->policy, path, DTYPE_F32, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    stage->reference = model_load_frozen(session->gpu, path, false, weights, error);
    return stage->reference != NULL ? model_set_compute(stage->reference, compute, error) : error->status;
}

/* The critic starts as a copy of the policy with a value head of zeros. */
static Status open_critic(Session *session, bool resumed, Error *error)
{
    char   path[RUN_PATH_SIZE + 64];
    Status status = STATUS_OK;
    if (session->base != NULL) {
        session->critic = session_adapter_critic(session, resumed, error);
        status          = session->critic != NULL ? STATUS_OK : error->status;
    } else if (resumed) {
        snprintf(path, sizeof path, "%s/critic", session->checkpoint_path);
        session->critic = model_load(session->gpu, path, true, error);
    } else {
        session->critic = model_new(session->gpu, &session->policy->config, true, error);
        status          = session->critic != NULL ? model_copy(session->critic, session->policy, error) : error->status;
    }
    if (session->critic != NULL && session->base == NULL && status == STATUS_OK) {
        status = model_set_compute(session->critic, session->policy->config.compute, error);
    }
    session->critic_learner = session->critic != NULL && status == STATUS_OK
                                  ? learner_new(session->critic, session_moments(session), error)
                                  : NULL;
    if (session->critic_learner == NULL) {
        return error->status;
    }
    if (resumed) {
        snprintf(path, sizeof path, "%s/critic_optimizer.safetensors", session->checkpoint_path);
        status = learner_load(session->critic_learner, path, error);
    }
    return status;
}

static Status stage_open(RlStage *stage, bool resumed, Error *error)
{
    Session         *session = stage->session;
    const RunConfig *config  = &session->config;
    session->learner         = learner_new(session->policy, session_moments(session), error);
    Status status            = session->learner != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK && resumed) {
        char path[RUN_PATH_SIZE + 64];
        snprintf(path, sizeof path, "%s/optimizer.safetensors", session->checkpoint_path);
        status = learner_load(session->learner, path, error);
    }
    if (status == STATUS_OK) {
        gpu_memory_owner(session->gpu, "reference");
        status = open_reference(stage, resumed, error);
    }
    if (status == STATUS_OK && config->rl.advantage == ADVANTAGE_GAE && config->model.critic == CRITIC_SEPARATE) {
        gpu_memory_owner(session->gpu, "critic");
        status = open_critic(session, resumed, error);
    }
    gpu_memory_owner(session->gpu, NULL);
    if (status == STATUS_OK) {
        stage->rollout = rollout_new(session, error);
        stage->ppo =
            stage->rollout != NULL ? ppo_new(session, stage->reference, stage->rollout->sequences, error) : NULL;
        status = stage->ppo != NULL ? STATUS_OK : error->status;
    }
    return status;
}

static void stage_close(RlStage *stage)
{
    Session *session = stage->session;
    ppo_free(stage->ppo);
    rollout_free(stage->rollout);
    model_free(stage->reference);
    learner_free(session->critic_learner);
    learner_free(session->learner);
    model_free(session->critic);
    session->critic_learner = NULL;
    session->learner        = NULL;
    session->critic         = NULL;
}

/* --- one step ------------------------------------------------------------------------ */

/* Warm-up of `warmup` steps, then the schedule over all `steps`. */
static double rate(const RunRl *rl, double lr, uint32_t step, uint32_t steps, uint32_t warmup)
{
    return lr * run_schedule_factor(rl->schedule, step, steps, warmup, rl->final_lr_fraction);
}

/* The adaptive controller of Ziegler et al. 2019, section 2.2, on the KL per sequence. */
static void move_kl_coef(Session *session, double kl_sequence, uint32_t sequences)
{
    const RunRl *rl = &session->config.rl;
    if (rl->kl_target > 0.0 && rl->kl_horizon > 0 && isfinite(kl_sequence)) {
        const double off = fmax(-0.2, fmin(0.2, kl_sequence / rl->kl_target - 1.0));
        session->kl_coef *= 1.0 + off * sequences / rl->kl_horizon;
    }
}

typedef struct StepTimes {
    double generate, judge, score, advantages, update, all;
} StepTimes;

static Status emit_step(RlStage *stage, uint32_t step, const PpoScore *score, const PpoStats *stats,
                        const PpoUpdate *update, const StepTimes *times, Error *error)
{
    const Rollout     *rollout       = stage->rollout;
    const PolicyStats *p             = &stats->policy;
    const ValueStats  *v             = &stats->value;
    const double       tokens        = p->tokens > 0.0f ? (double)p->tokens : 1.0,
                 values              = v->tokens > 0.0f ? (double)v->tokens : 1.0;
    const double minibatches         = stats->minibatches > 0 ? stats->minibatches : 1,
                 value_minibatches   = stats->value_minibatches > 0 ? stats->value_minibatches : 1;
    const double     response_tokens = rollout->response_start[rollout->sequences];
    const EventField learned[]       = {{"kl", score->kl_sequence, NULL},
                                        {"kl_token", score->kl_token, NULL},
                                        {"kl_coef", update->kl_coef, NULL},
                                        {"entropy", score->entropy, NULL},
                                        {"logprob", score->logprob, NULL},
                                        {"value", score->value, NULL},
                                        {"policy_loss", (double)p->loss / minibatches, NULL},
                                        {"ratio_first", stats->first_ratio_max, NULL},
                                        {"ratio_max", (double)p->ratio_max, NULL},
                                        {"clip_fraction", (double)p->clipped_surrogate / tokens, NULL},
                                        {"approx_kl", (double)p->approx_kl3 / tokens, NULL},
                                        {"value_loss", (double)v->loss / value_minibatches, NULL},
                                        {"value_clip_fraction", (double)v->clipped / values, NULL},
                                        {"explained_variance", v->tokens > 0.0f ? value_explained_variance(v) : 0.0, NULL},
                                        {"grad_norm", stats->actor_norm, NULL},
                                        {"critic_grad_norm", stats->critic_norm, NULL},
                                        {"lost_steps", stats->lost_steps, NULL},
                                        {"lr", update->train_actor ? update->actor_lr : 0.0, NULL},
                                        {"critic_lr", update->critic_lr, NULL},
                                        {"response_tokens", response_tokens, NULL},
                                        {"time_generate", times->generate, NULL},
                                        {"time_judge", times->judge, NULL},
                                        {"time_score", times->score, NULL},
                                        {"time_score_ahead", score->ahead_seconds, NULL},
                                        {"time_advantages", times->advantages, NULL},
                                        {"time_update", times->update, NULL},
                                        {"time_seconds", times->all, NULL},
                                        {"time_tokens_per_second", response_tokens / times->all, NULL}};
    enum {
        LEARNED = sizeof learned / sizeof *learned,
        ALL     = 1 + ROLLOUT_FIELDS + LEARNED + SESSION_MEMORY_FIELDS,
        SAID    = ROLLOUT_SAID_FIELDS
    };
    const Learner *critic =
        stage->session->critic_learner != NULL ? stage->session->critic_learner : stage->session->learner;
    EventField all[ALL + SAID + 2];
    all[0] = (EventField){"stage_step", step + 1, NULL};
    rollout_fields(rollout->items, rollout->sequences, stage->session->config.rl.max_new_tokens, all + 1);
    memcpy(all + 1 + ROLLOUT_FIELDS, learned, sizeof learned);
    session_memory_fields(stage->session, all + 1 + ROLLOUT_FIELDS + LEARNED);
    int count = ALL + rollout_said_fields(rollout->said, &rollout->reward, rollout->items, all + ALL);
    if (critic->scale.growth_interval > 0) {
        all[count++] = (EventField){"loss_scale", stage->session->learner->scale.value, NULL};
        all[count++] = (EventField){"critic_loss_scale", critic->scale.value, NULL};
    }
    return session_emit(stage->session, "rl_step", all, count, error);
}

static Status rl_step(RlStage *stage, uint32_t step, Error *error)
{
    Session       *session     = stage->session;
    const RunRl   *rl          = &session->config.rl;
    const uint32_t frozen      = rl->critic_warmup_steps;
    const bool     train_actor = rl->advantage != ADVANTAGE_GAE || step >= frozen;
    PpoUpdate      update      = {.step        = step,
                                  .train_actor = train_actor,
                                  .kl_coef     = session->kl_coef,
                                  .critic_lr   = rate(rl, rl->critic_lr, step, rl->steps, rl->critic_lr_warmup_steps)};
    if (train_actor) {
        const uint32_t done = rl->advantage == ADVANTAGE_GAE ? frozen : 0;
        update.actor_lr =
            rate(rl, rl->actor_lr, step - done, rl->steps > done ? rl->steps - done : 1, rl->actor_warmup_steps);
    }
    StepTimes    times  = {0};
    PpoScore     score  = {0};
    PpoStats     stats  = {0};
    const double start  = session_clock();
    Status       status = rollout_sample(stage->rollout, step, &(RolloutMeanwhile){ppo_score_ahead, stage->ppo}, error);
    double       mark   = session_clock();
    status              = status == STATUS_OK ? ppo_score(stage->ppo, stage->rollout, &score, error) : status;
    times.score         = session_clock() - mark;
    status              = status == STATUS_OK ? rollout_finish(stage->rollout, error)
                                              : status; /* others had the time of scoring to answer */
    times.generate      = stage->rollout->generate_seconds;
    times.judge         = stage->rollout->judge_seconds;
    mark                = session_clock();
    status = status == STATUS_OK ? ppo_advantages(stage->ppo, stage->rollout, session->kl_coef, error) : status;
    times.advantages = session_clock() - mark;
    mark             = session_clock();
    status           = status == STATUS_OK ? ppo_update(stage->ppo, stage->rollout, &update, &stats, error) : status;
    times.update     = session_clock() - mark;
    times.all        = session_clock() - start;
    session_doing(session, true, "%s", "");
    if (status != STATUS_OK) {
        return status;
    }
    move_kl_coef(session, score.kl_sequence, stage->rollout->sequences);
    session->step++;
    status = emit_step(stage, step, &score, &stats, &update, &times, error);
    if (stats.lost_steps > 0) {
        events_log(session->events, "warning",
                   "step %llu: %u optimizer steps were skipped, their gradient was not finite",
                   (unsigned long long)session->step, stats.lost_steps);
    }
    return status == STATUS_OK ? rollout_write_traces(stage->rollout, rl->traces_per_step, error) : status;
}

/* Evaluates and keeps the best checkpoint; none is the best where nothing is evaluated. */
static Status evaluate(Session *session, bool final, bool *best, Error *error)
{
    double accuracy = NAN;
    Status status   = session_evaluate(session, "rl", final, &accuracy, error);
    *best           = status == STATUS_OK && accuracy > session->best_accuracy;
    if (*best) {
        session->best_accuracy = accuracy;
        session->best_step     = session->step;
    }
    return status;
}

/* What comes after step `step`: an evaluation and a checkpoint where they are due, and what the user asked for. */
static Status after_step(Session *session, uint32_t step, Error *error)
{
    const RunConfig   *config   = &session->config;
    const SessionPlace place    = {.stage = STAGE_RL, .stage_step = step + 1};
    const bool         last     = step + 1 == config->rl.steps;
    const bool         eval_due = config->eval.every > 0 && (step + 1) % config->eval.every == 0;
    const bool         save_due = config->checkpoint.every > 0 && session->step % config->checkpoint.every == 0;
    bool               best     = false;
    Status             status   = eval_due || last ? evaluate(session, last, &best, error) : STATUS_OK;
    if (status == STATUS_STOPPED) {
        Error failed = {0};
        if (session_checkpoint(session, &place, SAVE_BEFORE_EVALUATION, &failed) != STATUS_OK) {
            *error = failed;
        }
        return error->status;
    }
    if (status == STATUS_OK && (save_due || best || last)) {
        status = session_checkpoint(session, &place, SAVE_DUE, error);
    }
    if (status == STATUS_OK && best) {
        status = run_dir_mark_best(session->run, session->step, error);
    }
    return status == STATUS_OK && !last ? session_between_steps(session, &place, error) : status;
}

/* A step that was given up halfway has changed nothing: the state before it is saved, so that going on draws it again.
 * `error` says why it was given up. */
static Status save_before_step(Session *session, uint32_t step, Error *error)
{
    const SessionPlace place = {.stage = STAGE_RL, .stage_step = step};
    const bool         there = (session->saved && session->saved_step == session->step) ||
                       (session->resuming && session->resumed.step == session->step);
    const Error why = *error;
    *error          = (Error){0};
    if (!there && session_checkpoint(session, &place, SAVE_ASKED, error) != STATUS_OK) {
        return error->status;
    }
    if (why.status == STATUS_STOPPED) {
        return error_set(
            error, why.status,
            "stopped in step %llu, which will be done again; everything is saved, rlsp train --resume %s goes on",
            (unsigned long long)session->step + 1, run_dir_path(session->run));
    }
    return error_set(error, why.status, "%s; everything before is saved: rlsp train --resume %s", why.text,
                     run_dir_path(session->run));
}

static Status run_steps(RlStage *stage, uint32_t first, Error *error)
{
    Session   *session        = stage->session;
    const bool evaluation_due = first > 0 && checkpoint_get(&session->resumed, "evaluation_due", 0.0) > 0.0;
    Status     status         = evaluation_due ? after_step(session, first - 1, error) : STATUS_OK;
    for (uint32_t step = first; step < session->config.rl.steps && status == STATUS_OK; step++) {
        status = rl_step(stage, step, error);
        if (status == STATUS_STOPPED || (status != STATUS_OK && rollout_unanswered(stage->rollout))) {
            status = save_before_step(stage->session, step, error);
        }
        status = status == STATUS_OK ? after_step(session, step, error) : status;
    }
    return status;
}

Status rl_train(Session *session, Error *error)
{
    RlStage          stage     = {.session = session};
    const bool       resumed   = session->resuming && session->resumed.stage == STAGE_RL;
    const uint32_t   first     = resumed ? session->resumed.stage_step : 0;
    const EventField started[] = {
        {"stage", 0, "rl"}, {"name", 0, "rl"}, {"steps", session->config.rl.steps, NULL}, {"done", first, NULL}};
    session->kl_coef =
        resumed ? checkpoint_get(&session->resumed, "kl_coef", session->config.rl.kl_coef) : session->config.rl.kl_coef;
    session->best_accuracy = resumed ? checkpoint_get(&session->resumed, "best_accuracy", -1.0) : -1.0;
    session->best_step     = resumed ? (uint64_t)checkpoint_get(&session->resumed, "best_step", 0.0) : 0;
    Status status          = resumed ? STATUS_OK : session_emit(session, "phase_start", started, 4, error);
    if (session->best_step > 0) { /* a run that was killed may have saved its best step without marking it */
        status = run_dir_mark_best(session->run, session->best_step, error);
    }
    status = status == STATUS_OK ? stage_open(&stage, resumed, error) : status;
    if (status == STATUS_OK && !resumed && session->config.stages[0] == STAGE_RL) {
        status = session_evaluate(session, "start", false, NULL, error); /* after SFT this has just been done */
    }
    status = status == STATUS_OK ? run_steps(&stage, first, error) : status;
    stage_close(&stage);
    return status;
}

Status rl_plan(Session *session, bool evaluates, Error *error)
{
    RlStage stage  = {.session = session};
    Status  status = stage_open(&stage, false, error);
    if (status == STATUS_OK && evaluates) {
        status = session_open_evaluator(session, error);
    }
    stage_close(&stage);
    return status;
}
