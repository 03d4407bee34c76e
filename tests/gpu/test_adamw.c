/* AdamW and the gradient norm against PyTorch (tests/data/parity/optim) and float64. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/ops/adamw.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/reference.h"

enum { W = 13 * 17, B = 31, COUNT = W + B, STEPS = 5 };

/* w and b of one kind ("p1", "grad3", …) as one flat range, the decayed matrix first. */
static double *flat(Reference *data, const char *kind)
{
    char    name[64];
    double *values = fixture_alloc(COUNT * sizeof *values);
    snprintf(name, sizeof name, "%s.w", kind);
    memcpy(values, reference_get(data, name, NULL), W * sizeof *values);
    snprintf(name, sizeof name, "%s.b", kind);
    memcpy(values + W, reference_get(data, name, NULL), B * sizeof *values);
    return values;
}

static void pytorch_steps(void **state)
{
    (void)state;
    Reference   *data    = reference_open(TEST_DATA "/parity/optim/adamw.safetensors");
    AdamwOptions options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    GpuSpan      p = fixture_upload(flat(data, "p0"), COUNT), m = fixture_zeros(COUNT), v = fixture_zeros(COUNT);
    GpuSpan      norm = fixture_empty(4), partial = fixture_empty(grad_norm_bytes(COUNT) / 4);
    for (unsigned step = 1; step <= STEPS; step++) {
        char name[32];
        snprintf(name, sizeof name, "grad%u", step);
        GpuSpan    g      = fixture_upload(flat(data, name), COUNT);
        GpuStream *stream = fixture_stream();
        grad_norm(stream, norm, g, partial, 0, 1, COUNT);
        adamw(stream, p, m, v, g, norm, &options, step, W, COUNT);
        fixture_run();
        snprintf(name, sizeof name, "p%u", step);
        reference_check(name, fixture_download(p, COUNT), flat(data, name), COUNT, 2e-6);
        if (step == 1 || step == STEPS) {
            snprintf(name, sizeof name, "m%u", step);
            reference_check(name, fixture_download(m, COUNT), flat(data, name), COUNT, 2e-6);
            snprintf(name, sizeof name, "v%u", step);
            reference_check(name, fixture_download(v, COUNT), flat(data, name), COUNT, 2e-6);
        }
    }
    reference_close(data);
}

static void clip_coefficient(void **state)
{
    (void)state;
    enum { MANY = 3 * 8192 + 77 }; /* blocks and a rest */
    double *g = fixture_doubles(MANY, 1), sum = 0;
    for (size_t i = 0; i < MANY; i++) {
        sum += g[i] * g[i];
    }
    const float limits[] = {0, 1, 1000};
    for (size_t i = 0; i < 3; i++) {
        GpuSpan norm = fixture_empty(4), partial = fixture_empty(grad_norm_bytes(MANY) / 4);
        grad_norm(fixture_stream(), norm, fixture_upload(g, MANY), partial, limits[i], 1, MANY);
        fixture_run();
        float *got     = fixture_download(norm, 4), again[4];
        double want[2] = {1, limits[i] > 0 ? fmin(1, (double)limits[i] / (sqrt(sum) + 1e-6)) : 1};
        got[0] /= (float)sqrt(sum);
        reference_check("norm / float64, clip coefficient", got, want, 2, 1e-6);
        assert_int_equal(((uint32_t *)got)[2], 0);
        fixture_run();
        memcpy(again, fixture_download(norm, 4), sizeof again);
        again[0] /= (float)sqrt(sum);
        assert_memory_equal(got, again, sizeof again);
    }
}

/* More blocks than the last pass has invocations, each of which then adds up several of their sums. The large numbers
 * are in the last blocks, a few of them in all: whatever is left out or counted twice shows. */
