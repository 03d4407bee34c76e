/* SFT data that the task makes on the fly: demonstrations (rlsp/task/demo.h). */
#ifndef RLSP_TRAIN_SFT_DEMOS_H
#define RLSP_TRAIN_SFT_DEMOS_H

#include "engine/text/tokenizer.h"
#include "rlsp/run/config.h"
#include "rlsp/task/demo.h"
#include "rlsp/train/sft_batch.h"

typedef struct SftDemos {
    const SftPhase   *phase;
    const Task       *task;
    const TaskConfig *task_config;
    const Tokenizer  *tokenizer;
    int32_t           eos;
    uint64_t          seed;
    uint32_t          phase_index;
    DemoMix           mix; /* sft_phase_mix's */
} SftDemos;

/* The phase's mix, for demo.h. */
DemoMix sft_phase_mix(const SftPhase *phase, const Task *task);

/* Adds the sequences of a step to an empty batch. */
Status sft_demos_step(const SftDemos *demos, uint32_t step, SftBatch *batch, Error *error);

#endif
