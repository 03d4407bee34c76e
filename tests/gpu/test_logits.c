/* Log-probability, entropy, their gradient and cross-entropy against float64. */
#include <math.h>

#include "engine/ops/logits.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/reference.h"

/* float64: one row. loss = g logprob + e entropy. */
static void row_statistics(const double *logits, size_t vocab, double t, int target, double *logprob, double *entropy,
                           double *lse)
{
    double largest = -INFINITY, sum = 0, moment = 0;
    for (size_t j = 0; j < vocab; j++) {
        largest = fmax(largest, logits[j] / t);
    }
    for (size_t j = 0; j < vocab; j++) {
        double x = logits[j] / t - largest;
        sum += exp(x);
        moment += exp(x) > 0 ? x * exp(x) : 0;
    }
    *lse     = largest + log(sum);
    *entropy = log(sum) - moment / sum;
    *logprob = target < 0 ? 0 : logits[target] / t - *lse;
}

typedef struct Case {
    uint32_t first_row, rows, vocab;
    float    temperature;
    double   scale; /* of the logits */
} Case;

static const Case cases[] = {
    {0, 5, 141, 1, 4},    {3, 7, 29, 0.7f, 3},    {64, 2, 5003, 1.8f, 5}, {0, 3, 151936, 1, 3}, {1, 4, 1, 1, 1},
    {0, 1, 600000, 1, 1}, {0, 4, 300, 0.25f, 30}, {2, 5, 1024, 1, 4},     {0, 3, 96, 0.7f, 3},
};

/* Rows of `vocab` as rows of `stride`, NaN between them; and back. */
static double *spread_rows(const double *from, uint32_t rows, uint32_t vocab, uint32_t stride)
{
    double *to = fixture_alloc((size_t)rows * stride * sizeof *to);
    for (size_t i = 0; i < (size_t)rows * stride; i++) {
        to[i] = i % stride < vocab ? from[i / stride * vocab + i % stride] : (double)NAN;
    }
    return to;
}

static float *joined_rows(const float *from, uint32_t rows, uint32_t vocab, uint32_t stride)
{
    float *to = fixture_alloc((size_t)rows * vocab * sizeof *to);
    for (size_t i = 0; i < (size_t)rows * vocab; i++) {
        to[i] = from[i / vocab * stride + i % vocab];
    }
    return to;
}

static void statistics_and_gradient(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint32_t first = cases[c].first_row, rows = cases[c].rows, vocab = cases[c].vocab, total = first + rows;
        size_t   count  = (size_t)rows * vocab;
        double  *logits = fixture_doubles(count, (uint32_t)c), t = (double)cases[c].temperature;
        double  *g = fixture_doubles(total, 11), *e = fixture_doubles(total, 12);
        int32_t *targets = fixture_alloc(total * sizeof *targets);
        for (size_t i = 0; i < count; i++) {
            logits[i] = (double)(float)(logits[i] * cases[c].scale + 85); /* e^85 overflows when squared */
        }
        for (uint32_t r = 0; r < total; r++) {
            targets[r] = (int32_t)((r * 7919u) % vocab);
        }
        if (vocab > 1) {
            logits[vocab - 1] = -INFINITY; /* a forbidden token, not the target */
        }
        targets[total - 1] = -1;
        double *logprob = fixture_alloc(total * sizeof *logprob), *entropy = fixture_alloc(total * sizeof *entropy);
        double *lse = fixture_alloc(total * sizeof *lse), *dlogits = fixture_alloc(count * sizeof *dlogits);
        double *dlogits_no_entropy = fixture_alloc(count * sizeof *dlogits);
        for (uint32_t r = 0; r < rows; r++) {
            const double *row = logits + (size_t)r * vocab;
            uint32_t      at  = first + r;
            row_statistics(row, vocab, t, targets[at], &logprob[at], &entropy[at], &lse[at]);
            for (size_t j = 0; j < vocab && targets[at] >= 0; j++) {
                double logp = row[j] / t - lse[at], p = exp(logp), hit = (int32_t)j == targets[at] ? 1 : 0;
                dlogits_no_entropy[(size_t)r * vocab + j] = g[at] * (hit - p) / t;
                dlogits[(size_t)r * vocab + j] =
                    dlogits_no_entropy[(size_t)r * vocab + j] - (p > 0 ? e[at] * p * (logp + entropy[at]) / t : 0);
            }
        }
        const uint32_t stride  = logits_stride(vocab) + 4; /* what lies between rows is not read */
        const double  *spread  = spread_rows(logits, rows, vocab, stride);
        const size_t   apart   = (size_t)rows * stride;
        GpuSpan        glogits = fixture_upload(spread, apart), glogits2 = fixture_upload(spread, apart);
        GpuSpan gtargets = fixture_words(targets, total), gg = fixture_upload(g, total), ge = fixture_upload(e, total);
        GpuSpan glogprob = fixture_zeros(total), gentropy = fixture_zeros(total), glse = fixture_zeros(total);
        GpuStream *stream = fixture_stream();
        logits_statistics(stream, glogprob, gentropy, glse, glogits, gtargets, cases[c].temperature, first, rows, vocab,
                          stride);
        logits_backward(stream, glogits, glse, gentropy, gtargets, gg, ge, cases[c].temperature, first, rows, vocab,
                        stride);
        logits_backward(stream, glogits2, glse, gentropy, gtargets, gg, (GpuSpan){0}, cases[c].temperature, first, rows,
                        vocab, stride);
        fixture_run();
        print_message("  rows %u vocab %u temperature %g\n", rows, vocab, t);
        /* f32 logits near 85 / t are spaced 2^-17 / t apart, and lse carries that too */
        double spacing = 1e-6 + 1.2e-7 * 130 / t;
        reference_check("logprob", fixture_download(glogprob, total), logprob, total, fmin(2 * spacing, 1e-4));
        reference_check("entropy", fixture_download(gentropy, total), entropy, total, 2e-5);
        reference_check("lse", fixture_download(glse, total), lse, total, 2 * spacing);
        reference_check("dlogits", joined_rows(fixture_download(glogits, apart), rows, vocab, stride), dlogits, count,
                        2 * spacing / t);
        reference_check("dlogits without entropy", joined_rows(fixture_download(glogits2, apart), rows, vocab, stride),
                        dlogits_no_entropy, count, 2 * spacing / t);
    }
}

