/* The run directory: config, events, checkpoints, and one writer at a time.
 *
 *     RunDir *run = run_dir_create("runs/countdown", &config, &error);   // a new run
 *     RunDir *run = run_dir_open("runs/countdown", true, &error);        // --resume
 *
 *     const char *path = run_dir_checkpoint_begin(run, 120, &error);
 *     …write model.safetensors, optimizer.safetensors, … into path…
 *     events_sync(events, &checkpoint.offsets, &error);
 *     run_dir_checkpoint_commit(run, &checkpoint, &error);               // renamed, "last" moves
 *     run_dir_mark_best(run, 120, &error);
 *     run_dir_prune(run, keep, &error);
 *     run_dir_close(run);
 *
 * On disk: config.json (resolved), events.jsonl, traces.jsonl, log.txt, .lock, and
 * checkpoints/step-000120/ with checkpoint.json beside what the trainer wrote.
 * checkpoints/last and checkpoints/best are symbolic links.
 *
 * A checkpoint is written as checkpoints/.step-000120.part, flushed, and renamed:
 * one that has its name is complete. What a killed run left behind is cleared by
 * the next writer.
 */
#ifndef RLSP_RUN_RUN_DIR_H
#define RLSP_RUN_RUN_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/error.h"
#include "rlsp/run/config.h"
#include "rlsp/run/events.h"

enum { CHECKPOINT_NUMBERS_MAX = 32 };

/* What checkpoint.json says: where the run stood. */
typedef struct Checkpoint {
    uint64_t      step;       /* of the run, over all stages: names the directory        */
    RunStage      stage;      /* the stage it lies in                                    */
    uint32_t      phase;      /* SFT phase                                               */
    uint32_t      stage_step; /* steps done in this stage (sft: in this phase)           */
    EventsOffsets offsets;    /* of the files, for events_open                           */
    uint32_t      number_count;
    struct {
        char   name[RUN_NAME_SIZE];
        double value;                  /* kept exactly */
    } numbers[CHECKPOINT_NUMBERS_MAX]; /* the trainer's own: KL coefficient, best accuracy, … */
} Checkpoint;

/* Sets or adds a number; false if there is no room. */
bool   checkpoint_set(Checkpoint *checkpoint, const char *name, double value);
double checkpoint_get(const Checkpoint *checkpoint, const char *name, double fallback);

typedef struct RunDir RunDir;

/* Makes the directory (and its parents), writes config.json and takes the lock.
 * A directory that already holds a run or anything else is STATUS_BAD_INPUT: the
 * text says how to resume it or go elsewhere. */
RunDir *run_dir_create(const char *path, const RunConfig *config, Error *error);

/* Opens an existing run; with `write` takes the lock (STATUS_FAILED if another
 * process holds it) and clears half-written checkpoints. */
RunDir *run_dir_open(const char *path, bool write, Error *error);
void    run_dir_close(RunDir *run); /* NULL is allowed */

const char *run_dir_path(const RunDir *run);

/* Reads the run's config.json. */
Status run_dir_config(const RunDir *run, const char *const *overrides, int override_count, RunConfig *config,
                      Error *error);

/* The steps of the complete checkpoints, rising. Returns the number written, at
 * most `capacity` (the newest ones); 0 also if there are none. */
int run_dir_list(const RunDir *run, uint64_t *steps, int capacity);

/* The path of a checkpoint (valid until the next call on `run`): a step, or
 * "last" / "best" by name. NULL with *error set if there is no such checkpoint. */
const char *run_dir_checkpoint_path(RunDir *run, uint64_t step, Error *error);
const char *run_dir_mark_path(RunDir *run, const char *mark, Error *error);

/* Reads and writes checkpoint.json in a checkpoint directory (commit writes it itself). */
Status checkpoint_write(const char *path, const Checkpoint *checkpoint, Error *error);
Status checkpoint_read(const char *path, Checkpoint *checkpoint, Error *error);

/* Writing: the directory to fill; then commit, or abort. A checkpoint of the same
 * step is replaced. The path is valid until commit or abort. */
const char *run_dir_checkpoint_begin(RunDir *run, uint64_t step, Error *error);
Status      run_dir_checkpoint_commit(RunDir *run, const Checkpoint *checkpoint, Error *error);
void        run_dir_checkpoint_abort(RunDir *run);

Status run_dir_mark_best(RunDir *run, uint64_t step, Error *error);

/* Removes all but the `keep` newest checkpoints (0: keeps all), never the last or
 * the best. */
Status run_dir_prune(RunDir *run, uint32_t keep, Error *error);

#endif
