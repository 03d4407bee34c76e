/* Advantages without a critic: a sequence against the other samples of its prompt.
 *
 *     group_advantage(stream, sequence_advantage, score, group_of, GROUP_GRPO_UNBIASED, 1e-4f, sequences);
 *     broadcast_sequences(stream, advantage, sequence_advantage, sequence_of, tokens);
 *
 * With KL in the reward (RLOO, REINFORCE++) they are built of parts:
 *     RLOO           group_advantage(GROUP_RLOO) -> token_rewards with it as the score -> gae without values, lambda 1
 *     REINFORCE++    token_rewards(score) -> gae without values, lambda 1 -> whiten over the batch (Hu 2025)
 *     … baseline     the same after group_advantage(GROUP_CENTER)
 */
#ifndef ENGINE_OPS_GROUP_ADVANTAGE_H
#define ENGINE_OPS_GROUP_ADVANTAGE_H

#include "engine/ops/ops.h"

typedef enum GroupForm {
    GROUP_CENTER          = 0, /* r - mean (Dr. GRPO, Liu et al. 2025)                                 */
    GROUP_GRPO_UNBIASED   = 1, /* (r - mean) / (std + eps), variance over n - 1 (TRL, verl, OpenRLHF)  */
    GROUP_GRPO_POPULATION = 2, /* the same, variance over n (Shao et al. 2024)                         */
    GROUP_RLOO            = 3  /* r - mean of the others (Ahmadian et al. 2024); alone in its group: 0 */
} GroupForm;

/* advantage, score f32 [sequences]; group_of u32 [sequences]: sequences with the same number are one
 * group, in any order. A group whose scores are all equal gives exactly 0. eps matters to GRPO alone. */
void group_advantage(GpuStream *stream, GpuSpan advantage, GpuSpan score, GpuSpan group_of, GroupForm form, float eps,
                     uint32_t sequences);

/* token_value [tokens] = sequence_value[sequence_of[t]], f32. */
void broadcast_sequences(GpuStream *stream, GpuSpan token_value, GpuSpan sequence_value, GpuSpan sequence_of,
                         uint32_t tokens);

#endif
