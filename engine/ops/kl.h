/* KL to the reference policy per token, and the rewards PPO learns from.
 *
 *     kl_tokens(stream, kl, logprob, ref_logprob, KL_K1, tokens);
 *     token_rewards(stream, reward, kl, score, resp_start, sequence_of, kl_coef, tokens);
 *
 * Token-level arrays of reinforcement learning are ragged: the response tokens of S
 * sequences one after another, f32 [tokens]; sequence s owns [resp_start[s],
 * resp_start[s + 1]) and sequence_of[t] is the sequence of token t (both u32).
 */
#ifndef ENGINE_OPS_KL_H
#define ENGINE_OPS_KL_H

#include "engine/ops/ops.h"

/* With d = logprob - ref_logprob of the sampled token (Schulman 2020, "Approximating KL divergence"). */
typedef enum KlEstimator {
    KL_NONE = 0,
    KL_K1   = 1, /* d            */
    KL_K2   = 2, /* d^2 / 2      */
    KL_K3   = 3  /* e^-d - 1 + d */
} KlEstimator;

/* kl [tokens] from logprob, ref_logprob [tokens]; estimator is not KL_NONE. */
void kl_tokens(GpuStream *stream, GpuSpan kl, GpuSpan logprob, GpuSpan ref_logprob, KlEstimator estimator,
               uint32_t tokens);

/* reward_t = -kl_coef kl_t, plus score_s at the last token of its sequence. kl_coef 0 (KL in the
 * loss, or none): kl is not read and may have buffer NULL. score f32 [sequences]. A sequence
 * without tokens gets no reward anywhere. */
void token_rewards(GpuStream *stream, GpuSpan reward /* [tokens] */, GpuSpan kl /* [tokens] */,
                   GpuSpan score /* [sequences] */, GpuSpan resp_start /* [sequences + 1] */,
                   GpuSpan sequence_of /* [tokens] */, float kl_coef, uint32_t tokens);

#endif
