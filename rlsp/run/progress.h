/* Progress: a run as lines of text, for `rlsp train --batch`. A reader of events:
 * it can follow a live run or be fed a finished one.
 *
 *     Progress *progress = progress_new(stderr, isatty(2));
 *     while ((event = events_ring_next(events, false, &cursor)) != NULL) {
 *         progress_event(progress, event);
 *         event_free(event);
 *     }
 *     progress_free(progress);
 *
 *     sft search   120/1000  loss 0.8123  lr 0.0025  grad 0.71  eta 2m 10s
 *     rl            12/60    reward 0.413  acc 0.455  explore 0.31  len 61.2  kl 4.81  eta 3m 02s
 *
 * Fields it looks for (all may be missing; numbers unless said otherwise):
 *   phase_start  stage and name (texts), steps, done (steps done before: a resumed run)
 *   sft_step, rl_step   stage_step (1 for the first), time_unix, and the metrics of
 *                the tables in progress.c: loss lr grad_norm tokens …, reward accuracy
 *                explore length kl entropy backtrack truncated …
 *   eval         stage_step, and the metrics of its table: greedy_accuracy accuracy
 *                pass_at_k maj_at_k length backtrack …; they are repeated in a table at run_end
 *   run_end      reason (text)
 *   log          level and text
 *
 * SFT steps overwrite one line on a terminal; elsewhere about fifty of a phase are
 * printed, whole lines all. RL steps keep their lines.
 */
#ifndef RLSP_RUN_PROGRESS_H
#define RLSP_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "rlsp/run/events.h"

typedef struct Progress Progress;

Progress *progress_new(FILE *out, bool terminal); /* NULL when out of memory */
void      progress_event(Progress *progress, const Event *event);
void      progress_free(Progress *progress); /* ends an unfinished line; NULL is allowed */

#endif
