#include "tests/support/weight_fixture.h"

#include <stdio.h>

#include "tests/support/dequantize.h"

Weight fixture_weight(WeightFormat format, uint32_t rows, uint32_t columns, double **values)
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

void fixture_check_weight(WeightFormat format, MatmulLayout layout, const WeightCase *t, ComputeType compute,
                          const MatmulVariant *forced)
{
    const bool     nt = layout == MATMUL_NT;
    const uint32_t n = nt ? t->rows : t->columns, k = nt ? t->columns : t->rows, lda = k + t->pad, ldc = n + t->pad;
    const size_t   c_size = (size_t)t->m * ldc;
    double        *values, *a = fixture_doubles((size_t)t->m * lda, 1), *before = fixture_doubles(c_size, 3);
    double        *add = fixture_doubles(c_size, 4), *bias = fixture_doubles(n, 5),
           *want         = fixture_alloc(c_size * sizeof *want);
    Weight        weight = fixture_weight(format, t->rows, t->columns, &values);
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

const WeightCase weight_cases[WEIGHT_CASES] = {
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
