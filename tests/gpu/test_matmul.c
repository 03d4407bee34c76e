/* Matrix products of every layout, odd sizes, strides and epilogues, against float64. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/ops/matmul_parts.h"
#include "tests/support/gpu_fixture.h"

typedef struct Case {
    uint32_t m, n, k;
    uint32_t pad; /* added to every row stride */
    bool     bias, add, accumulate, workspace;
    char     odd; /* which of A, B, C, add ('d') and bias ('s') begins at no multiple of 16 bytes */
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

/* How operands are computed with and stored. */
typedef struct Types {
    ComputeType compute;
    bool        a_halves, b_halves;
} Types;

/* The nearest number of a 16-bit type, ties to even, by its definition. */
static double rounded(ComputeType compute, double x)
{
    const int    digits = compute == COMPUTE_BF16 ? 8 : 11, least = compute == COMPUTE_BF16 ? -126 : -14;
    const double most = compute == COMPUTE_BF16 ? 0x1.FEp127 : 65504;
    int          exponent;
    if (compute == COMPUTE_F32 || x == 0 || !isfinite(x)) {
        return x;
    }
    frexp(x, &exponent); /* |x| in [1/2, 1) 2^exponent */
    const int    place = (exponent - 1 < least ? least : exponent - 1) - (digits - 1);
    const double value = ldexp(nearbyint(ldexp(x, -place)), place);
    return fabs(value) > most ? copysign(INFINITY, x) : value;
}

/* The bits of a number that the type has. */
static uint32_t half_bits(ComputeType compute, double value)
{
    const float x = (float)value;
    uint32_t    bits;
    memcpy(&bits, &x, 4);
    if (compute == COMPUTE_BF16) {
        return bits >> 16;
    }
    const uint32_t sign = bits >> 16 & 0x8000u;
    return fabs(value) < 0x1p-14 ? sign | (uint32_t)ldexp(fabs(value), 24)
                                 : sign | (((bits & 0x7FFFFFFFu) >> 13) - 0x1C000u);
}

/* f32 on the device, `odd` behind one number more. */
static GpuSpan upload_at(const double *values, size_t count, bool odd)
{
    double *behind = fixture_alloc((count + 1) * sizeof *behind);
    behind[0]      = NAN;
    memcpy(behind + 1, values, count * sizeof *behind);
    return odd ? gpu_span_slice(fixture_upload(behind, count + 1), 4, count * 4) : fixture_upload(values, count);
}

/* Rounds `values`, and takes them to the device, as f32 as they were or as halves. */
static GpuSpan upload_operand(double *values, size_t count, Types types, bool halves, bool odd)
{
    const GpuSpan f32   = upload_at(values, count, odd);
    uint32_t     *words = fixture_alloc((count / 2 + 2) * 4);
    for (size_t i = 0; i < count; i++) {
        const size_t at = odd ? i + 1 : i;
        values[i]       = rounded(types.compute, values[i]);
        words[at / 2] |= halves ? half_bits(types.compute, values[i]) << 16 * (at % 2) : 0;
    }
    return halves ? gpu_span_slice(fixture_words(words, count / 2 + 2), odd ? 2 : 0, (count + 1) / 2 * 4) : f32;
}

/* The kernel that all products of a test take; NULL: the device's choice. */
static const MatmulVariant *forced;

