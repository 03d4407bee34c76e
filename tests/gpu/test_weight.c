/* Products with frozen weights in every format, and look-ups in them, against float64 arithmetic on the values that
 * the host says the weight has: odd sizes, strides, epilogues, with the panel of CPU devices and without. */
#include <stdio.h>
#include <string.h>

#include "engine/ops/weight_parts.h"
#include "tests/support/dequantize.h"
#include "tests/support/gpu_fixture.h"

typedef struct Case {
    uint32_t m, rows, columns; /* of the batch, of the weight */
    uint32_t pad;              /* added to the strides of A and C */
    bool     bias, add, accumulate, workspace;
} Case;

/* A weight of random numbers; its exact values in *values [rows, columns]. */
static Weight random_weight(WeightFormat format, uint32_t rows, uint32_t columns, double **values)
{
    const size_t count = (size_t)rows * columns;
    double      *drawn = fixture_doubles(count, 2);
    float       *f32   = fixture_alloc(count * sizeof *f32);
    for (size_t i = 0; i < count; i++) {
        f32[i] = (float)drawn[i];
    }
    const size_t words  = (size_t)rows * weight_row_words(format, columns),
                 scales = (size_t)rows * weight_row_scales(format, columns);
    uint32_t *data = fixture_alloc(words * 4), *scale_words = fixture_alloc((scales + 1) * 4);
    quantize_rows(format, f32, rows, columns, data, scale_words);
    dequantize_rows(format, data, scale_words, rows, columns, f32);
    *values = fixture_alloc(count * sizeof **values);
    for (size_t i = 0; i < count; i++) {
        (*values)[i] = f32[i];
    }
    return (Weight){format,
                    rows,
                    columns,
                    fixture_words(data, words),
                    scales > 0 ? fixture_words(scale_words, scales) : (GpuSpan){0},
                    COMPUTE_F32};
}

/* Rounds to a 16-bit type, by the host's conversion. */
static void round_doubles(double *values, size_t count, ComputeType compute)
{
    const WeightFormat format = compute == COMPUTE_BF16 ? WEIGHT_BF16 : WEIGHT_F16;
    uint32_t           words[4];
    for (size_t i = 0; i < count && compute != COMPUTE_F32; i++) {
        float x = (float)values[i];
        quantize_rows(format, &x, 1, 1, words, NULL);
        dequantize_rows(format, words, NULL, 1, 1, &x);
        values[i] = (double)x;
    }
}

static GpuSpan upload_halves(const double *values, size_t count, ComputeType compute)
{
    uint32_t *words  = fixture_alloc((count / 8 + 1) * 16);
    float    *floats = fixture_alloc(count * sizeof *floats);
    for (size_t i = 0; i < count; i++) {
        floats[i] = (float)values[i];
    }
    quantize_rows(compute == COMPUTE_BF16 ? WEIGHT_BF16 : WEIGHT_F16, floats, 1, (uint32_t)count, words, NULL);
    return fixture_words(words, (count + 1) / 2);
}

/* The kernel that all products of a test take; NULL: the device's choice. */
static const MatmulVariant *forced;

static void check(WeightFormat format, MatmulLayout layout, const Case *t, ComputeType compute)
{
    const bool     nt = layout == MATMUL_NT;
    const uint32_t n = nt ? t->rows : t->columns, k = nt ? t->columns : t->rows, lda = k + t->pad, ldc = n + t->pad;
    const size_t   c_size = (size_t)t->m * ldc;
    double        *values, *a = fixture_doubles((size_t)t->m * lda, 1), *before = fixture_doubles(c_size, 3);
    double        *add = fixture_doubles(c_size, 4), *bias = fixture_doubles(n, 5),
           *want         = fixture_alloc(c_size * sizeof *want);
    Weight        weight = random_weight(format, t->rows, t->columns, &values);
    const bool    halves = compute != COMPUTE_F32 && t->m % 2 == 1;
    const GpuSpan a_span =
        halves ? upload_halves(a, (size_t)t->m * lda, compute) : fixture_upload(a, (size_t)t->m * lda);
    weight.compute = compute;
    round_doubles(values, (size_t)t->rows * t->columns, compute);
    round_doubles(a, (size_t)t->m * lda, compute);
    for (uint32_t i = 0; i < t->m; i++) {
        for (uint32_t j = 0; j < ldc; j++) {
            const size_t at = (size_t)i * ldc + j;
            want[at]        = j >= n ? before[at]
                                     : (t->accumulate ? before[at] : 0) + (t->add ? add[at] : 0) + (t->bias ? bias[j] : 0);
            for (uint32_t x = 0; j < n && x < k; x++) {
                want[at] += a[(size_t)i * lda + x] * values[nt ? (size_t)j * k + x : (size_t)x * n + j];
            }
        }
    }
    GpuStream *stream    = fixture_stream();
    Matmul     p         = {.layout     = layout,
                            .c          = fixture_upload(before, c_size),
                            .a          = a_span,
                            .a_halves   = halves,
                            .variant    = forced,
                            .accumulate = t->accumulate,
                            .m          = t->m,
                            .n          = n,
                            .k          = k,
                            .lda        = t->pad ? lda : 0,
                            .ldc        = t->pad ? ldc : 0};
    p.bias               = t->bias ? fixture_upload(bias, n) : p.bias;
    p.add                = t->add ? fixture_upload(add, c_size) : p.add;
    const uint64_t bytes = weight_workspace_as(stream, compute, t->m, t->rows, t->columns);
    p.workspace          = t->workspace && bytes > 0 ? fixture_empty(bytes / 4) : p.workspace;
    const GpuSpan once = p.c, again = fixture_upload(before, c_size);
    weight_matmul(stream, &p, &weight);
    p.c = again;
    weight_matmul(stream, &p, &weight);
    fixture_run();
    char name[200];
    snprintf(name, sizeof name, "%s in %s%s%s, layout %d, m %u, weight %u x %u, pad %u%s%s%s%s",
             weight_format_name(format), compute_type_name(compute), forced != NULL ? " on matrix units" : "",
             halves ? ", A halves" : "", (int)layout, t->m, t->rows, t->columns, t->pad, t->bias ? " bias" : "",
             t->add ? " add" : "", t->accumulate ? " accumulate" : "", p.workspace.buffer != NULL ? " workspace" : "");
    fixture_check(name, once, want, c_size, k > 4096 ? 2e-5 : 3e-6);
    fixture_check_same(name, again, fixture_download(once, c_size), c_size);
}

