/* Paired: two models on the same problems.
 *
 *     PairedTest test;
 *     paired_test(right_a, samples_a, right_b, samples_b, problems, seed, resamples, &test, &error);
 *     …test.difference, test.p…
 *
 * What is compared are the differences problem by problem, whose spread is far smaller than that of two accuracies
 * where both models find the same problems hard (Miller 2024, arXiv 2411.00640, section 4).
 */
#ifndef RLSP_EVAL_PAIRED_H
#define RLSP_EVAL_PAIRED_H

#include <stdbool.h>

#include "rlsp/eval/estimate.h"

enum { PAIRED_FLIPS = 100000 }; /* random sign patterns where they cannot all be counted */

typedef struct PairedTest {
    double       a, b;       /* pass@1 of both                                                            */
    double       difference; /* b - a                                                                     */
    double       stderr_a, stderr_b, stderr_difference; /* over problems                                  */
    EvalInterval interval;         /* 95%, of the difference: bootstrap over problems                           */
    double       correlation;      /* of both over problems; NaN where one of them does not vary               */
    uint32_t     won, lost, equal; /* problems: b better, a better                                        */
    double       p;                /* two-sided, of the sign-flip permutation test                              */
    bool         exact;            /* all 2^n patterns were counted; false: PAIRED_FLIPS random ones             */
    double       mcnemar;          /* two-sided exact p; NaN unless both have one sample per problem            */
} PairedTest;

/* right_a, right_b [problems]: right samples of each problem, of `samples_a` and `samples_b`. The sign-flip test asks
 * how often a mean difference this large comes about if it is by chance which model a difference favours (Fisher 1935,
 * "The design of experiments", section 21). Fails only for want of memory. */
Status paired_test(const uint32_t *right_a, uint32_t samples_a, const uint32_t *right_b, uint32_t samples_b,
                   uint32_t problems, uint64_t seed, uint32_t resamples, PairedTest *test, Error *error);

/* McNemar's test by the binomial distribution, two-sided: of won + lost problems that only one of two got right. */
double mcnemar_exact(uint32_t won, uint32_t lost);

#endif
