/* The progress line of rlsp eval, on stderr: often on a terminal, now and then elsewhere; and Ctrl-C. */
#ifndef RLSP_CLI_EVAL_PROGRESS_H
#define RLSP_CLI_EVAL_PROGRESS_H

#include "rlsp/eval/records.h"

typedef struct EvalProgress {
    uint64_t done, tokens; /* of the records when it began */
    uint32_t wanted;       /* responses                    */
    double   start, shown; /* seconds                      */
} EvalProgress;

/* From now on Ctrl-C (or SIGTERM) asks for an end, once; a second one ends the program at once. */
void eval_catch_interrupt(void);

void eval_progress_begin(EvalProgress *progress, const EvalRecords *records, uint32_t wanted);
/* Whether the user wants an end. */
bool eval_progress_show(const EvalColumn *column, const EvalRecords *records, EvalProgress *progress, uint32_t running);
void eval_progress_end(const EvalProgress *progress);

/* Seconds on the monotonic clock. */
double eval_clock(void);

#endif
