#include "rlsp/eval/paired.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/random.h"

/* Beyond so many additions the patterns are drawn, not counted. */
static const double COUNTING_MAX = 1e8;

double mcnemar_exact(uint32_t won, uint32_t lost)
{
    const uint32_t n = won + lost, fewer = won < lost ? won : lost;
    double         p = 0;
    for (uint32_t i = 0; i <= fewer; i++) { /* C(n, i) / 2^n, which is no double for large n */
        p += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) - n * log(2));
    }
    return 2 * p < 1 ? 2 * p : 1;
}

/* --- the sign-flip test ----------------------------------------------------------------------------------------- */

/* The differences as whole numbers; those that are 0 have no sign to flip. */
typedef struct Flips {
    uint32_t *sizes; /* [count] > 0 */
    uint32_t  count;
    uint64_t  all;      /* their sum                */
    uint64_t  observed; /* |sum with their signs|   */
} Flips;

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        const uint64_t rest = a % b;
        a                   = b;
        b                   = rest;
    }
    return a;
}

static void make_small(Flips *flips)
{
    uint64_t divisor = 0;
    for (uint32_t i = 0; i < flips->count; i++) {
        divisor = common_divisor(flips->sizes[i], divisor);
    }
    for (uint32_t i = 0; i < flips->count; i++) {
        flips->sizes[i] /= (uint32_t)divisor;
    }
    if (divisor > 0) {
        flips->all /= divisor;
        flips->observed /= divisor;
    }
}

/* The distribution of the sum of those with a plus, all patterns counted: shares[s]. */
static Status count_patterns(const Flips *flips, double *p, Error *error)
{
    double  *shares = calloc(flips->all + 1, sizeof *shares);
    uint64_t reach  = 0;
    if (shares == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "the permutation test: out of host memory");
    }
    shares[0] = 1;
    for (uint32_t i = 0; i < flips->count; i++) {
        const uint64_t size = flips->sizes[i];
        for (uint64_t s = reach + size + 1; s-- > 0;) {
            shares[s] = 0.5 * (s <= reach ? shares[s] : 0) + 0.5 * (s >= size ? shares[s - size] : 0);
        }
        reach += size;
    }
    *p = 0;
    for (uint64_t s = 0; s <= flips->all; s++) { /* the sum with signs is 2 s - all */
        const uint64_t away = 2 * s > flips->all ? 2 * s - flips->all : flips->all - 2 * s;
        *p += away >= flips->observed ? shares[s] : 0;
    }
    *p = *p < 1 ? *p : 1;
    free(shares);
    return STATUS_OK;
}

static double draw_patterns(const Flips *flips, uint64_t seed)
{
    uint32_t as_far = 0;
    for (uint32_t b = 0; b < PAIRED_FLIPS; b++) {
        Random   random = random_stream(seed, RANDOM_SIGNS, b, 0);
        uint64_t plus   = 0;
        uint32_t bits   = 0;
        for (uint32_t i = 0; i < flips->count; i++) {
            bits = i % 32 == 0 ? random_u32(&random) : bits >> 1;
            plus += (bits & 1) * (uint64_t)flips->sizes[i];
        }
        as_far += (2 * plus > flips->all ? 2 * plus - flips->all : flips->all - 2 * plus) >= flips->observed;
    }
    return (as_far + 1.0) / (PAIRED_FLIPS + 1.0); /* the observed pattern is one of them */
}

static Status sign_flip_test(Flips *flips, uint64_t seed, PairedTest *test, Error *error)
{
    make_small(flips);
    test->exact = (double)flips->all * flips->count <= COUNTING_MAX;
    if (test->exact) {
        return count_patterns(flips, &test->p, error);
    }
    test->p = draw_patterns(flips, seed);
    return STATUS_OK;
}

/* --- the whole comparison ---------------------------------------------------------------------------------------- */

static double correlation(const double *a, const double *b, uint32_t count)
{
    const double mean_a = eval_mean(a, count), mean_b = eval_mean(b, count);
    double       both = 0, square_a = 0, square_b = 0;
    for (uint32_t i = 0; i < count; i++) {
        both += (a[i] - mean_a) * (b[i] - mean_b);
        square_a += (a[i] - mean_a) * (a[i] - mean_a);
        square_b += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return square_a > 0 && square_b > 0 ? both / sqrt(square_a * square_b) : NAN;
}

Status paired_test(const uint32_t *right_a, uint32_t samples_a, const uint32_t *right_b, uint32_t samples_b,
                   uint32_t problems, uint64_t seed, uint32_t resamples, PairedTest *test, Error *error)
{
    const size_t count = problems;
    double      *a     = calloc(3 * count + 1, sizeof *a);
    Flips        flips = {.sizes = malloc((count + 1) * sizeof *flips.sizes)};
    int64_t      sum   = 0;
    memset(test, 0, sizeof *test);
    if (a == NULL || flips.sizes == NULL) {
        free(a);
        free(flips.sizes);
        return error_set(error, STATUS_OUT_OF_MEMORY, "comparing: out of host memory");
    }
    double *b = a + count, *away = b + count;
    for (size_t i = 0; i < count; i++) {
        a[i]                     = (double)right_a[i] / samples_a;
        b[i]                     = (double)right_b[i] / samples_b;
        away[i]                  = b[i] - a[i];
        const int64_t difference = (int64_t)right_b[i] * samples_a - (int64_t)right_a[i] * samples_b;
        sum += difference;
        test->won += difference > 0;
        test->lost += difference < 0;
        test->equal += difference == 0;
        if (difference != 0) {
            flips.sizes[flips.count] = (uint32_t)llabs(difference);
            flips.all += flips.sizes[flips.count++];
        }
    }
    flips.observed          = (uint64_t)llabs(sum);
    test->a                 = eval_mean(a, count);
    test->b                 = eval_mean(b, count);
    test->difference        = eval_mean(away, count);
    test->stderr_a          = eval_stderr(a, count);
    test->stderr_b          = eval_stderr(b, count);
    test->stderr_difference = eval_stderr(away, count);
    test->correlation       = correlation(a, b, problems);
    test->mcnemar           = samples_a == 1 && samples_b == 1 ? mcnemar_exact(test->won, test->lost) : NAN;
    Status status           = eval_bootstrap(away, count, 1, seed, resamples, &test->interval, error);
    status                  = status == STATUS_OK ? sign_flip_test(&flips, seed, test, error) : status;
    free(a);
    free(flips.sizes);
    return status;
}
