/* Token sampling: draws and their logprobs against the inverse CDF of distributions, filtered by PyTorch
 * (tests/data/parity/sampling) and in float64. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ops/sample.h"
#include "engine/random.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/reference.h"

static double number(const cJSON *object, const char *key, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return item ? item->valuedouble : otherwise;
}

static SampleOptions case_options(const cJSON *item)
{
    return (SampleOptions){.temperature = (float)number(item, "temperature", 1),
                           .top_k       = (uint32_t)number(item, "top_k", 0),
                           .top_p       = (float)number(item, "top_p", 0),
                           .min_p       = (float)number(item, "min_p", 0),
                           .seed        = 20250207};
}

typedef struct Draw {
    uint32_t token;
    double   margin; /* distance of the random number from the nearest cut between tokens */
} Draw;

static Draw inverse_cdf(const double *probability, uint32_t vocab, double u)
{
    double total = 0, below = 0;
    Draw   draw = {vocab, 1};
    for (uint32_t j = 0; j < vocab; j++) {
        total += probability[j];
    }
    for (uint32_t j = 0; j < vocab; j++) {
        below += probability[j] / total;
        draw.margin = fmin(draw.margin, fabs(below - u));
        if (draw.token == vocab && below > u) {
            draw.token = j;
        }
    }
    return draw;
}

enum { SLOTS = 200 };

/* logits, probability [rows, vocab]: draws SLOTS tokens, slot s from row s % rows, and holds each against the inverse
 * CDF of the row's probabilities. What a filter keeps too much or too little is seen in the logprob after it. */
static void check_draws(const double *logits, const double *probability, uint32_t rows, uint32_t vocab,
                        SampleOptions options)
{
    uint32_t *sequence = fixture_alloc(SLOTS * sizeof *sequence), *position = fixture_alloc(SLOTS * sizeof *position);
    const uint32_t stride = vocab + 3; /* what lies between rows is not read */
    double        *spread = fixture_alloc((size_t)SLOTS * stride * sizeof *spread);
    for (uint32_t s = 0; s < SLOTS; s++) {
        for (uint32_t j = 0; j < stride; j++) {
            spread[(size_t)s * stride + j] = j < vocab ? logits[(size_t)(s % rows) * vocab + j] : (double)NAN;
        }
        sequence[s] = 1000 + s / 3;
        position[s] = 17 * s % 5;
    }
    GpuSpan token = fixture_empty(SLOTS), logprob = fixture_empty(SLOTS), filtered = fixture_empty(SLOTS);
    sample_tokens(fixture_stream(), token, logprob, filtered, fixture_upload(spread, (size_t)SLOTS * stride),
                  fixture_words(sequence, SLOTS), fixture_words(position, SLOTS), &options, SLOTS, vocab, stride);
    fixture_run();
    const uint32_t *got  = (const uint32_t *)(const void *)fixture_download(token, SLOTS);
    double         *want = fixture_alloc(SLOTS * sizeof *want), *want_filtered = fixture_alloc(SLOTS * sizeof *want);
    int             too_close = 0;
    for (uint32_t s = 0; s < SLOTS; s++) {
        const double *z = spread + (size_t)s * stride, *p = probability + (size_t)(s % rows) * vocab;
        Random        random = random_stream(options.seed, RANDOM_SAMPLE, sequence[s], position[s]);
        const Draw    draw   = inverse_cdf(p, vocab, random_uniform(&random));
        assert_true(got[s] < vocab);
        if (draw.margin > 1e-5) {
            assert_int_equal(got[s], draw.token);
        } else {
            too_close++;
        }
        double lse = 0, t = (double)options.temperature, at = z[got[s]] / t;
        for (uint32_t j = 0; j < vocab; j++) {
            lse += exp(z[j] / t - at);
        }
        want[s]          = -log(lse);
        want_filtered[s] = log(p[got[s]]);
    }
    print_message("  vocab %u, T %g, k %u, p %g, min %g: %d of %d draws too close to a cut to tell\n", vocab,
                  (double)options.temperature, options.top_k, (double)options.top_p, (double)options.min_p, too_close,
                  SLOTS);
    assert_true(too_close < SLOTS / 4);
    reference_check("logprob before the filters", fixture_download(logprob, SLOTS), want, SLOTS, 2e-5);
    reference_check("logprob after the filters", fixture_download(filtered, SLOTS), want_filtered, SLOTS, 2e-5);
}

