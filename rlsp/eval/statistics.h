/* What an evaluation concludes from judged responses: host data only, no device.
 *
 *     EvalSample samples[problems * n];                              // sample k of problem i at [i * n + k]
 *     eval_judge(&samples[r], task, &problem, text, length, tokens, stopped);
 *     eval_statistics(&result, samples, problems, n, task, &error);        // all of EvalResult but `seconds`
 *     double pass_at_2 = eval_pass_at(samples, problems, n, 2);
 */
#ifndef RLSP_EVAL_STATISTICS_H
#define RLSP_EVAL_STATISTICS_H

#include "rlsp/eval/estimate.h"
#include "rlsp/run/events.h"
#include "rlsp/task/task.h"

/* A response as judged. */
typedef struct EvalSample {
    TaskVerdict verdict;
    TraceStats  trace;
    uint32_t    tokens;  /* generated, end token included  */
    bool        stopped; /* by an end token; false: cut off */
} EvalSample;

/* Shares and means are over responses; attempts as in rlsp/trace/trace.h. */
typedef struct EvalResult {
    uint32_t problems, samples, responses;
    double   accuracy;        /* pass@1: mean over problems of the share of right samples      */
    double   accuracy_stderr; /* over problems                                                 */
    double   pass_at_k;       /* k = samples: share of problems with a right sample (unbiased at k = n) */
    double   maj_at_k;        /* share of problems whose most frequent answer is right; ties by first seen */
    double   length, length_sd, length_p50, length_p95; /* response tokens, end token included */
    double   length_correct, length_wrong;
    double   answered, truncated;          /* shares; truncated: no end token within max_new  */
    double   attempts, distinct, verified; /* per response                                    */
    double   repeats_per_attempt, errors_per_attempt, distance_right; /* shares of attempts    */
    double   search, backtrack, check, false_yes, gave_up;            /* shares of responses              */
    double   hit;                              /* share of responses with an attempt that hits    */
    double   hit_then_correct;                 /* of those, share answered right                  */
    double   accuracy_search, accuracy_direct; /* among responses with / without an attempt     */
    double   repetition;                       /* mean n-gram repetition                          */
    uint64_t tokens;                           /* generated                                       */
    double   seconds;
} EvalResult;

void eval_judge(EvalSample *sample, const Task *task, const Problem *problem, const char *response, size_t length,
                uint32_t tokens, bool stopped);

/* samples [problems, n]. A mean or share over nothing (the length of right answers where
 * none is right, repeats per attempt where there is none) is NaN. Percentiles are by
 * nearest rank; length_sd divides by the number of responses, accuracy_stderr by
 * problems - 1. Leaves `seconds` alone. Fails only for want of memory. */
Status eval_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n, const Task *task,
                       Error *error);

/* The same without the votes: leaves maj_at_k alone. */
Status eval_response_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n,
                                Error *error);

/* pass@k (rlsp/eval/estimate.h), its mean over problems. */
double eval_pass_at(const EvalSample *samples, uint32_t problems, uint32_t n, uint32_t k);

/* The sample, of n of one problem, whose answer the majority gives; -1: none gives an answer. Which answers are the
 * same the task decides (same.h). Among equally frequent ones the first seen wins. One that is too long to be kept
 * whole (TASK_ANSWER_BYTES) has no vote. Fails only for want of memory. */
Status eval_majority(const EvalSample *samples, uint32_t n, const Task *task, int64_t *winner, Error *error);

/* The result as event fields, `prefix` before each name ("greedy_"); returns the number written.
 * Names live in `names`, which must outlive the fields. Time goes to time_ fields. */
enum { EVAL_FIELDS_MAX = 48 };
int eval_result_fields(const EvalResult *result, const char *prefix, EventField *fields,
                       char names[EVAL_FIELDS_MAX][48]);

#endif
