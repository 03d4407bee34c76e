/* Products of sizes that are no multiples of 4 whose rows are whole vec4s: what lies behind a row counts for nothing.
 */
#include <math.h>
#include <stdio.h>

#include "engine/ops/matmul_parts.h"
#include "tests/support/gpu_fixture.h"

typedef struct Case {
    MatmulLayout layout;
    uint32_t     m, n, k;
    bool         accumulate;
} Case;

/* The head of a vocabulary of 57, forward and backward, and larger ones that take several tiles, panels, passes. */
static const Case cases[] = {
    {MATMUL_NT, 48, 57, 64, false},  {MATMUL_NT, 7, 57, 64, false},   {MATMUL_NT, 70, 33, 96, true},
    {MATMUL_NT, 9, 1030, 64, false}, {MATMUL_NT, 5, 19, 4, false},    {MATMUL_NN, 48, 64, 57, false},
    {MATMUL_NN, 66, 32, 5, true},    {MATMUL_NN, 20, 64, 911, true},  {MATMUL_TN, 57, 64, 203, true},
    {MATMUL_TN, 9, 64, 6, false},    {MATMUL_TN, 131, 32, 70, false}, {MATMUL_TN, 58, 32, 1501, true},
    {MATMUL_NN, 9, 8, 5, false},     {MATMUL_NN, 16, 24, 13, true},   {MATMUL_TN, 12, 8, 7, false},
    {MATMUL_TN, 8, 24, 301, true},
};

/* Numbers in rows of `stride`, NaN behind `width` of them; as floats hold them, and types of 16 bits: sixteenths. */
static double *matrix(uint32_t rows, uint32_t width, uint32_t stride, uint32_t seed)
{
    double *x = fixture_doubles((size_t)rows * stride, seed);
    for (size_t i = 0; i < (size_t)rows * stride; i++) {
        x[i] = i % stride < width ? round(16 * x[i]) / 16 : (double)NAN;
    }
    return x;
}

/* In 16 bits some kernels read copies of A and B in the workspace, behind which lies what was there before. */
static void check(const Case *t, ComputeType compute, bool workspace)
{
    enum { BEYOND = 4 }; /* floats of a row of C that nobody may touch */
    const bool     tn = t->layout == MATMUL_TN, nt = t->layout == MATMUL_NT;
    const uint32_t a_rows = tn ? t->k : t->m, a_width = tn ? t->m : t->k, lda = matmul_whole(a_width);
    const uint32_t b_rows = nt ? t->n : t->k, b_width = nt ? t->k : t->n, ldb = matmul_whole(b_width);
    const uint32_t room = matmul_whole(t->n), ldc = room + BEYOND;
    const double  *a = matrix(a_rows, a_width, lda, 1), *b = matrix(b_rows, b_width, ldb, 2);
    const double  *before = fixture_doubles((size_t)t->m * ldc, 3);
    double        *want   = fixture_alloc((size_t)t->m * ldc * sizeof *want);
    for (uint32_t i = 0; i < t->m; i++) {
        for (uint32_t j = 0; j < ldc; j++) {
            double sum = j >= t->n || t->accumulate ? (double)(float)before[(size_t)i * ldc + j] : 0;
            for (uint32_t k = 0; j < t->n && k < t->k; k++) {
                sum += a[tn ? (size_t)k * lda + i : (size_t)i * lda + k] *
                       b[nt ? (size_t)j * ldb + k : (size_t)k * ldb + j];
            }
            want[(size_t)i * ldc + j] = j < t->n || j >= room ? sum : 0;
        }
    }
    GpuStream     *stream = fixture_stream();
    const uint64_t bytes  = matmul_workspace_as(stream, compute, t->layout, t->m, t->n, t->k);
    Matmul         p      = {.layout     = t->layout,
                             .compute    = compute,
                             .c          = fixture_upload(before, (size_t)t->m * ldc),
                             .a          = fixture_upload(a, (size_t)a_rows * lda),
                             .b          = fixture_upload(b, (size_t)b_rows * ldb),
                             .accumulate = t->accumulate,
                             .m          = t->m,
                             .n          = t->n,
                             .k          = t->k,
                             .n_room     = room,
                             .lda        = lda,
                             .ldb        = ldb,
                             .ldc        = ldc};
    if (workspace && bytes > 0) {
        p.workspace = fixture_empty(bytes / 4);
    }
    matmul(stream, &p);
    fixture_run();
    const float *c   = fixture_download(p.c, (size_t)t->m * ldc);
    float       *got = fixture_alloc((size_t)t->m * ldc * sizeof *got);
    for (size_t i = 0; i < (size_t)t->m * ldc; i++) { /* the room may hold anything */
        got[i] = i % ldc < t->n || i % ldc >= room ? c[i] : 0;
    }
    char name[100];
    snprintf(name, sizeof name, "%s, layout %d, m %u n %u k %u%s (%s)", compute_type_name(compute), (int)t->layout,
             t->m, t->n, t->k, workspace ? ", workspace" : "",
             matmul_kernel_name(stream, compute, t->layout, t->m, t->n, t->k));
    const double error = fixture_error(got, want, (size_t)t->m * ldc);
    if (!(error <= 3e-6)) { /* NaN too */
        fail_msg("%s: relative error %.3g", name, error);
    }
}

