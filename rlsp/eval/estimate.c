#include "rlsp/eval/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/random.h"

enum { RESAMPLES_MIN = 200 };

double eval_mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return count > 0 ? sum / (double)count : NAN;
}

double eval_stderr(const double *values, size_t count)
{
    const double mean = eval_mean(values, count);
    double       sum  = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (values[i] - mean) * (values[i] - mean);
    }
    return count > 1 ? sqrt(sum / ((double)count - 1.0) / (double)count) : NAN;
}

double pass_at_k(uint32_t n, uint32_t correct, uint32_t k)
{
    double all_wrong = 1; /* the chance that k of the n, drawn without replacement, are all wrong */
    for (uint32_t i = 0; i < k; i++) {
        all_wrong *= n - i > correct ? (double)(n - i - correct) / (double)(n - i) : 0;
    }
    return 1 - all_wrong;
}

/* --- bootstrap --------------------------------------------------------------------------------------------------- */

uint32_t eval_bootstrap_resamples(size_t count, uint32_t wanted)
{
    const size_t most = count > 0 ? EVAL_BOOTSTRAP_DRAWS / count : wanted;
    const size_t room = most > RESAMPLES_MIN ? most : RESAMPLES_MIN;
    return wanted < room ? wanted : (uint32_t)room;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest value that at least a share of the values does not exceed. */
static double at_share(const double *sorted, uint32_t count, double share)
{
    const uint32_t rank = (uint32_t)ceil(share * count);
    return sorted[rank > 0 ? rank - 1 : 0];
}

/* One resample: its sums, [columns]. */
static void draw_sums(const double *values, size_t count, size_t columns, Random random, double *sums)
{
    memset(sums, 0, columns * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        const double *drawn = values + random_below(&random, (uint32_t)count) * columns;
        for (size_t c = 0; c < columns; c++) {
            sums[c] += drawn[c];
        }
    }
}

Status eval_bootstrap(const double *values, size_t count, size_t columns, uint64_t seed, uint32_t resamples,
                      EvalInterval *intervals, Error *error)
{
    for (size_t c = 0; c < columns; c++) {
        intervals[c] = (EvalInterval){NAN, NAN};
    }
    if (count < 2 || count > UINT32_MAX || columns == 0 || resamples == 0) {
        return STATUS_OK;
    }
    double *means = malloc((resamples + (size_t)1) * columns * sizeof *means); /* [columns, resamples], then sums */
    if (means == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "confidence intervals: out of host memory");
    }
    double *sums = means + resamples * columns;
    for (uint32_t b = 0; b < resamples; b++) {
        draw_sums(values, count, columns, random_stream(seed, RANDOM_BOOTSTRAP, b, 0), sums);
        for (size_t c = 0; c < columns; c++) {
            means[c * resamples + b] = sums[c] / (double)count;
        }
    }
    for (size_t c = 0; c < columns; c++) {
        double *own = means + c * resamples;
        qsort(own, resamples, sizeof *own, compare_doubles);
        intervals[c] = (EvalInterval){at_share(own, resamples, 0.025), at_share(own, resamples, 0.975)};
    }
    free(means);
    return STATUS_OK;
}
