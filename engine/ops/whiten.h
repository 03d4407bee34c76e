/* Advantages with mean 0 and variance 1 over all valid tokens of a batch.
 *
 *     whiten(stream, advantage, moments, advantage, (GpuSpan){0}, WHITEN_POPULATION, tokens);
 */
#ifndef ENGINE_OPS_WHITEN_H
#define ENGINE_OPS_WHITEN_H

#include "engine/ops/ops.h"

typedef enum WhitenForm {
    WHITEN_POPULATION, /* variance over n,     (A - mean) / sqrt(max(var, 1e-8)): OpenRLHF */
    WHITEN_UNBIASED    /* variance over n - 1, (A - mean) / sqrt(var + 1e-8): TRL, verl    */
} WhitenForm;

/* whitened [tokens] from advantage [tokens] (may be the same span). mask [tokens] f32: tokens where
 * it is 0 neither count nor keep an advantage (they become 0); buffer NULL: all tokens are valid.
 * Where all are the same, but for rounding (a standard deviation of at most 1e-6 of the mean), they become 0.
 * moments f32 [4]: mean, variance, the factor that was applied, number of valid tokens. */
void whiten(GpuStream *stream, GpuSpan whitened, GpuSpan moments, GpuSpan advantage, GpuSpan mask, WhitenForm form,
            uint32_t tokens);

#endif
