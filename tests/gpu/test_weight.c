/* Products with frozen weights in every format, and look-ups in them, against float64 arithmetic on the values that
 * the host says the weight has: odd sizes, strides, epilogues, with the panel of CPU devices and without. */
#include <stdio.h>
#include <string.h>

#include "tests/support/weight_fixture.h"

static void every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < WEIGHT_CASES; i++) {
        for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
            for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
                gpu_fixture_reset(NULL);
                fixture_check_weight(format, layout, &weight_cases[i], COMPUTE_F32, NULL);
                if (i % 2 == 1) {
                    gpu_fixture_reset(NULL);
                    fixture_check_weight(format, layout, &weight_cases[i], i % 4 == 1 ? COMPUTE_BF16 : COMPUTE_F16,
                                         NULL);
                }
            }
        }
    }
}

/* More turns of a loop than lavapipe makes (engine/ops/ops.h). */
static void long_rows_and_columns(void **state)
{
    (void)state;
    if (gpu_info(fixture_gpu())->max_binding_bytes < 8 * 41000 * 4) {
        skip(); /* a few rows have to fit a binding */
    }
    fixture_check_weight(WEIGHT_INT8, MATMUL_NT,
                         &(WeightCase){.m = 3, .rows = 9, .columns = 41000, .bias = true, .accumulate = true},
                         COMPUTE_F32, NULL);
    gpu_fixture_reset(NULL);
    fixture_check_weight(WEIGHT_INT8, MATMUL_NN,
                         &(WeightCase){.m = 3, .rows = 41000, .columns = 9, .bias = true, .add = true}, COMPUTE_F32,
                         NULL);
}

/* A row's bits do not depend on the rows beside it, nor on whether the weight was packed before. */
static void rows_do_not_meet(void **state)
{
    static const uint32_t sizes[][2] = {{200, 128}, {36, 44}, {84, 1000}}; /* rows, columns */
    static const uint32_t batches[]  = {40, 20, 13, 5, 2, 1};
    enum { BATCHES = sizeof batches / sizeof batches[0] };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * WEIGHT_FORMATS; i++) {
        gpu_fixture_reset(NULL);
        const uint32_t rows = sizes[i / WEIGHT_FORMATS][0], columns = sizes[i / WEIGHT_FORMATS][1];
        double        *values, *a                                   = fixture_doubles((size_t)batches[0] * columns, 1);
        const Weight   weight    = fixture_weight((WeightFormat)(i % WEIGHT_FORMATS), rows, columns, &values);
        GpuStream     *stream    = fixture_stream();
        const uint64_t workspace = weight_workspace_as(stream, COMPUTE_F32, batches[0], rows, columns),
                       panels    = weight_panel_bytes(stream, &weight);
        const GpuSpan packed     = panels > 0 ? fixture_empty(panels / 4) : (GpuSpan){0};
        Matmul        p          = {.layout = MATMUL_NT, .n = rows, .k = columns};
        GpuSpan       c[2][BATCHES];
        p.workspace = workspace > 0 ? fixture_empty(workspace / 4) : p.workspace;
        if (panels > 0) {
            weight_pack(stream, packed, &weight);
        }
        for (int from = 0; from < 2; from++) { /* without panels, with them if the device has them */
            p.panels = from == 1 ? packed : p.panels;
            for (int b = 0; b < BATCHES; b++) {
                p.m = batches[b];
                p.a = fixture_upload(a, (size_t)p.m * columns);
                p.c = c[from][b] = fixture_empty((size_t)p.m * rows);
                weight_matmul(stream, &p, &weight);
            }
        }
        fixture_run();
        for (int b = 0; b < 2 * BATCHES; b++) {
            const size_t count = (size_t)batches[b % BATCHES] * rows;
            char         name[100];
            snprintf(name, sizeof name, "%s, %u rows of 40, weight %u x %u%s", weight_format_name(weight.format),
                     batches[b % BATCHES], rows, columns, b >= BATCHES && panels > 0 ? ", panels" : "");
            fixture_check_same(name, c[0][0], fixture_download(c[b / BATCHES][b % BATCHES], count), count);
        }
    }
}

/* The kernel for few rows, which GPUs have: every format, number of rows and epilogue against float64, and no row's
 * bits depend on how many there are. */