/* The formula of the gradient itself: float64 finite differences of g logprob + e entropy. */
typedef struct Loss {
    double *logits, t, g, e;
    size_t  vocab;
    int     target;
} Loss;

static double loss_of(void *user)
{
    const Loss *loss = user;
    double      logprob, entropy, lse;
    row_statistics(loss->logits, loss->vocab, loss->t, loss->target, &logprob, &entropy, &lse);
    return loss->g * logprob + loss->e * entropy;
}

static void gradient_is_the_derivative(void **state)
{
    (void)state;
    enum { VOCAB = 50 };
    double *logits = fixture_doubles(VOCAB, 21), *gradient = fixture_alloc(VOCAB * sizeof *gradient);
    double  g = -0.75, e = 1.25;
    int32_t target  = 17;
    GpuSpan glogits = fixture_upload(logits, VOCAB), gtarget = fixture_words(&target, 1);
    GpuSpan logprob = fixture_empty(1), entropy = fixture_empty(1), lse = fixture_empty(1);
    GpuSpan gg = fixture_upload(&g, 1), ge = fixture_upload(&e, 1);
    logits_statistics(fixture_stream(), logprob, entropy, lse, glogits, gtarget, 0.5f, 0, 1, VOCAB, VOCAB);
    fixture_run();
    logits_backward(fixture_stream(), glogits, lse, entropy, gtarget, gg, ge, 0.5f, 0, 1, VOCAB, VOCAB);
    fixture_run();
    const float *got = fixture_download(glogits, VOCAB);
    for (size_t j = 0; j < VOCAB; j++) {
        gradient[j] = (double)got[j];
    }
    Loss loss = {logits, 0.5, g, e, VOCAB, target};
    fixture_check_gradient("dlogits", loss_of, &loss, logits, gradient, VOCAB, 2e-6);
}

/* Rows that are masked come out 0 whatever is in them. */
static void masked_rows_are_zero(void **state)
{
    (void)state;
    enum { VOCAB = 33 };
    double *logits = fixture_doubles(2 * VOCAB, 3), zero[2 * VOCAB] = {0}, ones[2] = {1, 1};
    int32_t targets[2] = {-1, -1};
    logits[5]          = (double)NAN;
    logits[40]         = (double)INFINITY;
    GpuSpan glogits = fixture_upload(logits, 2 * VOCAB), gtargets = fixture_words(targets, 2);
    GpuSpan logprob = fixture_empty(2), entropy = fixture_empty(2), lse = fixture_empty(2), g = fixture_upload(ones, 2);
    GpuStream *stream = fixture_stream();
    logits_statistics(stream, logprob, entropy, lse, glogits, gtargets, 1, 0, 2, VOCAB, VOCAB);
    logits_backward(stream, glogits, lse, entropy, gtargets, g, g, 1, 0, 2, VOCAB, VOCAB);
    fixture_run();
    reference_check("dlogits of masked rows", fixture_download(glogits, 2 * VOCAB), zero, 2 * VOCAB, 0);
    reference_check("logprob of masked rows", fixture_download(logprob, 2), zero, 2, 0);
}