static void draws_are_from_the_distributions_of_pytorch(void **state)
{
    (void)state;
    Reference   *data  = reference_open(TEST_DATA "/parity/sampling/sampling.safetensors");
    cJSON       *root  = reference_json(TEST_DATA "/parity/sampling/sampling.json");
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(root, "cases"), *item;
    cJSON_ArrayForEach(item, cases)
    {
        gpu_fixture_reset(NULL);
        const char    *name        = cJSON_GetObjectItemCaseSensitive(item, "logits")->valuestring;
        const double  *logits      = reference_get(data, name, NULL);
        const double  *probability = reference_get(data, cJSON_GetObjectItem(item, "probs")->valuestring, NULL);
        const uint32_t rows = (uint32_t)reference_dim(data, name, 0), vocab = (uint32_t)reference_dim(data, name, 1);
        check_draws(logits, probability, rows, vocab, case_options(item));
    }
    cJSON_Delete(root);
    reference_close(data);
}

static int largest_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* probability [vocab] of one row by the rules of engine/ops/sample.h. */
static void filter(double *probability, const double *logits, uint32_t vocab, const SampleOptions *options)
{
    double *sorted = fixture_alloc(vocab * sizeof *sorted), kept = 0, sum = 0, all = 0, lowest = 0;
    for (uint32_t j = 0; j < vocab; j++) {
        probability[j] = sorted[j] = exp(logits[j] / (double)options->temperature);
    }
    qsort(sorted, vocab, sizeof *sorted, largest_first);
    const uint32_t k = options->top_k > 0 && options->top_k < vocab ? options->top_k : vocab;
    for (uint32_t j = 0; j < k; j++) {
        all += sorted[j];
    }
    for (uint32_t j = 0; j < k && (options->top_p == 0 || sum < (double)options->top_p * all); j++) {
        sum += sorted[j];
        lowest = sorted[j];
    }
    lowest = fmax(lowest, (double)options->min_p * sorted[0]);
    for (uint32_t j = 0; j < vocab; j++) {
        probability[j] = probability[j] >= lowest ? probability[j] : 0;
        kept += probability[j];
    }
    for (uint32_t j = 0; j < vocab; j++) {
        probability[j] /= kept;
    }
}

/* A row of its own for each draw. */
static void check_random_rows(uint32_t vocab, SampleOptions options, double scale)
{
    const size_t count  = (size_t)SLOTS * vocab;
    double      *logits = fixture_doubles(count, vocab), *probability = fixture_alloc(count * sizeof *probability);
    for (size_t i = 0; i < count; i++) {
        logits[i] = (double)(float)(scale * logits[i]);
    }
    for (size_t row = 0; row < SLOTS; row++) {
        filter(probability + row * vocab, logits + row * vocab, vocab, &options);
    }
    check_draws(logits, probability, SLOTS, vocab, options);
}

