/* Many verdicts at once, on several threads.
 *
 *     MathJob jobs[512] = {{.gold = …, .answer = …}, …};
 *     math_verify_all(jobs, 512, 4);
 *     jobs[i].verdict
 *
 * The verdicts do not depend on the number of threads.
 */
#ifndef RLSP_MATH_BATCH_H
#define RLSP_MATH_BATCH_H

#include "rlsp/math/verify.h"

typedef struct MathJob {
    const char        *gold, *answer;
    size_t             gold_length, length; /* bytes */
    const MathOptions *options;             /* NULL: the defaults */
    MathVerdict        verdict;             /* out */
} MathJob;

/* `threads` as parallel_for takes them. */
void math_verify_all(MathJob *jobs, size_t count, unsigned threads);

#endif
