/* Token sampling: the filtered distributions against PyTorch (tests/data/parity/sampling),
 * the draws against an inverse CDF in float64. */
#include <math.h>
#include <stdio.h>
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

static void filters_match_pytorch(void **state)
{
    (void)state;
    Reference   *data     = reference_open(TEST_DATA "/parity/sampling/sampling.safetensors");
    cJSON       *root     = reference_json(TEST_DATA "/parity/sampling/sampling.json");
    const cJSON *cases    = cJSON_GetObjectItemCaseSensitive(root, "cases"), *item;
    int          filtered = 0;
    cJSON_ArrayForEach(item, cases)
    {
        const char *names[3] = {"logits", "probs", "keep"};
        double     *tensor[3];
        size_t      count = 0;
        for (int i = 0; i < 3; i++) {
            tensor[i] = reference_get(data, cJSON_GetObjectItemCaseSensitive(item, names[i])->valuestring, &count);
        }
        uint32_t slots =
            (uint32_t)reference_dim(data, cJSON_GetObjectItemCaseSensitive(item, "logits")->valuestring, 0);
        uint32_t      vocab       = (uint32_t)(count / slots);
        SampleOptions options     = case_options(item);
        GpuSpan       probability = fixture_empty(count), keep = fixture_empty(count);
        sample_probabilities(fixture_stream(), probability, keep, fixture_upload(tensor[0], count), &options, slots,
                             vocab);
        fixture_run();
        const uint32_t *kept = (const uint32_t *)(const void *)fixture_download(keep, count);
        char            name[120];
        snprintf(name, sizeof name, "%s T %g k %u p %g min %g",
                 cJSON_GetObjectItemCaseSensitive(item, "probs")->valuestring, (double)options.temperature,
                 options.top_k, (double)options.top_p, (double)options.min_p);
        for (size_t i = 0; i < count; i++) {
            if (kept[i] != (uint32_t)tensor[2][i]) {
                fail_msg("%s: token %zu of slot %zu is %s", name, i % vocab, i / vocab, kept[i] ? "kept" : "dropped");
            }
            filtered += kept[i] == 0;
        }
        reference_check(name, fixture_download(probability, count), tensor[1], count, 2e-5);
    }
    assert_true(filtered > 1000);
    cJSON_Delete(root);
    reference_close(data);
}

/* Distribution of one slot, as the device says it is, and its running sum in float64. */
typedef struct Draw {
    uint32_t token;
    double   margin; /* distance of the random number from the nearest cut between tokens */
} Draw;

static Draw inverse_cdf(const float *probability, uint32_t vocab, double u)
{
    double total = 0, below = 0;
    Draw   draw = {vocab, 1};
    for (uint32_t j = 0; j < vocab; j++) {
        total += (double)probability[j];
    }
    for (uint32_t j = 0; j < vocab; j++) {
        below += (double)probability[j] / total;
        draw.margin = fmin(draw.margin, fabs(below - u));
        if (draw.token == vocab && below > u) {
            draw.token = j;
        }
    }
    return draw;
}

enum { SLOTS = 200 };

static void check_draws(uint32_t vocab, SampleOptions options, double scale)
{
    size_t    count    = (size_t)SLOTS * vocab;
    double   *logits   = fixture_doubles(count, vocab);
    uint32_t *sequence = fixture_alloc(SLOTS * sizeof *sequence), *position = fixture_alloc(SLOTS * sizeof *position);
    for (size_t i = 0; i < count; i++) {
        logits[i] = (double)(float)(scale * logits[i]);
    }
    for (uint32_t s = 0; s < SLOTS; s++) {
        sequence[s] = 1000 + s / 3;
        position[s] = 17 * s % 5;
    }
    GpuSpan    token = fixture_empty(SLOTS), logprob = fixture_empty(SLOTS), filtered = fixture_empty(SLOTS);
    GpuSpan    probability = fixture_empty(count), keep = fixture_empty(count), glogits = fixture_upload(logits, count);
    GpuSpan    gsequence = fixture_words(sequence, SLOTS), gposition = fixture_words(position, SLOTS);
    GpuStream *stream = fixture_stream();
    sample_tokens(stream, token, logprob, filtered, glogits, gsequence, gposition, &options, SLOTS, vocab);
    sample_probabilities(stream, probability, keep, glogits, &options, SLOTS, vocab);
    fixture_run();
    const uint32_t *got  = (const uint32_t *)(const void *)fixture_download(token, SLOTS);
    const float    *p    = fixture_download(probability, count);
    double         *want = fixture_alloc(SLOTS * sizeof *want), *want_filtered = fixture_alloc(SLOTS * sizeof *want);
    int             too_close = 0;
    for (uint32_t s = 0; s < SLOTS; s++) {
        Random random = random_stream(options.seed, RANDOM_SAMPLE, sequence[s], position[s]);
        Draw   draw   = inverse_cdf(p + (size_t)s * vocab, vocab, random_uniform(&random));
        assert_true(got[s] < vocab);
        if (draw.margin > 1e-5) {
            assert_int_equal(got[s], draw.token);
        } else {
            too_close++;
        }
        double lse = 0, t = (double)options.temperature, at = logits[(size_t)s * vocab + got[s]] / t;
        for (uint32_t j = 0; j < vocab; j++) {
            lse += exp(logits[(size_t)s * vocab + j] / t - at);
        }
        want[s]          = -log(lse);
        want_filtered[s] = log((double)p[(size_t)s * vocab + got[s]]);
    }
    print_message("  vocab %u, T %g, k %u, p %g, min %g: %d of %d draws too close to a cut to tell\n", vocab,
                  (double)options.temperature, options.top_k, (double)options.top_p, (double)options.min_p, too_close,
                  SLOTS);
    assert_true(too_close < SLOTS / 4);
    reference_check("logprob before the filters", fixture_download(logprob, SLOTS), want, SLOTS, 2e-5);
    reference_check("logprob after the filters", fixture_download(filtered, SLOTS), want_filtered, SLOTS, 2e-5);
}

