/* PPO's clipped policy loss, with a KL loss and an entropy bonus, and its gradient.
 *
 *     gpu_fill(stream, stats, 0);                                 once per optimisation batch
 *     for each micro-batch:
 *         …logits_statistics: logprob, entropy…
 *         policy_loss(stream, &(PolicyLoss){…}, &options, tokens);
 *         …logits_backward with dlogprob, dentropy…
 *
 * The mean is the caller's: weight[t] is 1 / (S len_s) for the mean over sequences of
 * the token mean (OpenRLHF), 1 / R for the mean over tokens, S and R counted over the
 * whole optimisation batch, so that micro-batches add up to it exactly. Weight 0 takes
 * a token out of everything, the statistics included.
 */
#ifndef ENGINE_OPS_POLICY_LOSS_H
#define ENGINE_OPS_POLICY_LOSS_H

#include "engine/ops/kl.h"
#include "engine/ops/loss_stats.h"

typedef struct PolicyLossOptions {
    float       clip_low, clip_high; /* rho is clipped to [1 - clip_low, 1 + clip_high]    */
    float       entropy_coef;        /* 0: no bonus                                        */
    KlEstimator kl_estimator;        /* KL_NONE: no KL to the reference, not even measured */
    float       kl_coef;             /* 0: the KL is measured, not part of the loss        */
} PolicyLossOptions;

/* All f32 [tokens] but stats and partial. */
typedef struct PolicyLoss {
    GpuSpan dlogprob;    /* out: dL/dlogprob                                             */
    GpuSpan dentropy;    /* out: dL/dentropy; buffer NULL: not written (entropy_coef 0)  */
    GpuSpan stats;       /* in, out: one PolicyStats, added to                           */
    GpuSpan partial;     /* work space of loss_stats_bytes(tokens)                       */
    GpuSpan logprob;     /* of the policy that is trained                                */
    GpuSpan entropy;     /* nats                                                         */
    GpuSpan old_logprob; /* of the policy that sampled                                   */
    GpuSpan ref_logprob; /* of the reference; buffer NULL only with KL_NONE              */
    GpuSpan advantage;
    GpuSpan weight;
} PolicyLoss;

/* Sums over the tokens of weight other than 0 that are finite. A share or a mean is the sum divided
 * by `tokens`; those marked w are weighted and need no division. */
typedef struct PolicyStats {
    float tokens;
    float loss;                   /* w: policy loss                                        */
    float entropy;                /* nats                                                  */
    float ratio;                  /* rho                                                   */
    float clipped_surrogate;      /* tokens whose clipped term is strictly the smaller one */
    float clipped_ratio;          /* tokens with rho outside the range                     */
    float approx_kl1, approx_kl2; /* -l, l^2 / 2 with l = logprob - old_logprob            */
    float approx_kl3;             /* rho - 1 - l                                           */
    float ref_kl;                 /* the chosen estimator of KL to the reference           */
    float kl_loss;                /* w: the same, before kl_coef                           */
    float weighted_entropy;       /* w: entropy                                            */
    float not_finite;             /* tokens whose loss is not finite: the gradient is not either */
    float ratio_max;              /* largest rho, not a sum                                */
    float unused[2];
} PolicyStats;

/* Schulman et al. 2017, "Proximal policy optimization algorithms", equation 7, with rho = e^(logprob - old_logprob):
 *     L = sum_t weight_t (-min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A)
 *                         + kl_coef kl(logprob - ref_logprob) - entropy_coef entropy)
 * The log ratio is held within +-20 and e^-d of k3 below e^20. A token that is not finite makes its
 * dlogprob NaN, so that grad_norm stops the step. */
void policy_loss(GpuStream *stream, const PolicyLoss *loss, const PolicyLossOptions *options, uint32_t tokens);

#endif
