/* RMSNorm against float64, whole rows and heads inside packed qkv. */
#include <math.h>
#include <string.h>

#include "engine/ops/rmsnorm.h"
#include "tests/support/gpu_fixture.h"

static const double eps = 1e-6;

static size_t row_start(RmsnormRows r, uint32_t row)
{
    return (size_t)row / r.per_token * r.token_stride + r.offset + row % r.per_token * r.width;
}

static void reference_forward(double *y, double *rstd, const double *x, const double *weight, RmsnormRows r)
{
    for (uint32_t row = 0; row < r.rows; row++) {
        const size_t at      = row_start(r, row);
        double       squares = 0;
        for (uint32_t c = 0; c < r.width; c++) {
            squares += x[at + c] * x[at + c];
        }
        rstd[row] = 1 / sqrt(squares / r.width + eps);
        for (uint32_t c = 0; c < r.width; c++) {
            y[at + c] = x[at + c] * rstd[row] * weight[c];
        }
    }
}

static void reference_backward(double *dx, double *dweight, const double *dy, const double *x, const double *weight,
                               const double *rstd, RmsnormRows r)
{
    for (uint32_t row = 0; row < r.rows; row++) {
        const size_t at   = row_start(r, row);
        double       mean = 0;
        for (uint32_t c = 0; c < r.width; c++) {
            mean += dy[at + c] * weight[c] * x[at + c] * rstd[row] / r.width;
            dweight[c] += dy[at + c] * x[at + c] * rstd[row];
        }
        for (uint32_t c = 0; c < r.width; c++) {
            dx[at + c] += rstd[row] * (dy[at + c] * weight[c] - x[at + c] * rstd[row] * mean);
        }
    }
}

typedef struct Problem {
    RmsnormRows rows;
    size_t      size; /* floats of x */
    double     *x, *weight, *dy;
} Problem;

static double loss(void *user) /* sum of dy y */
{
    const Problem *p = user;
    static double  y[1 << 16], rstd[1 << 12];
    assert_true(p->size <= 1 << 16 && p->rows.rows <= 1 << 12);
    memset(y, 0, p->size * sizeof *y);
    reference_forward(y, rstd, p->x, p->weight, p->rows);
    double sum = 0;
    for (size_t i = 0; i < p->size; i++) {
        sum += p->dy[i] * y[i];
    }
    return sum;
}

static void check(RmsnormRows r, size_t tokens)
{
    const size_t size = tokens * r.token_stride;
    Problem      p    = {r, size, fixture_doubles(size, 1), fixture_doubles(r.width, 2), fixture_doubles(size, 3)};
    double      *rstd = fixture_alloc(r.rows * sizeof *rstd), *dweight = fixture_alloc(r.width * sizeof *dweight);
    double      *y = fixture_alloc(size * sizeof *y), *dx = fixture_alloc(size * sizeof *dx);
    double      *base = fixture_doubles(size, 4), *dweight_base = fixture_doubles(r.width, 5);
    memcpy(y, p.x, size * sizeof *y); /* in place: what is not a row stays */
    reference_forward(y, rstd, p.x, p.weight, r);
    reference_backward(dx, dweight, p.dy, p.x, p.weight, rstd, r);
    if (size <= 1 << 16) {
        fixture_check_gradient("dx", loss, &p, p.x, dx, size, 1e-6);
        fixture_check_gradient("dweight", loss, &p, p.weight, dweight, r.width, 1e-6);
    }

    GpuSpan x = fixture_upload(p.x, size), weight = fixture_upload(p.weight, r.width), dy = fixture_upload(p.dy, size);
    GpuSpan in_place = fixture_upload(p.x, size), rstd_span = fixture_empty(r.rows), added = fixture_upload(base, size);
    GpuSpan gdweight  = fixture_upload(dweight_base, r.width);
    GpuSpan workspace = fixture_empty(rmsnorm_workspace_bytes(r) / sizeof(float));

    GpuStream *stream = fixture_stream();
    rmsnorm_forward(stream, typed_f32(in_place), rstd_span, in_place, weight, r, (float)eps);
    rmsnorm_backward(stream, added, dy, x, weight, rstd_span, r, true);
    rmsnorm_backward_weight(stream, gdweight, dy, x, rstd_span, r, workspace);
    rmsnorm_backward(stream, dy, dy, x, weight, rstd_span, r, false);
    fixture_run();

    /* Sums of `width` terms, each rounded: well under 1e-6 of the largest element. */
    fixture_check("y", in_place, y, size, 2e-6);
    fixture_check("rstd", rstd_span, rstd, r.rows, 2e-6);
    double *want = fixture_alloc(size * sizeof *want);
    for (size_t i = 0; i < size; i++) {
        want[i] = base[i] + dx[i];
    }
    fixture_check("dx, added", added, want, size, 4e-6);
    memcpy(want, p.dy, size * sizeof *want);
    for (uint32_t row = 0; row < r.rows; row++) {
        memcpy(want + row_start(r, row), dx + row_start(r, row), r.width * sizeof *want);
    }
    fixture_check("dx, in place", dy, want, size, 4e-6);
    for (uint32_t c = 0; c < r.width; c++) {
        dweight[c] += dweight_base[c];
    }
    fixture_check("dweight", gdweight, dweight, r.width, 4e-6);
}

/* Halves are the floats rounded. */
static void writes_halves(void **state)
{
    (void)state;
    enum { ROWS = 7, WIDTH = 100, SIZE = ROWS * WIDTH };
    const RmsnormRows rows = rmsnorm_rows(ROWS, WIDTH);
    const GpuSpan     x = fixture_upload(fixture_doubles(SIZE, 1), SIZE), y = fixture_empty(SIZE),
                  weight = fixture_upload(fixture_doubles(WIDTH, 2), WIDTH), rstd = fixture_empty(ROWS);
    for (ComputeType type = COMPUTE_BF16; type <= COMPUTE_F16; type++) {
        const TypedSpan halves = {fixture_empty(SIZE / 2), type};
        GpuStream      *stream = fixture_stream();
        rmsnorm_forward(stream, typed_f32(y), rstd, x, weight, rows, (float)eps);
        rmsnorm_forward(stream, halves, rstd, x, weight, rows, (float)eps);
        fixture_run();
        fixture_check_halves("y", halves, fixture_download(y, SIZE), SIZE);
    }
}

static void whole_rows(void **state)
{
    (void)state;
    static const uint32_t shapes[][2] = {{1, 96},   {7, 10},   {133, 96}, {3, 2},
                                         {5, 1030}, {20, 256}, {3, 1536}, {2, 1120}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(rmsnorm_rows(shapes[i][0], shapes[i][1]), shapes[i][0]);
    }
}

static void many_rows(void **state)
{
    (void)state;
    check(rmsnorm_rows(9001, 24), 9001); /* more chunks of the weight gradient than there may be */
}

static void heads_in_qkv(void **state)
{
    (void)state;
    const uint32_t tokens = 13, heads = 4, kv_heads = 2, head_dims[] = {10, 24, 64, 128};
    for (int i = 0; i < 4; i++) {
        const uint32_t hd = head_dims[i], stride = (heads + 2 * kv_heads) * hd;
        check((RmsnormRows){tokens * heads, hd, heads, stride, 0}, tokens);
        check((RmsnormRows){tokens * kv_heads, hd, kv_heads, stride, heads * hd}, tokens);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(writes_halves), fixture_test(whole_rows), fixture_test(many_rows),
                                       fixture_test(heads_in_qkv)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
