/* Matrix products of every layout, odd sizes, strides and epilogues, against float64. */
#include <stdio.h>

#include "engine/ops/matmul.h"
#include "tests/support/gpu_fixture.h"

typedef struct Case {
    uint32_t m, n, k;
    uint32_t pad; /* added to every row stride */
    bool     bias, add, accumulate, workspace;
} Case;

static void product(MatmulLayout layout, const Case *t, const double *a, const double *b, double *c, uint32_t lda,
                    uint32_t ldb, uint32_t ldc)
{
    for (uint32_t i = 0; i < t->m; i++) {
        for (uint32_t j = 0; j < t->n; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < t->k; k++) {
                sum += (layout == MATMUL_TN ? a[(size_t)k * lda + i] : a[(size_t)i * lda + k]) *
                       (layout == MATMUL_NT ? b[(size_t)j * ldb + k] : b[(size_t)k * ldb + j]);
            }
            c[(size_t)i * ldc + j] += sum;
        }
    }
}

static void check(MatmulLayout layout, const Case *t)
{
    const uint32_t a_rows = layout == MATMUL_TN ? t->k : t->m, lda = (layout == MATMUL_TN ? t->m : t->k) + t->pad;
    const uint32_t b_rows = layout == MATMUL_NT ? t->n : t->k, ldb = (layout == MATMUL_NT ? t->k : t->n) + t->pad;
    const uint32_t ldc    = t->n + t->pad;
    const size_t   c_size = (size_t)t->m * ldc;
    double        *a = fixture_doubles((size_t)a_rows * lda, 1), *b = fixture_doubles((size_t)b_rows * ldb, 2);
    double *before = fixture_doubles(c_size, 3), *add = fixture_doubles(c_size, 4), *bias = fixture_doubles(t->n, 5);
    double *want = fixture_alloc(c_size * sizeof *want);
    for (uint32_t i = 0; i < t->m; i++) {
        for (uint32_t j = 0; j < ldc; j++) {
            const size_t at = (size_t)i * ldc + j;
            want[at]        = j >= t->n ? before[at]
                                        : (t->accumulate ? before[at] : 0) + (t->add ? add[at] : 0) + (t->bias ? bias[j] : 0);
        }
    }
    product(layout, t, a, b, want, lda, ldb, ldc);

    GpuStream *stream = fixture_stream();
    Matmul     p      = {.layout     = layout,
                         .c          = fixture_upload(before, c_size),
                         .a          = fixture_upload(a, (size_t)a_rows * lda),
                         .b          = fixture_upload(b, (size_t)b_rows * ldb),
                         .accumulate = t->accumulate,
                         .m          = t->m,
                         .n          = t->n,
                         .k          = t->k,
                         .lda        = t->pad ? lda : 0,
                         .ldb        = t->pad ? ldb : 0,
                         .ldc        = t->pad ? ldc : 0};
    if (t->bias) {
        p.bias = fixture_upload(bias, t->n);
    }
    if (t->add) {
        p.add = fixture_upload(add, c_size);
    }
    const uint64_t bytes = matmul_workspace(stream, layout, t->m, t->n, t->k);
    if (t->workspace && bytes > 0) {
        p.workspace = fixture_empty(bytes / 4);
    }
    GpuSpan untouched = p.c, again = fixture_upload(before, c_size);
    matmul(stream, &p);
    p.c = again;
    matmul(stream, &p);
    fixture_run();
    char name[160];
    snprintf(name, sizeof name, "layout %d, m %u n %u k %u pad %u%s%s%s%s (%s)", (int)layout, t->m, t->n, t->k, t->pad,
             t->bias ? " bias" : "", t->add ? " add" : "", t->accumulate ? " accumulate" : "",
             p.workspace.buffer ? " workspace" : "", matmul_kernel_name(stream, layout, t->m, t->n, t->k));
    fixture_check(name, untouched, want, c_size, 3e-6);
    fixture_check_same(name, again, fixture_download(untouched, c_size), c_size);
}