static const Case cases[] = {
    {.m = 1, .rows = 1, .columns = 1},
    {.m = 1, .rows = 37, .columns = 70, .bias = true},
    {.m = 3, .rows = 64, .columns = 64, .add = true},
    {.m = 7, .rows = 130, .columns = 33, .pad = 5, .bias = true, .add = true},
    {.m = 8, .rows = 257, .columns = 96, .accumulate = true, .workspace = true},
    {.m = 13, .rows = 17, .columns = 9, .bias = true, .add = true, .accumulate = true},
    {.m = 50, .rows = 40, .columns = 100, .pad = 8, .add = true, .workspace = true},
    {.m = 65, .rows = 63, .columns = 66, .pad = 1, .bias = true, .accumulate = true, .workspace = true},
    {.m = 77, .rows = 192, .columns = 96, .bias = true, .workspace = true},
    {.m = 131, .rows = 96, .columns = 288, .accumulate = true, .workspace = true},
    {.m = 33, .rows = 515, .columns = 32, .workspace = true},
    {.m = 20, .rows = 516, .columns = 990, .bias = true, .add = true, .workspace = true}, /* panels */
    {.m = 20, .rows = 516, .columns = 990},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
            for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
                gpu_fixture_reset(NULL);
                check(format, layout, &cases[i], COMPUTE_F32);
                if (i % 2 == 1) {
                    gpu_fixture_reset(NULL);
                    check(format, layout, &cases[i], i % 4 == 1 ? COMPUTE_BF16 : COMPUTE_F16);
                }
            }
        }
    }
}

/* More turns of a loop than lavapipe makes (engine/ops/ops.h). */
static void long_rows_and_columns(void **state)
{
    (void)state;
    if (gpu_info(gpu_stream_gpu(fixture_stream()))->max_binding_bytes < 8 * 41000 * 4) {
        skip(); /* a few rows have to fit a binding */
    }
    check(WEIGHT_INT8, MATMUL_NT, &(Case){.m = 3, .rows = 9, .columns = 41000, .bias = true, .accumulate = true},
          COMPUTE_F32);
    gpu_fixture_reset(NULL);
    check(WEIGHT_INT8, MATMUL_NN, &(Case){.m = 3, .rows = 41000, .columns = 9, .bias = true, .add = true}, COMPUTE_F32);
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
        const Weight   weight    = random_weight((WeightFormat)(i % WEIGHT_FORMATS), rows, columns, &values);
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

/* The products of one kernel on matrix units: every case, format and layout; and of an int8 and an int4 weight no row's
 * bits depend on how many there are. */
static void check_matrix_units(const MatmulVariant *variant)
{
    forced = variant;
    for (size_t i = 0; i < CASES; i++) {
        for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
            for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
                gpu_fixture_reset(NULL);
                check(format, layout, &cases[i], variant->compute);
            }
        }
    }
    forced = NULL;
}

