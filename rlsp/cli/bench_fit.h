/* Least squares with coefficients that are not negative, for cost models: time = sum of coefficient * amount. */
#ifndef RLSP_CLI_BENCH_FIT_H
#define RLSP_CLI_BENCH_FIT_H

#include "engine/error.h"

enum { FIT_TERMS = 6, FIT_POINTS = 256 };

/* Finds coefficient[0..terms) >= 0 for which, with fitted[i] = sum_j coefficient[j] * amount[i][j], the sum over i <
 * count of (fitted[i] - time[i])^2 / (fitted[i] * time[i]) is least: errors count in shares of a point, so that small
 * and large ones weigh the same, and twice as much as half. Least squares with weights from the round before; each
 * round is exact: every set of terms is tried, 2^terms solutions of the normal equations. A term whose amounts are all
 * 0 gets 0. Amounts >= 0, times > 0, terms <= FIT_TERMS; points past FIT_POINTS are left out. Returns the root of the
 * mean square of fitted[i] / time[i] - 1; a term that the points cannot tell from others may come out as 0. */
double fit_costs(int count, int terms, const double (*amount)[FIT_TERMS], const double *time, double *coefficient);

#endif
