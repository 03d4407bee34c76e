/* Generalised advantage estimation over ragged sequences (layout: engine/ops/kl.h).
 *
 *     gae(stream, advantage, returns, reward, value, resp_start, &(GaeOptions){1, 0.95f, 0.95f}, sequences);
 */
#ifndef ENGINE_OPS_GAE_H
#define ENGINE_OPS_GAE_H

#include "engine/ops/ops.h"

typedef struct GaeOptions {
    float gamma, lambda;
    float lambda_critic; /* for the returns; = lambda in plain PPO, 1 in VAPO (Yue et al. 2025) */
} GaeOptions;

/* Schulman et al. 2016, "High-dimensional continuous control using generalized advantage
 * estimation", equation 16, each sequence from its last token backwards; V after the end is 0:
 *     delta_t  = r_t + gamma V_(t+1) - V_t
 *     A_t      = delta_t + gamma lambda A_(t+1)
 *     return_t = V_t + (A_t with lambda_critic in place of lambda)
 * value with buffer NULL means V = 0: with lambda 1 both are then the discounted reward to go, as
 * REINFORCE, RLOO and REINFORCE++ want it. All token arrays f32 [tokens]. */
void gae(GpuStream *stream, GpuSpan advantage, GpuSpan returns, GpuSpan reward, GpuSpan value, GpuSpan resp_start,
         const GaeOptions *options, uint32_t sequences);

#endif
