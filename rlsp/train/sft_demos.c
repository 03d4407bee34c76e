#include "rlsp/train/sft_demos.h"

#include <stdlib.h>
#include <string.h>

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
}

DemoMix sft_phase_mix(const SftPhase *phase, const Task *task)
{
    DemoMix mix;
    demo_mix_default(task, &mix);
    mix.demos         = phase->batch_size;
    mix.listing_rows  = phase->listing_rows;
    mix.distance_rows = phase->distance_rows;
    mix.direct_rows   = phase->direct_rows;
    if (phase->row_attempts > 0) {
        mix.row_attempts = phase->row_attempts;
    }
    mix.row_copy_weight = phase->row_copy_weight;
    mix.search          = phase->search;
    mix.qd              = phase->qd;
    mix.habit           = phase->habit;
    mix.qt              = phase->qt;
    mix.giveup          = phase->giveup;
    mix.kmax            = phase->kmax;
    mix.check           = phase->check;
    mix.verdict_weight  = phase->verdict_weight;
    return mix;
}

/* Appends <bos> prompt response <eos> with the demonstration's weights; adds their sum to *sum. */
static Status append_demo(const SftDemos *demos, const Demo *demo, SftBatch *batch, double *sum, Error *error)
{
    char text[TASK_PROMPT_BYTES + DEMO_RESPONSE_BYTES];
    memcpy(text, demo->prompt, demo->prompt_length);
    memcpy(text + demo->prompt_length, demo->response, demo->response_length);
    int32_t *ids    = NULL;
    size_t   count  = 0;
    Status   status = tokenizer_encode(demos->tokenizer, text, demo->prompt_length + demo->response_length, true, &ids,
                                       &count, error);
    status          = status == STATUS_OK ? sft_batch_reserve(batch, (uint32_t)count + 1, error) : status;
    if (status == STATUS_OK) {
        uint32_t at = batch->starts[batch->sequences], offset = 0;
        for (size_t i = 0; i < count; i++, at++) {
            size_t bytes = 0;
            if (!tokenizer_is_special(demos->tokenizer, ids[i])) {
                tokenizer_token_bytes(demos->tokenizer, ids[i], &bytes);
            }
            bool response     = bytes > 0 && offset >= demo->prompt_length;
            batch->ids[at]    = ids[i];
            batch->weight[at] = response ? demo_weight_at(demo, offset - demo->prompt_length) : 0.0f;
            *sum += (double)batch->weight[at];
            offset += (uint32_t)bytes;
        }
        batch->ids[at]    = demos->eos;
        batch->weight[at] = demo->eos_weight;
        *sum += (double)demo->eos_weight;
        batch->starts[++batch->sequences] = at + 1;
    }
    free(ids);
    return status;
}

/* Demonstrations, then rows; each group's weights are divided by their sum, rows times row_loss. */
Status sft_demos_step(const SftDemos *demos, uint32_t step, SftBatch *batch, Error *error)
{
    const uint32_t rows           = demo_rows(&demos->mix);
    double         sums[2]        = {0.0, 0.0};
    uint32_t       demo_sequences = 0;
    Demo          *demo           = malloc(sizeof *demo);
    Status         status         = demo != NULL ? STATUS_OK : out_of_memory(error);
    for (uint32_t row = 0; row < rows && status == STATUS_OK; row++) {
        DemoKind kind   = demo_kind_of_row(&demos->mix, row);
        Random   random = random_stream(demos->seed, RANDOM_DEMO, step | demos->phase_index << 24, row);
        demo_draw(demos->task, demos->task_config, &demos->mix, kind, &random, demo);
        status = append_demo(demos, demo, batch, &sums[demo_is_row(kind)], error);
        demo_sequences += !demo_is_row(kind);
    }
    free(demo);
    for (uint32_t s = 0; s < batch->sequences && status == STATUS_OK; s++) {
        bool   is_row = s >= demo_sequences;
        double scale =
            (is_row && demo_sequences > 0 ? demos->phase->row_loss : 1.0) / (sums[is_row] > 0.0 ? sums[is_row] : 1.0);
        for (uint32_t i = batch->starts[s]; i < batch->starts[s + 1]; i++) {
            batch->weight[i] = (float)((double)batch->weight[i] * scale);
        }
    }
    return status;
}
