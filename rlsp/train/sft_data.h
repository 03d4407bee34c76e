/* What the steps of an SFT phase train on: demonstrations that the task makes ("task": sft_demos.h), or a JSONL file
 * (sft_file.h; what its lines may hold: sft_example.h).
 *
 *     SftSource *source = sft_source_new(&(SftSetup){phase, …}, &error);
 *     SftBatch   batch = {0};
 *     sft_source_step(source, step, &batch, &error);       // the same for the same (seed, phase, step)
 *     sft_batch_free(&batch);
 *     sft_source_free(source);
 *
 * While a step is trained on, a thread makes the next one ready.
 */
#ifndef RLSP_TRAIN_SFT_DATA_H
#define RLSP_TRAIN_SFT_DATA_H

#include "rlsp/train/sft_batch.h"
#include "rlsp/train/sft_demos.h"
#include "rlsp/train/sft_file.h"

/* What a source is made of; all of it has to outlive the source. */
typedef struct SftSetup {
    const SftPhase   *phase;
    uint32_t          phase_index;
    const Task       *task;
    const TaskConfig *task_config;
    const Tokenizer  *tokenizer;
    const char       *directory;     /* of the tokenizer and its chat template */
    const char       *chat_template; /* instead of that: model.chat_template; "" or NULL: not */
    const RunTask    *task_settings; /* whose chat_set is the template's; NULL: none */
    int32_t           eos;
    uint32_t          context, vocab_size; /* of the model */
    uint64_t          seed;
} SftSetup;

typedef struct SftSource SftSource;

/* NULL with *error set. A file is opened and its lines are checked: an error names the line. */
SftSource *sft_source_new(const SftSetup *setup, Error *error);
void       sft_source_free(SftSource *source); /* NULL is allowed */

/* Of the lines of a file so far; NULL: the task makes the data. */
const SftFileCounts *sft_source_counts(SftSource *source);

/* No sequence of any step is longer, in tokens; at most the model's context. */
uint32_t sft_source_longest(SftSource *source);

/* The phase's optimizer steps: phase->steps, or what phase->epochs take. */
Status sft_source_steps(SftSource *source, uint32_t *steps, Error *error);

/* Fills `batch` (its memory is reused) with the sequences of step 0, 1, …. A demonstration that is
 * longer than the model's context is an error. */
Status sft_source_step(SftSource *source, uint32_t step, SftBatch *batch, Error *error);

/* Where the steps after the last one asked for begin, and going on there: spares a resumed run looking at all that
 * comes before. Of demonstrations, nothing. */
SftPlace sft_source_place(SftSource *source);
void     sft_source_go(SftSource *source, SftPlace place);

#endif
