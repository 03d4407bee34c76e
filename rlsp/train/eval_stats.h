/* What an evaluation concludes from judged responses: host data only, no device.
 *
 *     EvalSample samples[problems * n];                              // sample k of problem i at [i * n + k]
 *     eval_judge(&samples[r], task, &problem, text, length, tokens, stopped);
 *     eval_statistics(&result, samples, problems, n, &error);        // all of EvalResult but `seconds`
 *     double pass_at_2 = eval_pass_at(samples, problems, n, 2);
 */
#ifndef RLSP_TRAIN_EVAL_STATS_H
#define RLSP_TRAIN_EVAL_STATS_H

#include "rlsp/eval/estimate.h"
#include "rlsp/train/evaluate.h"

/* A response as judged. */
typedef struct EvalSample {
    TaskVerdict verdict;
    TraceStats  trace;
    uint32_t    tokens;  /* generated, end token included  */
    bool        stopped; /* by an end token; false: cut off */
} EvalSample;

void eval_judge(EvalSample *sample, const Task *task, const Problem *problem, const char *response, size_t length,
                uint32_t tokens, bool stopped);

/* samples [problems, n]. A mean or share over nothing (the length of right answers where
 * none is right, repeats per attempt where there is none) is NaN. Percentiles are by
 * nearest rank; length_sd divides by the number of responses, accuracy_stderr by
 * problems - 1. Leaves `seconds` alone. Fails only for want of memory. */
Status eval_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n, Error *error);

/* pass@k (rlsp/eval/estimate.h), its mean over problems. */
double eval_pass_at(const EvalSample *samples, uint32_t problems, uint32_t n, uint32_t k);

/* The sample, of n of one problem, whose answer the majority gives; -1: none gives an
 * answer. Answers are the same if their exact values and their expressions, up to the
 * order of summands and factors, are; answers without a value if their texts are. Among
 * equally frequent ones the first seen wins. */
int64_t eval_majority(const EvalSample *samples, uint32_t n);

/* The judged responses of the evaluator's last run, [problems, samples]; its own until the
 * next run. NULL: none yet, or the last one failed. */
const EvalSample *evaluator_samples(const Evaluator *evaluator);

#endif