static void check(MatmulLayout layout, const Case *t, Types types)
{
    const uint32_t a_rows = layout == MATMUL_TN ? t->k : t->m, lda = (layout == MATMUL_TN ? t->m : t->k) + t->pad;
    const uint32_t b_rows = layout == MATMUL_NT ? t->n : t->k, ldb = (layout == MATMUL_NT ? t->k : t->n) + t->pad;
    const uint32_t ldc    = t->n + t->pad;
    const size_t   c_size = (size_t)t->m * ldc;
    double        *a = fixture_doubles((size_t)a_rows * lda, 1), *b = fixture_doubles((size_t)b_rows * ldb, 2);
    const GpuSpan  a_span = upload_operand(a, (size_t)a_rows * lda, types, types.a_halves, t->odd == 'a');
    const GpuSpan  b_span = upload_operand(b, (size_t)b_rows * ldb, types, types.b_halves, t->odd == 'b');
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
                         .c          = upload_at(before, c_size, t->odd == 'c'),
                         .a          = a_span,
                         .b          = b_span,
                         .variant    = forced,
                         .compute    = types.compute,
                         .a_halves   = types.a_halves,
                         .b_halves   = types.b_halves,
                         .accumulate = t->accumulate,
                         .m          = t->m,
                         .n          = t->n,
                         .k          = t->k,
                         .lda        = t->pad ? lda : 0,
                         .ldb        = t->pad ? ldb : 0,
                         .ldc        = t->pad ? ldc : 0};
    if (t->bias) {
        p.bias = upload_at(bias, t->n, t->odd == 's');
    }
    if (t->add) {
        p.add = upload_at(add, c_size, t->odd == 'd');
    }
    const uint64_t bytes = matmul_variant_workspace(stream, forced, types.compute, layout, t->m, t->n, t->k);
    if (t->workspace && bytes > 0) {
        p.workspace = fixture_empty(bytes / 4);
    }
    GpuSpan untouched = p.c, again = upload_at(before, c_size, t->odd == 'c');
    matmul(stream, &p);
    p.c = again;
    matmul(stream, &p);
    fixture_run();
    char name[160];
    snprintf(name, sizeof name, "layout %d, %s%s%s, m %u n %u k %u pad %u odd %c%s%s%s%s (%s)", (int)layout,
             compute_type_name(types.compute), types.a_halves ? " A halves" : "", types.b_halves ? " B halves" : "",
             t->m, t->n, t->k, t->pad, t->odd != 0 ? t->odd : '-', t->bias ? " bias" : "", t->add ? " add" : "",
             t->accumulate ? " accumulate" : "", p.workspace.buffer ? " workspace" : "",
             forced != NULL ? forced->kernel_name
                            : matmul_kernel_name(stream, types.compute, layout, t->m, t->n, t->k));
    fixture_check(name, untouched, want, c_size, t->k > 4096 ? 2e-5 : 3e-6);
    fixture_check_same(name, again, fixture_download(untouched, c_size), c_size);
}

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
    {.m = 20, .n = 260, .k = 1039, .workspace = true, .bias = true, .accumulate = true}, /* several passes, a rest */
    {.m = 192, .n = 144, .k = 96, .workspace = true},
};

static void every_case(Types types)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
            gpu_fixture_reset(NULL);
            check((MatmulLayout)layout, &cases[i], types);
        }
    }
}

/* Spans may start at any number. */
static void at_odd_addresses(Types types)
{
    for (const char *odd = "abcds"; *odd != '\0'; odd++) {
        for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
            gpu_fixture_reset(NULL);
            check((MatmulLayout)layout, &(Case){.m = 36, .n = 68, .k = 40, .bias = true, .add = true, .odd = *odd},
                  types);
        }
    }
}

static void every_layout(void **state)
{
    (void)state;
    every_case((Types){COMPUTE_F32, false, false});
    at_odd_addresses((Types){COMPUTE_F32, false, false});
}

/* More turns of a loop than lavapipe makes (engine/ops/ops.h): few rows of the gradient of a large vocabulary. */
static void long_k(void **state)
{
    (void)state;
    if (gpu_info(fixture_gpu())->max_binding_bytes < 33000 * 4) {
        skip(); /* a row has to fit a binding */
    }
    for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
        gpu_fixture_reset(NULL);
        check((MatmulLayout)layout, &(Case){.m = 3, .n = 9, .k = 33000, .bias = true, .add = true, .accumulate = true},
              (Types){COMPUTE_F32, false, false});
    }
}

/* Every way to store the operands of every case in one type or the other. */
static void of_16_bits(void **state)
{
    (void)state;
    static const Types types[] = {{COMPUTE_BF16, false, false}, {COMPUTE_F16, false, true}, {COMPUTE_BF16, true, true}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        every_case(types[i]);
        at_odd_addresses(types[i]);
    }
}

