/* What one SFT step trains on: packed sequences with a loss weight per token.
 *
 *     SftSource *source = sft_source_new(phase, task, &task_config, tokenizer, eos, &model->config, seed, phase_index, &error);
 *     SftBatch   batch = {0};
 *     sft_source_step(source, step, &batch, &error);       // the same for the same (seed, phase, step)
 *     sft_batch_free(&batch);
 *
 * Sources: "task", demonstrations made on the fly (rlsp/task/demo.h), or a JSONL file
 * whose lines are {"ids":[…],"labels":[…]} (labels aligned with ids, -100: no loss),
 * {"prompt":…,"completion":…} (loss on the completion and the end token) or
 * {"text":…} (loss on all of it and the end token). A file is read whole and checked
 * when it is opened: an error names the line.
 */
#ifndef RLSP_TRAIN_SFT_DATA_H
#define RLSP_TRAIN_SFT_DATA_H

#include "engine/model/config.h"
#include "engine/text/tokenizer.h"
#include "rlsp/run/config.h"
#include "rlsp/task/demo.h"

typedef struct SftBatch {
    int32_t  *ids;       /* [starts[sequences]]                                                       */
    float    *weight;    /* of the loss at ids[i] as a target; of a step they make the mean that is minimised */
    uint32_t *starts;    /* [sequences + 1]                                                           */
    uint32_t  sequences;
    uint32_t  id_capacity, sequence_capacity;
    uint64_t  targets;   /* tokens with a weight                                                       */
} SftBatch;

typedef struct SftSource SftSource;

SftSource *sft_source_new(const SftPhase *phase, const Task *task, const TaskConfig *task_config, const Tokenizer *tokenizer,
                          int32_t eos, const ModelConfig *model, uint64_t seed, uint32_t phase_index, Error *error);
void       sft_source_free(SftSource *source); /* NULL is allowed */

/* Lines of a JSONL file that were too long for max_length. */
uint64_t sft_source_left_out(const SftSource *source);

/* No sequence of any step is longer, in tokens; at most the model's context. */
uint32_t sft_source_longest(const SftSource *source);

/* Fills `batch` (its memory is reused) with the sequences of step 0, 1, …. A demonstration that is
 * longer than the model's context is an error. */
Status sft_source_step(SftSource *source, uint32_t step, SftBatch *batch, Error *error);
void   sft_batch_free(SftBatch *batch);

/* The phase's mix, for demo.h. */
DemoMix sft_phase_mix(const SftPhase *phase, const Task *task);

#endif
