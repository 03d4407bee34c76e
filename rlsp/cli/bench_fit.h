/* Least squares with coefficients that are not negative, for cost models: time = sum of coefficient * amount. */
#ifndef RLSP_CLI_BENCH_FIT_H
#define RLSP_CLI_BENCH_FIT_H

#include "engine/error.h"

enum { FIT_TERMS = 6 };

/* Finds coefficient[0..terms) >= 0 with the least sum of squares of (sum_j coefficient[j] * amount[i][j]) / time[i] - 1
 * over i < count: errors count in shares of a point, so that small and large ones weigh the same. Exact: every set of
 * terms is tried, 2^terms solutions of the normal equations. A term whose amounts are all 0 gets 0. Amounts >= 0,
 * times > 0, terms <= FIT_TERMS. Returns the root of the mean square of those shares; a term that the points
 * cannot tell from others may come out as 0. */
double fit_costs(int count, int terms, const double (*amount)[FIT_TERMS], const double *time, double *coefficient);

#endif
