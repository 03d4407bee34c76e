/* bench_quantize [SECONDS]
 *
 * Nanoseconds of CPU time a weight takes to be rounded to each format of frozen weights, on one thread: rows of 4096
 * normal numbers, best of the runs of SECONDS (1). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/io/quantize.h"
#include "engine/random.h"

enum { ROWS = 64, COLUMNS = 4096 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 1.0;
    float       *values  = malloc((size_t)ROWS * COLUMNS * sizeof *values);
    uint32_t    *words = malloc((size_t)ROWS * COLUMNS * 4), *scales = malloc((size_t)ROWS * COLUMNS);
    Random       random = random_stream(1, RANDOM_INIT, 0, 0);
    if (values == NULL || words == NULL || scales == NULL) {
        return 1;
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        values[i] = (float)(0.02 * random_normal(&random));
    }
    for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
        double best = 1e9;
        for (const double begin = now(); now() - begin < seconds;) {
            const double start = now();
            quantize_rows(format, values, ROWS, COLUMNS, words, scales);
            const double taken = now() - start;
            best               = taken < best ? taken : best;
        }
        printf("%-4s %6.2f ns a weight\n", weight_format_name(format), best / (ROWS * COLUMNS) * 1e9);
    }
    free(values);
    free(words);
    free(scales);
    return 0;
}
