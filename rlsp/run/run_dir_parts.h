/* Private to rlsp/run: run_dir.c (a run's directory and its lock) and run_checkpoints.c (what lies in checkpoints/). */
#ifndef RLSP_RUN_RUN_DIR_PARTS_H
#define RLSP_RUN_RUN_DIR_PARTS_H

#include <stdio.h>

#include "rlsp/run/run_dir.h"

/* Room for "/checkpoints/.step-<20 digits>.part" after the run's path. */
enum { RUN_FILE_SIZE = RUN_PATH_SIZE + 80 };

/* `lock` is the descriptor of .lock, held with flock; -1: opened for reading. */
struct RunDir {
    char path[RUN_PATH_SIZE];
    char found[RUN_FILE_SIZE];   /* what run_dir_checkpoint_path gives       */
    char partial[RUN_FILE_SIZE]; /* the checkpoint being written; "": none   */
    int  lock;
};

/* "RUN/name" */
static inline void run_dir_join(const RunDir *run, char path[RUN_FILE_SIZE], const char *name)
{
    snprintf(path, RUN_FILE_SIZE, "%s/%s", run->path, name);
}

/* Removes what a killed run left of a checkpoint. */
Status run_checkpoints_clear(const RunDir *run, Error *error);

#endif
