/* Summary: what the responses of one column come to.
 *
 *     EvalSummary summary;
 *     eval_summary_make(&summary, records, column, task, &options, &error);
 *     …summary.result.accuracy, summary.accuracy.low, summary.pass[0].value…
 *     eval_summary_free(&summary);
 *
 * All of it follows from the records, the seed and the options; problems and samples are taken in their order, so that
 * the same traces give the same bits.
 */
#ifndef RLSP_EVAL_SUMMARY_H
#define RLSP_EVAL_SUMMARY_H

#include "rlsp/eval/records.h"

enum { EVAL_K_MAX = 24 };

typedef struct EvalSummaryOptions {
    uint32_t k[EVAL_K_MAX]; /* of pass@k and maj@k, rising; those above the samples are left out, 1 and the samples
                               are always there */
    int      k_count;       /* 0: 1, 2, 4, … and the samples */
    uint64_t seed;          /* of bootstrap and votes        */
    uint32_t resamples;
} EvalSummaryOptions;

typedef struct EvalPoint {
    uint32_t     k;
    double       value, standard_error; /* over problems */
    EvalInterval interval;
} EvalPoint;

/* A part of the responses: means and shares over them, NaN where there are none. */
typedef struct EvalPart {
    uint32_t responses;
    double   length, length_p50, length_p95; /* tokens */
    double   truncated, answered, boxed, repetition;
    double   words[TRACE_WORDS_COUNT]; /* shares of responses with such a phrase */
    double   search, backtrack, check; /* shares, by evidence: built-in tasks    */
} EvalPart;

typedef enum EvalPartKind { EVAL_PART_ALL, EVAL_PART_RIGHT, EVAL_PART_WRONG, EVAL_PARTS } EvalPartKind;

/* The problems of one subject or level. */
typedef struct EvalGroup {
    bool        is_level;
    const char *name;
    uint32_t    problems;
    double      accuracy, accuracy_stderr, pass_at_k, maj_at_k; /* k: all samples */
    double      length, truncated, answered;
} EvalGroup;

/* One problem. */
typedef struct EvalOutcome {
    uint32_t correct, answered, classes;
    int32_t *class_of; /* [samples] which answers mean the same; -1: none; not owned */
    int64_t  winner;   /* the sample whose answer the majority gives; -1: none       */
    bool     majority; /* it is right                                                */
    double   length;   /* mean                                                       */
} EvalOutcome;

typedef struct EvalSummary {
    EvalResult   result;
    EvalInterval accuracy;
    double       boxed;
    EvalPoint    pass[EVAL_K_MAX], maj[EVAL_K_MAX];
    int          k_count;
    uint32_t     drawn; /* problems whose subsets of samples were drawn instead of counted, for one k or more */
    uint32_t     resamples;
    EvalPart     parts[EVAL_PARTS];
    EvalGroup   *groups; /* subjects, then levels, by name */
    int          group_count;
    EvalOutcome *outcomes; /* [problems] */
    int32_t     *classes;  /* [problems, samples] */
} EvalSummary;

/* All records of the column are done. Fails only for want of memory; eval_summary_free frees in every case. */
Status eval_summary_make(EvalSummary *summary, const EvalRecords *records, int column, const Task *task,
                         const EvalSummaryOptions *options, Error *error);
void   eval_summary_free(EvalSummary *summary);

#endif
