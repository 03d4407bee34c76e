/* PPO on one step's rollout: scoring, advantages, updates. All arithmetic is on the
 * device; the host packs micro-batches and reads sums.
 *
 *     rollout_sample(rollout, step, &(RolloutMeanwhile){ppo_score_ahead, ppo}, &error);
 *     ppo_score(ppo, rollout, &score, &error);          // old and reference log-probabilities, values
 *     ppo_advantages(ppo, rollout, kl_coef, &error);    // KL, token rewards, GAE (or a group form), whitening
 *     ppo_update(ppo, rollout, &update, &stats, &error); // epochs of minibatches
 *
 * Response tokens of the step lie one after another, [tokens], sequence s owning
 * [response_start[s], response_start[s + 1]). The log-probability and the value of a
 * response token are read at the position before it. Old log-probabilities come from the
 * same forward as the trained ones, at the sampling temperature, so that the first
 * ratio of a step is exactly 1: no bit of a row depends on the rows beside it.
 */
#ifndef RLSP_TRAIN_PPO_H
#define RLSP_TRAIN_PPO_H

#include "engine/ops/policy_loss.h"
#include "engine/ops/value_loss.h"
#include "rlsp/train/rollout.h"

typedef struct Ppo Ppo;

typedef struct PpoUpdate {
    uint32_t step;        /* names the shuffles                          */
    bool     train_actor; /* false: the critic alone                     */
    double   actor_lr, critic_lr;
    double   kl_coef; /* for kl_in "loss"                            */
} PpoUpdate;

/* Sums over the step's minibatches. */
typedef struct PpoStats {
    PolicyStats policy;
    ValueStats  value;
    uint32_t    minibatches; /* that trained the actor                           */
    uint32_t    value_minibatches;
    uint32_t    actor_steps; /* of the policy's optimizer: with a shared trunk also those of the critic alone */
    double      actor_norm, critic_norm; /* mean gradient norms before clipping      */
    uint32_t    lost_steps;              /* minibatches skipped because a norm was not finite */
    double      first_ratio_max;         /* of the first minibatch: exactly 1                */
    uint64_t    tokens;                  /* processed by training passes, prompts included    */
} PpoStats;

/* What scoring found, read on the host. */
typedef struct PpoScore {
    double kl_sequence;   /* mean over sequences of sum_t (old - reference), nats (k1) */
    double kl_token;      /* mean over tokens                                          */
    double entropy;       /* mean over tokens, nats                                    */
    double logprob;       /* mean over tokens                                          */
    double value;         /* mean over tokens; 0 without a critic                      */
    double ahead_seconds; /* that ppo_score_ahead's work was under way while sampling went on */
} PpoScore;

/* `reference` is the frozen policy; NULL where the KL has no weight anywhere. The session's policy,
 * learner and (advantage "gae") critic are used. */
Ppo *ppo_new(Session *session, const Model *reference, uint32_t sequences, Error *error);
void ppo_free(Ppo *ppo); /* NULL is allowed */
/* While a step is sampled (RolloutMeanwhile; user: the Ppo): starts scoring what is finished, as soon as that is a
 * quarter of a micro-batch and what was started before is done, and returns at once. Does nothing where config and
 * device have it so (rl.overlap). */
Status ppo_score_ahead(void *ppo, const Rollout *rollout, Error *error);
/* Scores the rest of the step. */
Status ppo_score(Ppo *ppo, const Rollout *rollout, PpoScore *score, Error *error);
Status ppo_advantages(Ppo *ppo, const Rollout *rollout, double kl_coef, Error *error);
Status ppo_update(Ppo *ppo, const Rollout *rollout, const PpoUpdate *update, PpoStats *stats, Error *error);

#endif
