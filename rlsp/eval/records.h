/* Records: every response of an evaluation as its line in traces.jsonl tells it.
 *
 *     EvalRecords *records = eval_records_new(&problems, columns, 2, &error);
 *     eval_records_read(records, "out", &error);                 // what an earlier call has left there
 *     …eval_records_has(records, column, problem, sample)…
 *     eval_records_write(records, column, &response, task, events, &error);
 *
 * A new response is judged, written as a line, and then read like any other: so whether an evaluation was interrupted
 * makes no difference to any number. A line is told from others by (stage, row, sample); the first counts.
 */
#ifndef RLSP_EVAL_RECORDS_H
#define RLSP_EVAL_RECORDS_H

#include "rlsp/eval/generate.h"
#include "rlsp/eval/problems.h"
#include "rlsp/eval/statistics.h"

enum { EVAL_ANSWER_BYTES = 4096 }; /* of an answer that is kept, at most */

/* One way of sampling. */
typedef struct EvalColumn {
    char     label[32];   /* "T=0.5", "greedy"           */
    char     stage[40];   /* of its traces and its event */
    double   temperature; /* 0: greedy                   */
    uint32_t samples;     /* per problem                 */
} EvalColumn;

typedef struct EvalRecord {
    EvalSample sample; /* of its verdict: correct, answered */
    char      *answer; /* NULL: none                        */
    bool       boxed;  /* the answer stands in a box        */
    bool       done;
} EvalRecord;

typedef struct EvalRecords {
    const EvalProblems *problems;
    const EvalColumn   *columns;
    int                 column_count;
    EvalRecord        **list; /* [column_count][problems, samples] */
    uint64_t            responses, done, correct, tokens;
    uint64_t            repeated, foreign; /* lines that were there twice; that belong to nothing here */
} EvalRecords;

/* Problems and columns have to outlive them. */
EvalRecords *eval_records_new(const EvalProblems *problems, const EvalColumn *columns, int count, Error *error);
void         eval_records_free(EvalRecords *records); /* NULL is allowed */

static inline EvalRecord *eval_record_at(const EvalRecords *records, int column, uint32_t problem, uint32_t sample)
{
    return &records->list[column][(size_t)problem * records->columns[column].samples + sample];
}

/* Reads traces.jsonl of a directory; a torn last line is passed over. Not there: nothing to read. */
Status eval_records_read(EvalRecords *records, const char *directory, Error *error);

/* Judges a response and appends its line to the traces of `events`; NULL: to nothing. */
Status eval_records_write(EvalRecords *records, int column, const EvalResponse *response, const Task *task,
                          Events *events, Error *error);

#endif