/* The first rows of 45 have the same bits whichever tiles take them, and among fewer. */
static void tiles_and_rows_do_not_show(const MatmulVariant *const *variants, int count)
{
    enum { MANY = 45, FEW = 9, ROWS = 68, COLUMNS = 1100 };
    for (WeightFormat format = WEIGHT_INT8; format <= WEIGHT_INT4; format++) {
        for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
            const bool     nt = layout == MATMUL_NT;
            const uint32_t n = nt ? ROWS : COLUMNS, k = nt ? COLUMNS : ROWS;
            gpu_fixture_reset(NULL);
            double       *values;
            Weight        weight = random_weight(format, ROWS, COLUMNS, &values);
            const GpuSpan a      = fixture_upload(fixture_doubles((size_t)MANY * k, 1), (size_t)MANY * k);
            const float  *first  = NULL;
            weight.compute       = variants[0]->compute;
            for (int i = 0; i < 2 * count; i++) {
                const uint32_t m = i % 2 == 0 ? MANY : FEW;
                const Matmul   p = {.layout  = layout,
                                    .c       = fixture_empty((size_t)m * n),
                                    .a       = a,
                                    .m       = m,
                                    .n       = n,
                                    .k       = k,
                                    .variant = variants[i / 2]};
                weight_matmul(fixture_stream(), &p, &weight);
                fixture_run();
                if (first == NULL) {
                    first = fixture_download(p.c, (size_t)MANY * n);
                } else {
                    fixture_check_same(weight_format_name(format), p.c, first, (size_t)m * n);
                }
            }
        }
    }
}

/* Many rows with the weight dequantized before the product, in one part and in several: the bits of a product that
 * dequantizes it in its tiles. */
static void dequantized_once_is_same(const MatmulVariant *variant)
{
    enum { M = 1030, ROWS = 300, COLUMNS = 150, TILE = 128 };
    const ComputeType compute = variant->compute;
    for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
        for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
            const bool     nt = layout == MATMUL_NT;
            const uint32_t n = nt ? ROWS : COLUMNS, k = nt ? COLUMNS : ROWS;
            if (format == (compute == COMPUTE_BF16 ? WEIGHT_BF16 : WEIGHT_F16)) {
                continue; /* read as it is */
            }
            gpu_fixture_reset(NULL);
            double        *values;
            Weight         weight = random_weight(format, ROWS, COLUMNS, &values);
            const uint64_t all = weight_halves_bytes(layout, n, k), tile = weight_halves_bytes(layout, TILE, k);
            const uint64_t sizes[] = {0, all, tile};
            const GpuSpan  add     = fixture_upload(fixture_doubles((size_t)M * n, 4), (size_t)M * n);
            GpuStream     *stream  = fixture_stream();
            GpuSpan        c[3], spaces[3];
            weight.compute = compute;
            assert_true(tile < all);
            for (int i = 0; i < 3; i++) {
                Matmul p    = {.layout  = layout,
                               .c       = fixture_empty((size_t)M * n),
                               .a       = fixture_upload(fixture_doubles((size_t)M * k, 1), (size_t)M * k),
                               .add     = add,
                               .bias    = fixture_upload(fixture_doubles(n, 5), n),
                               .m       = M,
                               .n       = n,
                               .k       = k,
                               .variant = variant};
                p.workspace = spaces[i] = sizes[i] > 0 ? fixture_empty(sizes[i] / 4) : p.workspace;
                c[i]                    = p.c;
                weight_matmul(stream, &p, &weight);
            }
            fixture_run();
            for (int i = 1; i < 3; i++) {
                fixture_check_same(weight_format_name(format), c[i], fixture_download(c[0], (size_t)M * n),
                                   (size_t)M * n);
                uint32_t first;
                memcpy(&first, fixture_download(spaces[i], 1), sizeof first);
                assert_int_not_equal(first, 0x7FC00000); /* there lies the weight */
            }
        }
    }
}

static void on_matrix_units(void **state)
{
    (void)state;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    bool          ran   = false;
    for (ComputeType compute = COMPUTE_BF16; compute <= COMPUTE_F16; compute++) {
        const MatmulVariant *able[MATMUL_VARIANTS];
        int                  ables = 0;
        for (int i = 0; i < count; i++) {
            if (list[i].kernel == KERNEL_COOPMAT && list[i].compute == compute) {
                if (list[i].lacks[0] == '\0') {
                    able[ables++] = &list[i];
                } else {
                    print_message("without %s: %s\n", list[i].kernel_name, list[i].lacks);
                }
            }
        }
        if (ables > 0) {
            check_matrix_units(able[ables - 1]); /* the smallest tiles, which compile soonest */
            tiles_and_rows_do_not_show(able, ables);
            dequantized_once_is_same(able[ables - 1]);
            ran = true;
        }
    }
    if (!ran) {
        skip();
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
        const Weight   weight  = random_weight((WeightFormat)(i % WEIGHT_FORMATS), n, k, &values);
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
            const Weight weight = random_weight(format, VOCAB, width, &values);
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
    const Weight weight   = random_weight(WEIGHT_INT4, 8, 8, &values);
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
                                       fixture_test(on_matrix_units),
                                       fixture_test(looks_up),
                                       fixture_test(refuses)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
