/* What the losses of PPO share: sums over tokens that are added to a small buffer
 * in one fixed order, micro-batch after micro-batch. A loss kernel writes one row of
 * LOSS_STATS partial sums per LOSS_BLOCK tokens into work space of
 * loss_stats_bytes(tokens); loss_stats_add adds the rows to stats.
 */
#ifndef ENGINE_OPS_LOSS_STATS_H
#define ENGINE_OPS_LOSS_STATS_H

#include "engine/ops/ops.h"

enum { LOSS_STATS = 16, LOSS_BLOCK = 512 };

/* Bytes of work space for a loss over `tokens` tokens. */
uint64_t loss_stats_bytes(uint32_t tokens);

/* stats f32 [LOSS_STATS] += column sums of partial; max_entry (UINT32_MAX: none) takes the maximum. */
void loss_stats_add(GpuStream *stream, GpuSpan stats, GpuSpan partial, uint32_t max_entry, uint32_t tokens);

#endif
