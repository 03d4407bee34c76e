#include "engine/ops/gae.h"

void gae(GpuStream *stream, GpuSpan advantage, GpuSpan returns, GpuSpan reward, GpuSpan value, GpuSpan resp_start,
         const GaeOptions *options, uint32_t sequences)
{
    bool has_values = value.buffer != NULL;
    struct {
        uint32_t sequences;
        float    gamma, gamma_lambda, gamma_lambda_critic;
    } push = {sequences, options->gamma, options->gamma * options->lambda, options->gamma * options->lambda_critic};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gae",
                                        .spec       = {ops_group_lanes(stream), has_values},
                                        .spec_count = 2,
                                        .bind       = {gpu_write(advantage), gpu_write(returns), gpu_read(reward),
                                                       gpu_read(resp_start), gpu_read(has_values ? value : reward)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(sequences, ops_group_lanes(stream))});
}