static void draws_are_the_inverse_cdf(void **state)
{
    (void)state;
    static const struct {
        uint32_t      vocab;
        double        scale; /* of the logits */
        SampleOptions options;
    } cases[] = {{141, 2, {.temperature = 1, .seed = 5}},
                 {141, 2, {.temperature = 0.6f, .top_p = 0.9f, .seed = 0x123456789abcdefull}},
                 {3001, 2, {.temperature = 1, .top_k = 20, .min_p = 0.01f, .seed = 6}},
                 {3001, 4, {.temperature = 1.3f, .seed = 7}},
                 {2, 1, {.temperature = 1, .seed = 8}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gpu_fixture_reset(NULL);
        check_random_rows(cases[i].vocab, cases[i].options, cases[i].scale);
    }
}

/* Of as many tokens as Qwen has: the k largest are kept, or as few of the largest as reach p. How many, the logprob of
 * a draw tells: it is less the log of what all that are kept weigh. */
static void filters_of_a_large_vocabulary(void **state)
{
    (void)state;
    enum { VOCAB = 151936, KEPT = 50, DRAWS = 4 };
    double        *row = fixture_doubles(VOCAB, 77), *sorted = fixture_alloc(VOCAB * sizeof *sorted), all = 0;
    double        *logits       = fixture_alloc(DRAWS * VOCAB * sizeof *logits);
    const uint32_t place[DRAWS] = {0, 1, 2, 3};
    for (int d = 0; d < DRAWS; d++) {
        memcpy(logits + d * VOCAB, row, VOCAB * sizeof *row);
    }
    memcpy(sorted, row, VOCAB * sizeof *sorted);
    qsort(sorted, VOCAB, sizeof *sorted, largest_first);
    for (int i = 0; i < VOCAB; i++) {
        all += exp(sorted[i]);
    }
    for (int by_count = 0; by_count < 2; by_count++) {
        const SampleOptions options = {.temperature = 1, .top_k = by_count ? KEPT : 0, .top_p = by_count ? 1 : 0.9f};
        GpuSpan token = fixture_empty(DRAWS), logprob = fixture_empty(DRAWS), filtered = fixture_empty(DRAWS);
        sample_tokens(fixture_stream(), token, logprob, filtered, fixture_upload(logits, DRAWS * VOCAB),
                      fixture_words(place, DRAWS), fixture_words(place, DRAWS), &options, DRAWS, VOCAB, VOCAB);
        fixture_run();
        const uint32_t *got   = (const uint32_t *)(const void *)fixture_download(token, DRAWS);
        const float    *after = fixture_download(filtered, DRAWS);
        uint32_t        count = 0;
        double          some  = 0;
        while (by_count ? count < KEPT : some < 0.9 * all) {
            some += exp(sorted[count++]);
        }
        for (int d = 0; d < DRAWS; d++) {
            const double kept = exp(row[got[d]] - (double)after[d]);
            print_message("  draw %d: %.7f of the mass kept, wanted %.7f, which are %u\n", d, kept / all, some / all,
                          count);
            assert_true(row[got[d]] >= sorted[count - 1]);
            assert_true(fabs(kept / some - 1) < 2e-5);
        }
    }
}

/* 20,000 draws from one distribution: chi-square within its 1e-6 quantile. */
static void frequencies(void **state)
{
    (void)state;
    enum { DRAWS = 20000, VOCAB = 8 };
    const double base[VOCAB] = {0, 1, -1, 2, 0.5, -2, 1.5, -30};
    double      *logits = fixture_alloc(DRAWS * VOCAB * sizeof *logits), total = 0, chi = 0;
    uint32_t    *sequence = fixture_alloc(DRAWS * 4), *position = fixture_alloc(DRAWS * 4), seen[VOCAB] = {0};
    for (uint32_t s = 0; s < DRAWS; s++) {
        memcpy(logits + (size_t)s * VOCAB, base, sizeof base);
        sequence[s] = s / 100;
        position[s] = s % 100;
    }
    SampleOptions options = {.temperature = 1, .seed = 99};
    GpuSpan       token = fixture_empty(DRAWS), logprob = fixture_empty(DRAWS);
    sample_tokens(fixture_stream(), token, logprob, (GpuSpan){0}, fixture_upload(logits, DRAWS * VOCAB),
                  fixture_words(sequence, DRAWS), fixture_words(position, DRAWS), &options, DRAWS, VOCAB, VOCAB);
    fixture_run();
    const uint32_t *got = (const uint32_t *)(const void *)fixture_download(token, DRAWS);
    for (uint32_t s = 0; s < DRAWS; s++) {
        assert_true(got[s] < VOCAB);
        seen[got[s]]++;
    }
    for (int j = 0; j < VOCAB; j++) {
        total += exp(base[j]);
    }
    for (int j = 0; j < VOCAB - 1; j++) {
        double expected = DRAWS * exp(base[j]) / total;
        chi += (seen[j] - expected) * (seen[j] - expected) / expected;
    }
    print_message("    chi-square %.2f with 6 degrees of freedom, allowed 38.3\n", chi);
    assert_true(chi < 38.3);
    assert_int_equal(seen[VOCAB - 1], 0); /* e^-30 */
}

/* The same (seed, sequence, position) gives the same token in another slot of another batch. */
static void slot_does_not_matter(void **state)
{
    (void)state;
    enum { VOCAB = 141, N = 64 };
    double  *logits = fixture_doubles(VOCAB * N, 8), *mirrored = fixture_alloc(VOCAB * (N - 1) * sizeof *mirrored);
    uint32_t sequence[N], position[N], sequence2[N], position2[N];
    for (uint32_t s = 0; s < N; s++) {
        sequence[s] = s * s;
        position[s] = s + 3;
    }
    for (uint32_t s = 0; s + 1 < N; s++) { /* slot s of the second batch is slot N - 1 - s of the first */
        memcpy(mirrored + (size_t)s * VOCAB, logits + (size_t)(N - 1 - s) * VOCAB, VOCAB * sizeof *logits);
        sequence2[s] = sequence[N - 1 - s];
        position2[s] = position[N - 1 - s];
    }
    SampleOptions options = {.temperature = 1, .top_p = 0.95f, .seed = 3};
    GpuSpan       token = fixture_empty(N), token2 = fixture_empty(N), logprob = fixture_empty(N),
            logprob2  = fixture_empty(N);
    GpuStream *stream = fixture_stream();
    sample_tokens(stream, token, logprob, (GpuSpan){0}, fixture_upload(logits, VOCAB * N), fixture_words(sequence, N),
                  fixture_words(position, N), &options, N, VOCAB, VOCAB);
    sample_tokens(stream, token2, logprob2, (GpuSpan){0}, fixture_upload(mirrored, VOCAB * (N - 1)),
                  fixture_words(sequence2, N), fixture_words(position2, N), &options, N - 1, VOCAB, VOCAB);
    fixture_run();
    const float *a = fixture_download(token, N), *b = fixture_download(token2, N);
    const float *pa = fixture_download(logprob, N), *pb = fixture_download(logprob2, N);
    for (uint32_t s = 0; s + 1 < N; s++) {
        assert_memory_equal(&a[N - 1 - s], &b[s], 4);
        assert_memory_equal(&pa[N - 1 - s], &pb[s], 4);
    }
}

/* Greedy takes the lowest of equal logits; rows that are broken give something of the vocabulary. */
static void greedy_and_broken_rows(void **state)
{
    (void)state;
    enum { VOCAB = 300, ROWS = 6 };
    double  *logits = fixture_doubles(VOCAB * ROWS, 9), zeros[ROWS] = {0};
    uint32_t want[ROWS] = {57, 0, 299, 11, 200, 0};
    logits[57] = logits[58] = logits[250] = 9; /* ties */
    for (int j = 0; j < VOCAB; j++) {
        logits[VOCAB + j]     = -4;        /* all equal */
        logits[5 * VOCAB + j] = -INFINITY; /* nothing to draw */
    }
    logits[2 * VOCAB + 299] = 1e30;
    logits[3 * VOCAB + 11]  = INFINITY;
    logits[4 * VOCAB + 3]   = (double)NAN;
    logits[4 * VOCAB + 200] = 8;
    GpuSpan glogits = fixture_upload(logits, VOCAB * ROWS), index = fixture_upload(zeros, ROWS);
    for (int greedy = 0; greedy < 2; greedy++) {
        SampleOptions options = {.temperature = greedy ? 0 : 1, .top_k = 7, .top_p = 0.5f};
        GpuSpan       token = fixture_empty(ROWS), logprob = fixture_empty(ROWS);
        sample_tokens(fixture_stream(), token, logprob, (GpuSpan){0}, glogits, index, index, &options, ROWS, VOCAB,
                      VOCAB);
        fixture_run();
        const uint32_t *got = (const uint32_t *)(const void *)fixture_download(token, ROWS);
        const float    *p   = fixture_download(logprob, ROWS);
        for (int r = 0; r < ROWS; r++) {
            assert_true(got[r] < VOCAB);
            if (greedy) {
                assert_int_equal(got[r], want[r]);
            }
        }
        assert_int_equal(got[2], 299);
        assert_int_equal(got[3], 11);
        assert_true(fabs((double)p[1] + log(VOCAB)) < 1e-5);
        assert_true(fabs((double)p[2]) < 1e-6);
        assert_true(isnan(p[5]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(draws_are_from_the_distributions_of_pytorch),
                                       fixture_test(draws_are_the_inverse_cdf),
                                       fixture_test(filters_of_a_large_vocabulary),
                                       fixture_test(frequencies),
                                       fixture_test(slot_does_not_matter),
                                       fixture_test(greedy_and_broken_rows)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
