#include "engine/ops/kl.h"

void kl_tokens(GpuStream *stream, GpuSpan kl, GpuSpan logprob, GpuSpan ref_logprob, KlEstimator estimator,
               uint32_t tokens)
{
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "kl_tokens",
                                        .spec       = {ops_group_elements(stream), estimator},
                                        .spec_count = 2,
                                        .bind       = {gpu_write(kl), gpu_read(logprob), gpu_read(ref_logprob)},
                                        .push       = &tokens,
                                        .push_size  = sizeof tokens,
                                        .groups     = gpu_groups(tokens, ops_group_elements(stream))});
}

void token_rewards(GpuStream *stream, GpuSpan reward, GpuSpan kl, GpuSpan score, GpuSpan resp_start,
                   GpuSpan sequence_of, float kl_coef, uint32_t tokens)
{
    struct {
        uint32_t tokens;
        float    kl_coef;
    } push = {tokens, kl_coef};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "token_rewards",
                                        .spec       = {ops_group_elements(stream)},
                                        .spec_count = 1,
                                        .bind = {gpu_write(reward), gpu_read(kl.buffer ? kl : score), gpu_read(score),
                                                 gpu_read(resp_start), gpu_read(sequence_of)},
                                        .push = &push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups(tokens, ops_group_elements(stream))});
}
