/* Percentiles of lengths of responses: what length_p50 and length_p95 mean in every event and report. */
#ifndef RLSP_EVAL_LENGTHS_H
#define RLSP_EVAL_LENGTHS_H

#include <stddef.h>
#include <stdint.h>

/* Ascending. */
void lengths_sort(uint32_t *lengths, size_t count);

/* By nearest rank: the smallest of the sorted values that at least a `share` of them does not exceed, so that it is
 * one of them (0.5 of 1 2 3 4 is 2). NaN where there is none. */
double lengths_percentile(const uint32_t *sorted, size_t count, double share);

#endif
