#include "rlsp/eval/lengths.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void lengths_sort(uint32_t *lengths, size_t count)
{
    qsort(lengths, count, sizeof *lengths, compare);
}

double lengths_percentile(const uint32_t *sorted, size_t count, double share)
{
    const size_t rank = (size_t)ceil(share * (double)count);
    return count > 0 ? (double)sorted[rank > 0 ? rank - 1 : 0] : NAN;
}
