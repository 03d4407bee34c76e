/* What the files of PPO share: ppo.c (memory, micro-batches), ppo_score.c, ppo_advantages.c, ppo_update.c. */
#ifndef RLSP_TRAIN_PPO_PARTS_H
#define RLSP_TRAIN_PPO_PARTS_H

#include "engine/ops/kl.h"
#include "rlsp/train/ppo.h"

struct Ppo {
    Session     *session;
    const Model *reference;
    Workspace   *work;
    Batch       *batch;
    GpuArena    *arena;
    uint32_t     sequences;    /* of a step                    */
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

    /* ppo_score.c: the step's scoring so far. Its results lie in the order of scoring, in the arrays of what comes
     * later, and `place` says where a sequence's begin, or PPO_UNSCORED. While `scoring` is at work nothing else
     * touches work, batch and m_…. */
    GpuStream *scoring;
    uint32_t  *place;         /* [sequences]                                        */
    uint32_t   scored_tokens; /* of responses                                       */
    uint32_t   ahead;         /* sequences of rollout->finished that are in it      */
    double     ahead_since;   /* when what is at work was begun; 0: nothing is      */
    double     ahead_seconds; /* that it was at work while sampling went on         */
};

#define PPO_UNSCORED UINT32_MAX

void ppo_score_begin(Ppo *ppo); /* of a step */

/* How the tokens of an optimisation batch are averaged. */
typedef struct PpoMean {
    bool     by_sequence;
    uint32_t sequences, tokens; /* that are not masked */
} PpoMean;

/* Loads sequences order[first], … as many as fit, with their weights (`mean` NULL: none); returns the
 * first that did not fit. */
uint32_t ppo_load_micro_batch(Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t first, uint32_t count,
                              const PpoMean *mean, Status *status, Error *error);

float       ppo_temperature(const Ppo *ppo); /* of sampling; 1 where it is greedy */
KlEstimator ppo_kl_estimator(const RunRl *rl);
Status      ppo_out_of_memory(Error *error);

#endif
