/* Problems to evaluate on: of a dataset those that are asked for, of a built-in task the first held-out ones.
 *
 *     EvalProblems problems;
 *     eval_problems_open(&problems, task, &(EvalFilter){.limit = 100, .levels = …}, seed, &error);
 *     problems.list[i].id …
 *     eval_problems_close(&problems);
 *
 * A problem keeps its row (its place in the file) whatever is left out before it: the row names its random streams.
 */
#ifndef RLSP_EVAL_PROBLEMS_H
#define RLSP_EVAL_PROBLEMS_H

#include "rlsp/task/instance.h"

enum { EVAL_ROWS_MAX = 1 << 22 }; /* rows and samples (vote.h) together name a 32-bit random stream */

typedef struct EvalProblem {
    Problem     problem;
    uint32_t    row;
    char       *id;                     /* owned; the dataset's, else the row; no two are the same */
    const char *subject, *level, *gold; /* NULL: not given */
} EvalProblem;

typedef struct EvalProblems {
    EvalProblem *list; /* [count] rows rise */
    uint32_t     count;
} EvalProblems;

typedef struct EvalFilter {
    uint32_t           limit;                    /* at most so many, the first ones; 0: all of a dataset */
    const char *const *subjects, *const *levels; /* any of these, in either case of letters           */
    int subject_count, level_count;              /* 0: all                                          */
} EvalFilter;

/* The instance has to outlive them. STATUS_BAD_INPUT: nothing is left. */
Status eval_problems_open(EvalProblems *problems, const TaskInstance *task, const EvalFilter *filter, uint64_t seed,
                          Error *error);
void   eval_problems_close(EvalProblems *problems);

/* Index of the problem of that row; -1: none. */
int64_t eval_problems_find(const EvalProblems *problems, double row);

#endif