static void ragged_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute++) {
            check(&cases[i], compute, true);
            check(&cases[i], compute, false);
        }
        gpu_fixture_reset(NULL);
    }
}

/* B packed once for many products: the same bits, and the kernel for panels where the device has one. */
static void packed_once(void **state)
{
    (void)state;
    enum { M = 11, N = 57, K = 64 };
    GpuStream     *stream = fixture_stream();
    const uint64_t bytes  = matmul_panel_bytes(stream, MATMUL_NT, N, K),
                   own    = matmul_workspace(stream, MATMUL_NT, M, N, K);
    if (bytes == 0) {
        skip();
    }
    const GpuSpan a    = fixture_upload(matrix(M, K, K, 4), (size_t)M * K),
                  b    = fixture_upload(matrix(N, K, K, 5), (size_t)N * K);
    Matmul        p    = {.layout = MATMUL_NT, .a = a, .b = b, .m = M, .n = N, .k = K, .n_room = 60, .ldc = 60};
    const GpuSpan once = fixture_zeros((size_t)M * 60), each = fixture_zeros((size_t)M * 60);
    p.c         = each;
    p.workspace = fixture_empty(own / 4);
    matmul(stream, &p);
    p.c      = once;
    p.panels = fixture_empty(bytes / 4);
    matmul_pack(stream, &p);
    matmul(stream, &p);
    fixture_run();
    const float *x = fixture_download(once, (size_t)M * 60), *y = fixture_download(each, (size_t)M * 60);
    for (uint32_t i = 0; i < M * 60; i++) {
        assert_true(i % 60 >= N || x[i] == y[i]);
        assert_true(i % 60 >= N || x[i] != 0);
    }
}

/* These sizes once took a kernel of a twentieth of the speed on CPU devices. */
static void takes_fast_kernels(void **state)
{
    (void)state;
    GpuStream     *stream = fixture_stream();
    const GpuInfo *info   = gpu_info(gpu_stream_gpu(stream));
    if (!matmul_has_lanes(info) && !matmul_has_texel(info)) {
        skip();
    }
    assert_true(matmul_is_fast(stream, MATMUL_NT, 48, 57, 64));
    assert_true(matmul_is_fast(stream, MATMUL_NN, 48, 64, 57));
    assert_true(matmul_is_fast(stream, MATMUL_TN, 57, 64, 203));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(ragged_sizes), fixture_test(packed_once),
                                       fixture_test(takes_fast_kernels)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