/* A model that has diverged must not pass for one that has not. */
static void nan_logits_give_nan(void **state)
{
    (void)state;
    enum { VOCAB = 70 };
    double *logits  = fixture_doubles(VOCAB, 4);
    int32_t target  = 3;
    logits[69]      = (double)NAN;
    GpuSpan logprob = fixture_zeros(1), entropy = fixture_zeros(1), lse = fixture_zeros(1);
    logits_statistics(fixture_stream(), logprob, entropy, lse, fixture_upload(logits, VOCAB), fixture_words(&target, 1),
                      1, 0, 1, VOCAB, VOCAB);
    fixture_run();
    assert_false(isfinite(fixture_download(logprob, 1)[0]));
}

/* A chunk larger than the smallest binding limit (128 MiB) is worked on in pieces. */
static void chunk_larger_than_a_binding(void **state)
{
    (void)state;
    enum { ROWS = 300, VOCAB = 120000 };
    GpuSpan   logits  = fixture_empty(1);
    Error     error   = {0};
    int32_t  *targets = fixture_alloc(ROWS * sizeof *targets);
    double   *want    = fixture_alloc(ROWS * sizeof *want);
    GpuArena *arena =
        gpu_arena_new(fixture_gpu(), "large logits", GPU_MEMORY_DEVICE, gpu_align((uint64_t)ROWS * VOCAB * 4), &error);
    assert_non_null(arena);
    logits             = gpu_arena_take(arena, (uint64_t)ROWS * VOCAB * 4);
    GpuSpan    logprob = fixture_empty(ROWS), entropy = fixture_empty(ROWS), lse = fixture_empty(ROWS);
    GpuStream *stream = fixture_stream();
    gpu_fill(stream, logits, 0);
    fixture_run();
    for (uint32_t r = 0; r < ROWS; r++) { /* one logit of 12 per row, at another place in each */
        float    high = 12;
        uint32_t at   = (r * 397u) % VOCAB;
        targets[r]    = (int32_t)at;
        want[r]       = 12 - log(exp(12) + VOCAB - 1);
        assert_int_equal(
            gpu_upload(fixture_gpu(), gpu_span_slice(logits, ((uint64_t)r * VOCAB + at) * 4, 4), &high, 4, &error),
            STATUS_OK);
    }
    logits_statistics(fixture_stream(), logprob, entropy, lse, logits, fixture_words(targets, ROWS), 1, 0, ROWS, VOCAB,
                      VOCAB);
    fixture_run();
    reference_check("logprob of 300 rows of 120000", fixture_download(logprob, ROWS), want, ROWS, 1e-5);
    gpu_arena_free(arena);
}

static void cross_entropy_sums(void **state)
{
    (void)state;
    enum { ROWS = 1234 };
    double *logprob = fixture_doubles(ROWS, 6), *weight = fixture_doubles(ROWS, 7),
           *minus  = fixture_alloc(ROWS * sizeof *minus);
    double want[2] = {0, 0};
    for (size_t r = 0; r < ROWS; r++) {
        weight[r] = r % 3 == 0 ? 0 : (double)(float)(fabs(weight[r]) / ROWS);
        minus[r]  = -weight[r];
        want[0] += 2 * minus[r] * logprob[r]; /* two micro-batches */
        want[1] += 2 * weight[r];
    }
    logprob[0]      = (double)NAN; /* weight 0: does not count */
    GpuSpan    sums = fixture_zeros(2), dlogprob = fixture_empty(ROWS);
    GpuSpan    glogprob = fixture_upload(logprob, ROWS), gweight = fixture_upload(weight, ROWS);
    GpuStream *stream = fixture_stream();
    cross_entropy(stream, dlogprob, sums, glogprob, gweight, ROWS);
    cross_entropy(stream, dlogprob, sums, glogprob, gweight, ROWS);
    fixture_run();
    reference_check("loss and weight sums", fixture_download(sums, 2), want, 2, 2e-6);
    reference_check("dlogprob", fixture_download(dlogprob, ROWS), minus, ROWS, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(statistics_and_gradient),     fixture_test(gradient_is_the_derivative),
        fixture_test(masked_rows_are_zero),        fixture_test(nan_logits_give_nan),
        fixture_test(chunk_larger_than_a_binding), fixture_test(cross_entropy_sums)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