static void many_blocks(void **state)
{
    (void)state;
    enum { BLOCK = 8192, MOST = 1100 }; /* workgroups have 1024 invocations at most */
    static const uint32_t counts[] = {40, 300, MOST};
    float                *g        = fixture_alloc((size_t)MOST * BLOCK * sizeof *g);
    GpuSpan               space = fixture_zeros((size_t)MOST * BLOCK), norm = fixture_empty(4),
            partial = fixture_empty(grad_norm_bytes((uint64_t)MOST * BLOCK) / 4);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const uint64_t count = (uint64_t)counts[i] * BLOCK - 5;
        double         sum   = 0;
        Error          error = {0};
        memset(g, 0, (size_t)MOST * BLOCK * sizeof *g);
        for (uint32_t b = 0; b < counts[i]; b++) {
            const double x                 = 1 + (b % 61) / 64.0;
            g[(uint64_t)b * BLOCK + b % 7] = (float)x;
            sum += x * x;
        }
        assert_int_equal(gpu_upload(fixture_gpu(), space, g, count * sizeof *g, &error), STATUS_OK);
        grad_norm(fixture_stream(), norm, gpu_span_slice(space, 0, count * sizeof *g), partial, 0, 1, count);
        fixture_run();
        const float ratio = fixture_download(norm, 1)[0] / (float)sqrt(sum);
        reference_check("norm of many blocks / float64", &ratio, (double[]){1}, 1, 1e-6);
    }
}

/* The step with the clipped gradient is the step with the gradient scaled beforehand. */
static void clipping_scales(void **state)
{
    (void)state;
    enum { N = 1000, DECAY = 600 };
    double      *g = fixture_doubles(N, 2), *p = fixture_doubles(N, 3), *m = fixture_doubles(N, 4);
    double      *v = fixture_alloc(N * sizeof *v), sum = 0;
    AdamwOptions options = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-8, .weight_decay = 0.05};
    for (size_t i = 0; i < N; i++) {
        v[i] = (double)(float)fabs(m[i] * p[i]);
        sum += g[i] * g[i];
    }
    GpuSpan gp = fixture_upload(p, N), gm = fixture_upload(m, N), gv = fixture_upload(v, N), gg = fixture_upload(g, N);
    GpuSpan norm = fixture_empty(4), partial = fixture_empty(grad_norm_bytes(N) / 4);
    GpuStream *stream = fixture_stream();
    grad_norm(stream, norm, gg, partial, 1, 1, N);
    adamw(stream, gp, gm, gv, gg, norm, &options, 7, DECAY, N);
    fixture_run();
    double scale = 1 / (sqrt(sum) + 1e-6);
    for (size_t i = 0; i < N; i++) {
        double clipped = scale * g[i];
        m[i]           = 0.9 * m[i] + 0.1 * clipped;
        v[i]           = 0.98 * v[i] + 0.02 * clipped * clipped;
        p[i] *= i < DECAY ? 1 - options.lr * options.weight_decay : 1;
        p[i] -= options.lr * (m[i] / (1 - pow(0.9, 7))) / (sqrt(v[i] / (1 - pow(0.98, 7))) + options.eps);
    }
    reference_check("clipped step, parameters", fixture_download(gp, N), p, N, 2e-6);
    reference_check("clipped step, first moment", fixture_download(gm, N), m, N, 2e-6);
    reference_check("clipped step, second moment", fixture_download(gv, N), v, N, 2e-6);
}

static void not_finite_skips_the_step(void **state)
{
    (void)state;
    enum { N = 300 };
    const double bad[] = {(double)NAN, (double)INFINITY, 3e38};
    for (size_t k = 0; k < 3; k++) {
        double      *g = fixture_doubles(N, 5), *p = fixture_doubles(N, 6);
        AdamwOptions options = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-8, .weight_decay = 0.05};
        g[123]               = bad[k];
        GpuSpan gp = fixture_upload(p, N), gm = fixture_upload(p, N), gv = fixture_upload(p, N),
                gg        = fixture_upload(g, N);
        GpuSpan      norm = fixture_empty(4), partial = fixture_empty(grad_norm_bytes(N) / 4);
        const float *before = fixture_download(gp, N);
        GpuStream   *stream = fixture_stream();
        grad_norm(stream, norm, gg, partial, 1, 1, N);
        adamw(stream, gp, gm, gv, gg, norm, &options, 1, N, N);
        fixture_run();
        GradNorm got;
        memcpy(&got, fixture_download(norm, 4), sizeof got);
        assert_int_equal(got.not_finite, 1);
        assert_false(isfinite(got.norm));
        assert_true(got.coefficient == 0);
        fixture_check_same("parameters", gp, before, N);
        fixture_check_same("first moment", gm, before, N);
        fixture_check_same("second moment", gv, before, N);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(pytorch_steps), fixture_test(clip_coefficient),
                                       fixture_test(many_blocks), fixture_test(clipping_scales),
                                       fixture_test(not_finite_skips_the_step)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
