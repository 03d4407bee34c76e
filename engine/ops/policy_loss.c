#include "engine/ops/policy_loss.h"

_Static_assert(sizeof(PolicyStats) == LOSS_STATS * sizeof(float), "PolicyStats is what policy_loss.comp writes");

void policy_loss(GpuStream *stream, const PolicyLoss *loss, const PolicyLossOptions *options, uint32_t tokens)
{
    if (tokens == 0) {
        return;
    }
    bool has_dentropy = loss->dentropy.buffer != NULL;
    bool has_ref      = options->kl_estimator != KL_NONE;
    struct {
        uint32_t tokens;
        float    clip_low, clip_high, kl_coef, entropy_coef;
    } push = {tokens, options->clip_low, options->clip_high, options->kl_coef, options->entropy_coef};
    /* spans that are not wanted are neither read nor written; another holds their place */
    gpu_dispatch(
        stream,
        &(GpuDispatch){.kernel     = "policy_loss",
                       .spec       = {ops_group_row(stream), LOSS_BLOCK, has_dentropy, options->kl_estimator},
                       .spec_count = 4,
                       .bind = {gpu_write(loss->dlogprob), gpu_write(has_dentropy ? loss->dentropy : loss->dlogprob),
                                gpu_write(loss->partial), gpu_read(loss->logprob), gpu_read(loss->entropy),
                                gpu_read(loss->old_logprob), gpu_read(has_ref ? loss->ref_logprob : loss->old_logprob),
                                gpu_read(loss->advantage), gpu_read(loss->weight)},
                       .push = &push,
                       .push_size = sizeof push,
                       .groups    = gpu_groups(tokens, LOSS_BLOCK)});
    loss_stats_add(stream, loss->stats, loss->partial, offsetof(PolicyStats, ratio_max) / sizeof(float), tokens);
}
