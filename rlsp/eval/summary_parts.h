/* Private to rlsp/eval/summary*.c. */
#ifndef RLSP_EVAL_SUMMARY_PARTS_H
#define RLSP_EVAL_SUMMARY_PARTS_H

#include "rlsp/eval/summary.h"

/* A summary in the making. */
typedef struct Summing {
    EvalSummary              *summary;
    const EvalRecords        *records;
    const EvalSummaryOptions *options;
    const Task               *task;
    int                       column;
    uint32_t                  problems, samples;
} Summing;

static inline const EvalRecord *record_of(const Summing *s, uint32_t problem, uint32_t sample)
{
    return eval_record_at(s->records, s->column, problem, sample);
}

/* Merges the votes of all problems, on several threads: fills the outcomes. */
Status summary_vote(Summing *s, Error *error);

/* All, right and wrong responses. */
Status summary_parts(Summing *s, Error *error);

/* Subjects and levels; after the outcomes. */
Status summary_groups(Summing *s, Error *error);

#endif
