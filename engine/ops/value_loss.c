#include "engine/ops/value_loss.h"

_Static_assert(sizeof(ValueStats) == LOSS_STATS * sizeof(float), "ValueStats is what value_loss.comp writes");

void value_loss(GpuStream *stream, const ValueLoss *loss, float clip, uint32_t tokens)
{
    if (tokens == 0) {
        return;
    }
    struct {
        uint32_t tokens;
        float    clip;
    } push = {tokens, clip};
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "value_loss",
                                .spec       = {ops_group_row(stream), LOSS_BLOCK},
                                .spec_count = 2,
                                .bind       = {gpu_write(loss->dvalue), gpu_write(loss->partial), gpu_read(loss->value),
                                               gpu_read(loss->old_value), gpu_read(loss->returns), gpu_read(loss->weight)},
                                .push       = &push,
                                .push_size  = sizeof push,
                                .groups     = gpu_groups(tokens, LOSS_BLOCK)});
    loss_stats_add(stream, loss->stats, loss->partial, UINT32_MAX, tokens);
}

static double variance(double sum, double squares, double count)
{
    double mean = sum / count;
    return squares / count - mean * mean;
}

double value_explained_variance(const ValueStats *stats)
{
    double count = (double)stats->tokens;
    if (!(count > 0)) {
        return 0;
    }
    double of_returns  = variance((double)stats->returns, (double)stats->returns_squared, count);
    double of_residual = variance((double)stats->old_residual, (double)stats->old_residual_squared, count);
    double rounding    = 1e-6 * (double)stats->returns_squared / count; /* of the f32 sums */
    return of_returns > rounding ? 1 - of_residual / of_returns : 0;
}
