/* The value head against float64. */
#include "engine/ops/value_head.h"
#include "tests/support/gpu_fixture.h"

typedef struct Problem {
    uint32_t tokens, width;
    double  *h, *w, *b, *dvalue;
} Problem;

static double value_of(const Problem *p, size_t t)
{
    double sum = p->b[0];
    for (size_t c = 0; c < p->width; c++) {
        sum += p->h[t * p->width + c] * p->w[c];
    }
    return sum;
}

static double loss(void *user)
{
    const Problem *p   = user;
    double         sum = 0;
    for (size_t t = 0; t < p->tokens; t++) {
        sum += p->dvalue[t] * value_of(p, t);
    }
    return sum;
}

static void check(uint32_t tokens, uint32_t width)
{
    const size_t size  = (size_t)tokens * width;
    Problem      p     = {tokens,
                          width,
                          fixture_doubles(size, 1),
                          fixture_doubles(width, 2),
                          fixture_doubles(1, 3),
                          fixture_doubles(tokens, 4)};
    double      *value = fixture_alloc(tokens * sizeof *value), *dh = fixture_alloc(size * sizeof *dh);
    double      *dw = fixture_alloc(width * sizeof *dw), db = 0;
    for (size_t t = 0; t < tokens; t++) {
        value[t] = value_of(&p, t);
        db += p.dvalue[t];
        for (size_t c = 0; c < width; c++) {
            dh[t * width + c] = p.dvalue[t] * p.w[c];
            dw[c] += p.dvalue[t] * p.h[t * width + c];
        }
    }
    fixture_check_gradient("dh", loss, &p, p.h, dh, size, 1e-6);
    fixture_check_gradient("dw", loss, &p, p.w, dw, width, 1e-6);
    fixture_check_gradient("db", loss, &p, p.b, &db, 1, 1e-6);

    double *dh_base = fixture_doubles(size, 5), *dw_base = fixture_doubles(width, 6), *db_base = fixture_doubles(1, 7);
    GpuSpan h = fixture_upload(p.h, size), w = fixture_upload(p.w, width), b = fixture_upload(p.b, 1);
    GpuSpan dvalue = fixture_upload(p.dvalue, tokens), gvalue = fixture_empty(tokens),
            gdh    = fixture_upload(dh_base, size);
    GpuSpan    gdw = fixture_upload(dw_base, width), gdb = fixture_upload(db_base, 1);
    GpuSpan    workspace = fixture_empty(value_head_workspace_bytes(tokens, width) / sizeof(float));
    GpuStream *stream    = fixture_stream();
    value_head_forward(stream, gvalue, h, w, b, tokens, width);
    value_head_backward(stream, gdh, gdw, gdb, dvalue, h, w, tokens, width, workspace);
    fixture_run();
    for (size_t i = 0; i < size; i++) {
        dh[i] += dh_base[i];
    }
    for (size_t i = 0; i < width; i++) {
        dw[i] += dw_base[i];
    }
    db += db_base[0];
    fixture_check("value", gvalue, value, tokens, 3e-6); /* a sum of `width` products */
    fixture_check("dh", gdh, dh, size, 1e-6);
    fixture_check("dw", gdw, dw, width, 4e-6);
    fixture_check("db", gdb, &db, 1, 4e-6);

    stream = fixture_stream(); /* a frozen trunk: only dw and db, which grow by the same again */
    value_head_backward(stream, (GpuSpan){0}, gdw, gdb, dvalue, h, w, tokens, width, workspace);
    fixture_run();
    for (size_t i = 0; i < width; i++) {
        dw[i] += dw[i] - dw_base[i];
    }
    fixture_check("dh, untouched", gdh, dh, size, 1e-6);
    fixture_check("dw, twice", gdw, dw, width, 4e-6);
}

static void odd_shapes(void **state)
{
    (void)state;
    check(1, 10);
    check(7, 96);
    check(133, 24);
    check(3, 1030);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(odd_shapes)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
