/* Plan: what a run will need of a device, before it starts.
 *
 *     RunPlan plan;
 *     if (run_plan(&config, &info, &plan, &error) == STATUS_OK) …
 *     plan.peak_bytes <= plan.device.memory_bytes: it fits
 *
 * Everything that a run opens is opened on a device that is only counted (gpu_open_dry), by the functions that training
 * itself calls and in the same order: there is no second formula, and the peak is the run's. Weights need not be there:
 * of model.path config.json is enough. Without its tokenizer or the run's data, prompts and sequences are taken to be
 * as long as the config lets them be, and a note says so.
 */
#ifndef RLSP_TRAIN_PLAN_H
#define RLSP_TRAIN_PLAN_H

#include "engine/ops/compute.h"
#include "engine/vk/device.h"
#include "engine/vk/memory.h"
#include "rlsp/run/config.h"

enum { PLAN_NOTES = 4 };

typedef struct RunPlan {
    GpuInfo      device;
    uint64_t     peak_bytes;            /* of device memory, over all stages                  */
    GpuMemoryRow rows[GPU_MEMORY_ROWS]; /* what it is made of, largest first                  */
    int          row_count;
    RunStage     stage;                  /* in which the peak is reached                       */
    ComputeType  compute;                /* that products multiply: what precision says, auto resolved */
    uint64_t     parameters, trained;    /* numbers of the policy's                            */
    uint32_t     prompt_tokens;          /* longest prompt                                     */
    char         notes[PLAN_NOTES][512]; /* what was not there and had to be assumed           */
    int          note_count;
    uint64_t     checkpoint_bytes; /* of the largest checkpoint: f32 weights and moments; tokenizers not counted   */
    uint32_t     checkpoints;      /* most that lie there at once; 0: all are kept, and how many is not known      */
    uint64_t     disk_bytes;       /* of those and RL's reference policy (of one, where their number is not known) */
} RunPlan;

/* STATUS_BAD_INPUT with the text that training would end with: no config.json, a model without room for the responses,
 * … */
Status run_plan(const RunConfig *config, const GpuInfo *info, RunPlan *plan, Error *error);

/* Device memory that can be had: what is free if the driver tells, else all of it. */
uint64_t run_plan_available(const RunPlan *plan);

#endif
