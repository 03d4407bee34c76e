#include "engine/ops/sample.h"

#include "engine/ops/ops.h"
#include "engine/ops/pieces.h"

typedef struct SamplePush {
    uint32_t first_slot, slots, vocab, top_k;
    float    temperature, inverse_temperature, top_p, min_p;
    uint32_t seed_low, seed_high;
    uint32_t stride; /* of a row of logits */
} SamplePush;

static bool is_filtered(const SampleOptions *options, uint32_t vocab)
{
    bool top_k = options->top_k > 0 && options->top_k < vocab;
    bool top_p = options->top_p > 0 && options->top_p < 1;
    return options->temperature > 0 && (top_k || top_p || options->min_p > 0);
}

/* Times that a row is gone over: once for each cut of a filter's search (in five, of 2^31), and a few more. */
enum { SEARCHES = 2 * 15 + 5, PLAIN = 3 };

/* Vocabularies up to this are one subgroup's work: the reductions then need no shared memory. */
enum { SMALL_VOCAB = 1024 };

static uint32_t group_size(GpuStream *stream, uint32_t vocab, bool filtered)
{
    uint32_t group    = ops_group_long_row(stream, vocab, filtered ? SEARCHES : PLAIN);
    uint32_t subgroup = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    return vocab <= SMALL_VOCAB && subgroup >= 4 && subgroup < group ? subgroup : group;
}

static SamplePush push_constants(const SampleOptions *options, uint32_t vocab, uint32_t stride)
{
    return (SamplePush){.vocab               = vocab,
                        .top_k               = options->top_k,
                        .temperature         = options->temperature,
                        .inverse_temperature = options->temperature > 0 ? 1.0f / options->temperature : 1.0f,
                        .top_p               = options->top_p > 0 ? options->top_p : 1.0f,
                        .min_p               = options->min_p,
                        .seed_low            = (uint32_t)options->seed,
                        .seed_high           = (uint32_t)(options->seed >> 32),
                        .stride              = stride};
}

/* Slots that one dispatch can bind; fails the stream if there are none. */
static uint32_t piece_slots(GpuStream *stream, uint32_t stride)
{
    uint32_t slots = ops_rows_per_binding(stream, stride);
    if (slots == 0) {
        gpu_stream_fail(stream, STATUS_FAILED,
                        "sampling: a few rows of the vocabulary do not fit one buffer binding of this device");
    }
    return slots;
}

void sample_tokens(GpuStream *stream, GpuSpan token, GpuSpan logprob, GpuSpan filtered_logprob, GpuSpan logits,
                   GpuSpan sequence, GpuSpan position, const SampleOptions *options, uint32_t slots, uint32_t vocab,
                   uint32_t stride)
{
    bool       has_filtered = filtered_logprob.buffer != NULL;
    SamplePush push         = push_constants(options, vocab, stride);
    uint32_t   step         = piece_slots(stream, stride);
    for (uint32_t slot = 0; step > 0 && slot < slots; slot += step) {
        push.first_slot = slot;
        push.slots      = slots - slot < step ? slots - slot : step;
        /* without filtered_logprob its binding is never written; another buffer holds the place */
        gpu_dispatch(stream, &(GpuDispatch){.kernel     = "sample",
                                            .spec       = {group_size(stream, vocab, is_filtered(options, vocab)),
                                                           is_filtered(options, vocab), has_filtered},
                                            .spec_count = 3,
                                            .bind       = {gpu_write(token), gpu_write(logprob),
                                                           gpu_write(has_filtered ? filtered_logprob : logprob),
                                                           gpu_read(ops_row_slice(logits, slot, push.slots, stride)),
                                                           gpu_read(sequence), gpu_read(position)},
                                            .push       = &push,
                                            .push_size  = sizeof push,
                                            .groups     = gpu_groups(push.slots, 1)});
    }
}
