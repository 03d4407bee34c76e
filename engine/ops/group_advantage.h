/* Advantages without a critic: a sequence against the other samples of its prompt.
 *
 *     group_advantage(stream, sequence_advantage, score, group_of, GROUP_GRPO, 1e-4f, sequences);
 *
 * Those of tokens are built of parts, with or without KL in the reward:
 *     GRPO, RLOO     group_advantage -> token_rewards with it as the score -> gae without values, lambda 1
 *     REINFORCE++    token_rewards(score) -> gae without values, lambda 1 -> whiten over the batch (Hu 2025)
 *     … baseline     the same after group_advantage(GROUP_CENTER)
 */
#ifndef ENGINE_OPS_GROUP_ADVANTAGE_H
#define ENGINE_OPS_GROUP_ADVANTAGE_H

#include "engine/ops/ops.h"

typedef enum GroupForm {
    GROUP_CENTER = 0, /* r - mean (Dr. GRPO, Liu et al. 2025)                                                   */
    GROUP_GRPO   = 1, /* (r - mean) / (std + eps) (Shao et al. 2024), variance over n - 1 as TRL, verl, OpenRLHF */
    GROUP_RLOO   = 2  /* r - mean of the others (Ahmadian et al. 2024); alone in its group: 0                   */
} GroupForm;

/* advantage, score f32 [sequences]; group_of u32 [sequences]: sequences with the same number are one
 * group, in any order. A group whose scores are all equal gives exactly 0. eps matters to GRPO alone. */
void group_advantage(GpuStream *stream, GpuSpan advantage, GpuSpan score, GpuSpan group_of, GroupForm form, float eps,
                     uint32_t sequences);

#endif