static void few_rows(void **state)
{
    static const uint32_t sizes[][2] = {{1, 4}, {37, 100}, {64, 1000}, {258, 64}}; /* rows, columns of the weight */
    enum { MOST = MATMUL_FEW_ROWS, PAD = 4 };
    (void)state;
    GpuType *type = (GpuType *)(uintptr_t)&gpu_info(fixture_gpu())->type, real = *type; /* pretended for this test */
    *type = GPU_DISCRETE;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * WEIGHT_FORMATS; i++) {
        gpu_fixture_reset(NULL);
        const uint32_t n = sizes[i / WEIGHT_FORMATS][0], k = sizes[i / WEIGHT_FORMATS][1], lda = k + PAD, ldc = n + PAD;
        double        *values, *a = fixture_doubles(MOST * lda, 1), *before = fixture_doubles(MOST * ldc, 3);
        double        *add = fixture_doubles(MOST * ldc, 4), *bias = fixture_doubles(n, 5);
        double        *want[2] = {fixture_alloc(MOST * ldc * sizeof **want), fixture_alloc(MOST * ldc * sizeof **want)};
        const Weight   weight  = fixture_weight((WeightFormat)(i % WEIGHT_FORMATS), n, k, &values);
        for (uint32_t at = 0; at < MOST * ldc; at++) {
            const uint32_t row = at / ldc, column = at % ldc;
            want[0][at] = want[1][at] = before[at];
            for (uint32_t x = 0; column < n && x < k; x++) {
                want[0][at] = (x > 0 ? want[0][at] : 0) + a[row * lda + x] * values[(size_t)column * k + x];
            }
            want[1][at] += column < n ? want[0][at] + add[at] + bias[column] : 0;
        }
        GpuStream *stream = fixture_stream();
        GpuSpan    c[2][MOST + 1];
        for (int all = 0; all < 2; all++) { /* without and with every epilogue */
            for (uint32_t m = 1; m <= MOST; m++) {
                Matmul p = {.layout     = MATMUL_NT,
                            .a          = fixture_upload(a, (size_t)m * lda),
                            .few_rows   = true,
                            .accumulate = all == 1,
                            .m          = m,
                            .n          = n,
                            .k          = k,
                            .lda        = lda,
                            .ldc        = ldc};
                p.c = c[all][m] = fixture_upload(before, (size_t)m * ldc);
                p.add           = all == 1 ? fixture_upload(add, (size_t)m * ldc) : p.add;
                p.bias          = all == 1 ? fixture_upload(bias, n) : p.bias;
                assert_true(matmul_takes_few(stream, &p));
                weight_matmul(stream, &p, &weight);
            }
        }
        fixture_run();
        for (int all = 0; all < 2; all++) {
            char name[100];
            snprintf(name, sizeof name, "few rows, %s, weight %u x %u%s", weight_format_name(weight.format), n, k,
                     all == 1 ? ", all epilogues" : "");
            fixture_check(name, c[all][MOST], want[all], MOST * ldc, 3e-6);
            for (uint32_t m = 1; m < MOST; m++) {
                fixture_check_same(name, c[all][MOST], fixture_download(c[all][m], (size_t)m * ldc), (size_t)m * ldc);
            }
        }
    }
    *type = real;
}

static void looks_up(void **state)
{
    (void)state;
    const int32_t ids[] = {0, 56, 7, 7, 31, 55, 1};
    enum { VOCAB = 57, TOKENS = sizeof ids / sizeof ids[0] };
    for (uint32_t width = 1; width < 110; width += 36) {
        for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
            gpu_fixture_reset(NULL);
            double      *values, *want = fixture_alloc((size_t)TOKENS * width * sizeof *want);
            const Weight weight = fixture_weight(format, VOCAB, width, &values);
            for (uint32_t i = 0; i < TOKENS * width; i++) {
                want[i] = values[(size_t)ids[i / width] * width + i % width];
            }
            GpuSpan y = fixture_empty((size_t)TOKENS * width);
            weight_embedding(fixture_stream(), y, &weight, fixture_words(ids, TOKENS), TOKENS);
            fixture_run();
            fixture_check(weight_format_name(format), y, want, (size_t)TOKENS * width, 0); /* to the bit */
        }
    }
}

/* Shapes that are not the weight's, and weight gradients, are errors of the stream. */
static void refuses(void **state)
{
    (void)state;
    double      *values;
    const Weight weight   = fixture_weight(WEIGHT_INT4, 8, 8, &values);
    const Matmul wrong[2] = {{.layout = MATMUL_TN, .m = 8, .n = 8, .k = 8},
                             {.layout = MATMUL_NT, .m = 8, .n = 9, .k = 8}};
    for (int i = 0; i < 2; i++) {
        Error      error  = {0};
        GpuStream *stream = gpu_stream_new(fixture_gpu(), &error);
        Matmul     p      = wrong[i];
        p.a = p.c = fixture_zeros(128);
        gpu_stream_begin(stream);
        weight_matmul(stream, &p, &weight);
        assert_int_equal(gpu_stream_run(stream, &error), STATUS_FAILED);
        gpu_stream_free(stream);
    }
    fixture_run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(long_rows_and_columns),
                                       fixture_test(every_format),
                                       fixture_test(rows_do_not_meet),
                                       fixture_test(few_rows),
                                       fixture_test(looks_up),
                                       fixture_test(refuses)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