static void draws_are_the_inverse_cdf(void **state)
{
    (void)state;
    check_draws(141, (SampleOptions){.temperature = 1, .seed = 5}, 2);
    check_draws(141, (SampleOptions){.temperature = 0.6f, .top_p = 0.9f, .seed = 0x123456789abcdefull}, 2);
    check_draws(3001, (SampleOptions){.temperature = 1, .top_k = 20, .min_p = 0.01f, .seed = 6}, 2);
    check_draws(3001, (SampleOptions){.temperature = 1.3f, .seed = 7}, 4);
    check_draws(2, (SampleOptions){.temperature = 1, .seed = 8}, 1);
}

static int largest_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Of as many tokens as Qwen has: the k largest are kept, or as few of the largest as reach p. */
static void filters_of_a_large_vocabulary(void **state)
{
    (void)state;
    enum { VOCAB = 151936, KEPT = 50 };
    double *logits = fixture_doubles(VOCAB, 77), *sorted = fixture_alloc(VOCAB * sizeof *sorted), all = 0, some = 0;
    memcpy(sorted, logits, VOCAB * sizeof *sorted);
    qsort(sorted, VOCAB, sizeof *sorted, largest_first);
    for (int i = 0; i < VOCAB; i++) {
        all += exp(sorted[i]);
    }
    for (int by_count = 0; by_count < 2; by_count++) {
        const SampleOptions options = {.temperature = 1, .top_k = by_count ? KEPT : 0, .top_p = by_count ? 1 : 0.9f};
        GpuSpan             probability = fixture_empty(VOCAB), keep = fixture_empty(VOCAB);
        sample_probabilities(fixture_stream(), probability, keep, fixture_upload(logits, VOCAB), &options, 1, VOCAB);
        fixture_run();
        const uint32_t *kept  = (const uint32_t *)(const void *)fixture_download(keep, VOCAB);
        uint32_t        count = 0;
        some                  = 0;
        for (uint32_t j = 0; j < VOCAB; j++) {
            count += kept[j];
            some += kept[j] ? exp(logits[j]) : 0;
        }
        print_message("  %u kept, %.6f of the mass\n", count, some / all);
        for (uint32_t j = 0; j < VOCAB; j++) {
            assert_int_equal(kept[j], logits[j] >= sorted[count - 1]);
        }
        if (by_count) {
            assert_int_equal(count, KEPT);
        } else {
            assert_true(fabs(some / all - 0.9) < 1e-4);
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
                  fixture_words(sequence, DRAWS), fixture_words(position, DRAWS), &options, DRAWS, VOCAB);
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
                  fixture_words(position, N), &options, N, VOCAB);
    sample_tokens(stream, token2, logprob2, (GpuSpan){0}, fixture_upload(mirrored, VOCAB * (N - 1)),
                  fixture_words(sequence2, N), fixture_words(position2, N), &options, N - 1, VOCAB);
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
        sample_tokens(fixture_stream(), token, logprob, (GpuSpan){0}, glogits, index, index, &options, ROWS, VOCAB);
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
    const struct CMUnitTest tests[] = {
        fixture_test(filters_match_pytorch),         fixture_test(draws_are_the_inverse_cdf),
        fixture_test(filters_of_a_large_vocabulary), fixture_test(frequencies),
        fixture_test(slot_does_not_matter),          fixture_test(greedy_and_broken_rows)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
