/* Drawing tokens from logits on the device: temperature, top-k, top-p, min-p, greedy.
 *
 *     SampleOptions options = {.temperature = 1, .seed = seed};
 *     sample_tokens(stream, token, logprob, (GpuSpan){0}, logits, sequence, position, &options, slots, vocab, stride);
 *
 * With z = logits / temperature, in this order:
 *   top-k   keeps the k largest z;
 *   top-p   keeps the fewest most likely tokens whose probability, renormalised after
 *           top-k, reaches top_p (at least one);
 *   min-p   drops tokens whose probability is below min_p times the largest;
 * and the token is drawn from the softmax over what is left. Tokens that are equal at
 * a cut stay together. Logits of -infinity (or NaN) are never drawn; a row with nothing
 * else gives token 0 and logprob NaN.
 *
 * The random number of a draw is random_stream(seed, RANDOM_SAMPLE, sequence, position)
 * (engine/random.h): the same (seed, sequence, position) and logits give the same
 * token in whatever slot and beside whatever else.
 */
#ifndef ENGINE_OPS_SAMPLE_H
#define ENGINE_OPS_SAMPLE_H

#include "engine/ops/ops.h"

typedef struct SampleOptions {
    float    temperature; /* 0: greedy, the lowest index among equals; the filters are then ignored */
    uint32_t top_k;       /* 0: off         */
    float    top_p;       /* 0 or >= 1: off */
    float    min_p;       /* 0: off         */
    uint64_t seed;
} SampleOptions;

/* token [slots] u32; logprob [slots] f32: log softmax(z) at the token over the whole vocabulary,
 * before any filter (greedy: at temperature 1); filtered_logprob [slots] f32: the same after the
 * filters, what the token was really drawn with (buffer NULL: not wanted; greedy: 0).
 * logits [slots, stride] f32, of whose columns the first vocab count; sequence, position [slots] u32. */
void sample_tokens(GpuStream *stream, GpuSpan token, GpuSpan logprob, GpuSpan filtered_logprob, GpuSpan logits,
                   GpuSpan sequence, GpuSpan position, const SampleOptions *options, uint32_t slots, uint32_t vocab,
                   uint32_t stride);

#endif
