/* Estimates: what a mean over problems is worth.
 *
 *     double right[N];                                     // share of right samples of each problem
 *     double accuracy = eval_mean(right, N), error = eval_stderr(right, N);
 *     eval_bootstrap(right, N, 1, seed, 10000, &interval, &error);
 *
 * Problems are drawn, samples of a problem are not independent of one another: the problem is the cluster, and all
 * errors are those of a mean over problems (Miller 2024, "Adding error bars to evals", arXiv 2411.00640, section 2).
 */
#ifndef RLSP_EVAL_ESTIMATE_H
#define RLSP_EVAL_ESTIMATE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

/* Of no values: NaN. */
double eval_mean(const double *values, size_t count);

/* sqrt(sum (v - mean)^2 / (count (count - 1))): of means of clusters of one size the cluster-robust standard error.
 * NaN for fewer than two. */
double eval_stderr(const double *values, size_t count);

/* pass@k without bias from n samples of which `correct` are right: 1 - C(n - correct, k) / C(n, k)
 * (Chen et al. 2021, "Evaluating large language models trained on code", equation 1). 1 <= k <= n. */
double pass_at_k(uint32_t n, uint32_t correct, uint32_t k);

typedef struct EvalInterval {
    double low, high;
} EvalInterval;

enum { EVAL_BOOTSTRAP_DRAWS = 200000000 }; /* problems drawn for one call, at most */

/* How many resamples there are time for: `wanted`, fewer for very many problems, never fewer than 200. */
uint32_t eval_bootstrap_resamples(size_t count, uint32_t wanted);

/* 95% intervals of the means of `columns` values by the percentile bootstrap over problems (Efron and Tibshirani 1993,
 * chapter 13), by nearest rank. values [count, columns]; intervals [columns]. Resample b draws its problems from
 * random_stream(seed, RANDOM_BOOTSTRAP, b, 0), the same for all columns. Fewer than two problems: NaN. Fails only for
 * want of memory. */
Status eval_bootstrap(const double *values, size_t count, size_t columns, uint64_t seed, uint32_t resamples,
                      EvalInterval *intervals, Error *error);

#endif
