/* Dropout: the masks are those of engine/random.c, whatever the shape and the pieces; the backward adds through the
 * same ones. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/gpu_fixture.h"

#include "engine/io/quantize.h"
#include "engine/ops/dropout.h"
#include "engine/random.h"

/* What is kept of element i. */
static bool kept(const DropoutMask *mask, uint64_t i)
{
    Random   random = random_stream(mask->seed, RANDOM_DROPOUT, mask->step, mask->row);
    uint32_t words[4];
    random.counter[0] = (uint32_t)(i / 4);
    philox4x32(words, random.counter, random.key);
    return (float)(words[i % 4] >> 8) * 0x1p-24f >= mask->rate;
}

static void check(uint32_t tokens, uint32_t width, DropoutMask mask)
{
    const size_t count = (size_t)tokens * width;
    double      *x = fixture_alloc(count * sizeof *x), *dx = fixture_alloc(count * sizeof *dx);
    size_t       dropped = 0;
    for (size_t i = 0; i < count; i++) {
        x[i]  = (double)(i % 97) - 40.25;
        dx[i] = (double)(i % 13);
    }
    const GpuSpan x_span = fixture_upload(x, count), y_span = fixture_upload(dx, count),
                  dx_span = fixture_upload(dx, count);
    GpuStream *stream     = fixture_stream();
    dropout_forward(stream, y_span, typed_f32(x_span), tokens, width, &mask);
    dropout_backward(stream, dx_span, x_span, tokens, width, &mask);
    fixture_run();
    const float *y = fixture_download(y_span, count), *sum = fixture_download(dx_span, count);
    for (size_t i = 0; i < count; i++) {
        const bool   stays = kept(&mask, i);
        const double want  = stays ? x[i] / (1.0 - (double)mask.rate) : 0.0;
        if (fabs((double)y[i] - want) > 1e-6 * fabs(want) ||
            fabs((double)sum[i] - dx[i] - want) > 1e-5 * (1.0 + fabs(want))) {
            fail_msg("%u x %u, element %zu: %g and %g, wanted %g and %g", tokens, width, i, (double)y[i],
                     (double)sum[i], want, dx[i] + want);
        }
        dropped += !stays;
    }
    const double share  = (double)dropped / (double)count,
                 spread = sqrt((double)mask.rate * (1.0 - (double)mask.rate) / (double)count);
    assert_true(fabs(share - (double)mask.rate) <= 5.0 * spread);
}

/* Of halves it makes what it makes of the same numbers as floats. */
static void takes_halves(void **state)
{
    (void)state;
    enum { TOKENS = 9, WIDTH = 20, COUNT = TOKENS * WIDTH };
    const DropoutMask mask = {.rate = 0.3f, .seed = 3, .step = 1, .row = 2};
    for (ComputeType type = COMPUTE_BF16; type <= COMPUTE_F16; type++) {
        double   values[COUNT];
        float    floats[COUNT];
        uint32_t words[COUNT / 2 + 4];
        for (int i = 0; i < COUNT; i++) {
            values[i] = i / 8.0 - 3; /* which both types have */
            floats[i] = (float)values[i];
        }
        quantize_rows(type == COMPUTE_BF16 ? WEIGHT_BF16 : WEIGHT_F16, floats, 1, COUNT, words, NULL);
        const GpuSpan   y = fixture_empty(COUNT), same = fixture_empty(COUNT), x = fixture_upload(values, COUNT);
        const TypedSpan halves = {fixture_words(words, COUNT / 2), type};
        GpuStream      *stream = fixture_stream();
        dropout_forward(stream, y, typed_f32(x), TOKENS, WIDTH, &mask);
        dropout_forward(stream, same, halves, TOKENS, WIDTH, &mask);
        fixture_run();
        fixture_check_same(compute_type_name(type), same, fixture_download(y, COUNT), COUNT);
    }
}

static void masks_are_those_of_the_host(void **state)
{
    (void)state;
    const DropoutMask mask = {.rate = 0.3f, .seed = 0x123456789abcdefull, .step = 7, .row = 5u << 13 | 12};
    check(33, 64, mask);
    check(129, 28, mask);
    check(57, 35, mask); /* not in fours: the same masks, element by element */
    check(1, 1, mask);
    check(40, 48, (DropoutMask){.rate = 0.9f, .seed = 1});
    check(10, 12, (DropoutMask){.rate = 0.0f, .seed = 1});
}

/* Steps, rows and seeds have masks of their own. */
static void masks_differ(void **state)
{
    (void)state;
    enum { TOKENS = 16, WIDTH = 64, COUNT = TOKENS * WIDTH };
    static const DropoutMask masks[] = {
        {.rate = 0.5f, .seed = 1, .step = 1, .row = 1},
        {.rate = 0.5f, .seed = 1, .step = 2, .row = 1},
        {.rate = 0.5f, .seed = 1, .step = 1, .row = 2},
        {.rate = 0.5f, .seed = 2, .step = 1, .row = 1},
        {.rate = 0.5f, .seed = 1ull << 32 | 1, .step = 1, .row = 1},
    };
    enum { MASKS = sizeof masks / sizeof *masks };
    double      *ones = fixture_alloc(COUNT * sizeof *ones);
    const float *got[MASKS];
    for (size_t i = 0; i < COUNT; i++) {
        ones[i] = 1.0;
    }
    for (size_t m = 0; m < MASKS; m++) {
        const GpuSpan y = fixture_upload(ones, COUNT);
        dropout_forward(fixture_stream(), y, typed_f32(y), TOKENS, WIDTH, &masks[m]); /* in place */
        fixture_run();
        got[m] = fixture_download(y, COUNT);
    }
    for (size_t m = 0; m < MASKS; m++) {
        for (size_t n = 0; n < m; n++) {
            size_t same = 0;
            for (size_t i = 0; i < COUNT; i++) {
                same += got[m][i] == got[n][i];
            }
            assert_true(same > COUNT * 4 / 10 && same < COUNT * 6 / 10);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(masks_are_those_of_the_host),
        fixture_test(masks_differ),
        fixture_test(takes_halves),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