/* A product with 1 is A rounded: ties to even, what is denormal, too large, infinite. */
static void rounds_as(ComputeType compute)
{
    const double special[] = {1.00390625,    1.01171875,     -1.00390625, 1.0000001,      1.00048828125,
                              1.00146484375, -1.00048828125, 65504,       65519,          65520,
                              -65520,        65536,          1e30,        -3.4e38,        3.4e38,
                              0x1p-14,       0x1.FFEp-15,    0x1.FFFp-15, 0x1p-24,        0x1.8p-24,
                              0x1.8p-23,     0x1.4p-23,      0x1p-25,     0x1.000002p-25, -0x1p-25,
                              0x1p-60,       0x1p-120,       0,           2049,           2051,
                              257,           INFINITY,       -INFINITY};
    const size_t count     = sizeof special / sizeof *special;
    const double one       = 1;
    gpu_fixture_reset(NULL);
    GpuStream    *stream = fixture_stream();
    const GpuSpan c = fixture_empty(count), d = fixture_empty(count);
    Matmul        p = {.layout  = MATMUL_NT,
                       .c       = c,
                       .a       = fixture_upload(special, count),
                       .b       = fixture_upload(&one, 1),
                       .variant = forced,
                       .compute = compute,
                       .m       = (uint32_t)count,
                       .n       = 1,
                       .k       = 1};
    matmul(stream, &p);
    p = (Matmul){.layout  = MATMUL_NT,
                 .c       = d,
                 .a       = p.b,
                 .b       = p.a,
                 .variant = forced,
                 .compute = compute,
                 .m       = 1,
                 .n       = (uint32_t)count,
                 .k       = 1};
    matmul(stream, &p);
    fixture_run();
    for (size_t i = 0; i < count; i++) {
        const float a = fixture_download(c, count)[i], b = fixture_download(d, count)[i];
        const float want = (float)rounded(compute, (double)(float)special[i]);
        if (a != want || b != want) {
            fail_msg("%s of %a: %a and %a, not %a", compute_type_name(compute), special[i], (double)a, (double)b,
                     (double)want);
        }
    }
}

static void rounds_to_nearest(void **state)
{
    (void)state;
    rounds_as(COMPUTE_BF16);
    rounds_as(COMPUTE_F16);
}

/* A row's bits do not depend on how many there are, in any compute type: the first rows of 45 and of 9. */
static void rows_of(ComputeType compute)
{
    enum { MANY = 45, FEW = 9, N = 68, K = 1100 };
    for (int layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
        gpu_fixture_reset(NULL);
        GpuStream    *stream     = fixture_stream();
        const GpuSpan a          = fixture_upload(fixture_doubles(MANY * K, 1), MANY * K),
                      b          = fixture_upload(fixture_doubles(N * K, 2), N * K);
        const GpuSpan  c[2]      = {fixture_empty(MANY * N), fixture_empty(FEW * N)};
        const uint64_t bytes     = matmul_variant_workspace(stream, forced, compute, (MatmulLayout)layout, MANY, N, K);
        const GpuSpan  workspace = bytes > 0 ? fixture_empty(bytes / 4) : (GpuSpan){0};
        for (int few = 0; few < 2; few++) {
            matmul(stream, &(Matmul){.layout    = (MatmulLayout)layout,
                                     .c         = c[few],
                                     .a         = a,
                                     .b         = b,
                                     .variant   = forced,
                                     .compute   = compute,
                                     .m         = few ? FEW : MANY,
                                     .n         = N,
                                     .k         = K,
                                     .workspace = workspace});
        }
        fixture_run();
        fixture_check_same(compute_type_name(compute), c[1], fixture_download(c[0], FEW * N), FEW * N);
    }
}

static void rows_do_not_meet(void **state)
{
    (void)state;
    for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute++) {
        rows_of(compute);
    }
}

static bool on_matrix_unit(const MatmulVariant *variant)
{
    return variant->kernel == KERNEL_COOPMAT || variant->kernel == KERNEL_COOPMAT2;
}

/* All of the above on a card's matrix units, with the largest of their tiles. */
static void on_matrix_units(void **state)
{
    (void)state;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    int           ran   = 0;
    for (int i = 0; i < count; i++) {
        if (!on_matrix_unit(&list[i]) || list[i].size > 0) {
            continue;
        }
        if (list[i].lacks[0] != '\0') {
            print_message("without %s: %s\n", list[i].kernel_name, list[i].lacks);
            continue;
        }
        print_message("%s, %s\n", list[i].kernel_name, list[i].detail);
        forced = &list[i];
        every_case((Types){forced->compute, false, false});
        every_case((Types){forced->compute, true, true});
        at_odd_addresses((Types){forced->compute, false, false});
        at_odd_addresses((Types){forced->compute, true, true});
        for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
            check((MatmulLayout)layout, &cases[5], (Types){forced->compute, true, false});
            check((MatmulLayout)layout, &cases[6], (Types){forced->compute, false, true});
        }
        rounds_as(forced->compute);
        rows_of(forced->compute);
        ran++;
    }
    forced = NULL;
    if (ran == 0) {
        skip();
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
    const struct CMUnitTest tests[] = {fixture_test(long_k),
                                       fixture_test(every_layout),
                                       fixture_test(of_16_bits),
                                       fixture_test(rounds_to_nearest),
                                       fixture_test(rows_do_not_meet),
                                       fixture_test(stays_inside),
                                       fixture_test(nothing_for_nothing),
                                       fixture_test(on_matrix_units)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