static void every_layout(void **state)
{
    static const Case cases[] = {
        {.m = 1, .n = 1, .k = 1},
        {.m = 1, .n = 1, .k = 37, .pad = 3, .bias = true},
        {.m = 5, .n = 3, .k = 2, .add = true},
        {.m = 12, .n = 16, .k = 8},
        {.m = 13, .n = 17, .k = 9, .bias = true, .add = true, .accumulate = true},
        {.m = 65, .n = 63, .k = 66, .pad = 1, .bias = true, .accumulate = true},
        {.m = 64, .n = 64, .k = 64, .bias = true, .add = true},
        {.m = 77, .n = 96, .k = 96, .bias = true},
        {.m = 131, .n = 288, .k = 96, .accumulate = true},
        {.m = 50, .n = 40, .k = 100, .pad = 8, .add = true},
        {.m = 193, .n = 20, .k = 24, .bias = true},
        {.m = 7, .n = 515, .k = 33, .pad = 5},
        {.m = 96, .n = 64, .k = 1500, .workspace = true, .accumulate = true},
        {.m = 100, .n = 36, .k = 1037, .workspace = true, .bias = true, .add = true, .pad = 4},
        {.m = 33, .n = 35, .k = 2001, .workspace = true, .accumulate = true, .pad = 1},
        {.m = 33, .n = 35, .k = 2001, .pad = 1},
        {.m = 20, .n = 260, .k = 1039, .workspace = true, .bias = true, .accumulate = true}, /* several passes, a rest
                                                                                              */
        {.m = 192, .n = 144, .k = 96, .workspace = true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
            gpu_fixture_reset(NULL);
            check((MatmulLayout)layout, &cases[i]);
        }
    }
}

/* Nothing outside the tensors' spans is written, wherever they lie, and nothing
 * around A and B gets into the product (it is NaN). */
static void stays_inside(void **state)
{
    (void)state;
    enum { GUARD = 64 };
    for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
        gpu_fixture_reset(NULL);
        const Case t = {.m = 29, .n = 21, .k = 19};
        double    *a = fixture_doubles((size_t)t.m * t.k, 1), *b = fixture_doubles((size_t)t.n * t.k, 2);
        double    *want = fixture_alloc((size_t)t.m * t.n * sizeof *want);
        product((MatmulLayout)layout, &t, a, b, want, layout == MATMUL_TN ? t.m : t.k, layout == MATMUL_NT ? t.k : t.n,
                t.n);
        const size_t sizes[3] = {(size_t)t.m * t.k, (size_t)t.n * t.k, (size_t)t.m * t.n};
        GpuSpan      whole[3], inner[3];
        Error        error = {0};
        for (int i = 0; i < 3; i++) {
            whole[i] = fixture_empty(sizes[i] + 2 * GUARD);
            inner[i] = gpu_span_slice(whole[i], GUARD * 4, sizes[i] * 4);
        }
        float *values = fixture_alloc(sizes[0] * sizeof *values);
        for (int i = 0; i < 2; i++) {
            for (size_t j = 0; j < sizes[i]; j++) {
                values[j] = (float)(i == 0 ? a[j] : b[j]);
            }
            assert_int_equal(gpu_upload(fixture_gpu(), inner[i], values, sizes[i] * 4, &error), STATUS_OK);
        }
        GpuStream *stream = fixture_stream();
        matmul(stream, &(Matmul){.layout = (MatmulLayout)layout,
                                 .c      = inner[2],
                                 .a      = inner[0],
                                 .b      = inner[1],
                                 .m      = t.m,
                                 .n      = t.n,
                                 .k      = t.k});
        fixture_run();
        fixture_check("C", inner[2], want, sizes[2], 3e-6);
        const float *c = fixture_download(whole[2], sizes[2] + 2 * GUARD);
        for (size_t i = 0; i < GUARD; i++) {
            assert_true(c[i] != c[i]);
            assert_true(c[GUARD + sizes[2] + i] != c[GUARD + sizes[2] + i]);
        }
    }
}

static void nothing_for_nothing(void **state)
{
    (void)state;
    double    *before = fixture_doubles(6, 1);
    GpuSpan    c = fixture_upload(before, 6), a = fixture_zeros(6);
    GpuStream *stream = fixture_stream();
    matmul(stream, &(Matmul){.layout = MATMUL_NT, .c = c, .a = a, .b = a, .m = 0, .n = 3, .k = 2});
    matmul(stream, &(Matmul){.layout = MATMUL_NT, .c = c, .a = a, .b = a, .m = 2, .n = 3, .k = 0});
    fixture_run();
    fixture_check("C", c, before, 6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(every_layout), fixture_test(stays_inside),
                                       fixture_test(nothing_for_nothing)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
