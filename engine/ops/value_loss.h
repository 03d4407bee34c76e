/* The critic's clipped loss and its gradient; weights, micro-batches and work space as
 * in engine/ops/policy_loss.h.
 *
 *     value_loss(stream, &(ValueLoss){…}, 0.2f, tokens);
 */
#ifndef ENGINE_OPS_VALUE_LOSS_H
#define ENGINE_OPS_VALUE_LOSS_H

#include "engine/ops/loss_stats.h"

/* All f32 [tokens] but stats and partial. */
typedef struct ValueLoss {
    GpuSpan dvalue;    /* out: dL/dvalue                          */
    GpuSpan stats;     /* in, out: one ValueStats, added to       */
    GpuSpan partial;   /* work space of loss_stats_bytes(tokens)  */
    GpuSpan value;     /* V of the critic that is trained         */
    GpuSpan old_value; /* V when the rollout was scored           */
    GpuSpan returns;   /* R                                       */
    GpuSpan weight;
} ValueLoss;

/* Sums over the tokens of weight other than 0 that are finite; w: weighted. */
typedef struct ValueStats {
    float tokens;
    float loss;                               /* w                                                   */
    float clipped;                            /* tokens where the clip is active and its term the larger one */
    float not_finite;                         /* tokens whose loss is not finite                     */
    float returns, returns_squared;           /* R, R^2                                              */
    float old_residual, old_residual_squared; /* R - V_old                                          */
    float unused[8];
} ValueStats;

/* L = sum_t weight_t 0.5 max((V - R)^2, (V_old + clip(V - V_old, -clip, clip) - R)^2); clip 0: no clipping.
 * A token that is not finite makes its dvalue NaN, so that grad_norm stops the step. */
void value_loss(GpuStream *stream, const ValueLoss *loss, float clip, uint32_t tokens);

/* 1 - Var(R - V_old) / Var(R): how much of the returns the critic foresaw; 0 where R does not vary. */
double value_explained_variance(const ValueStats *stats);

#endif
