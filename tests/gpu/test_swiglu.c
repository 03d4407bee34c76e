/* SwiGLU against float64. */
#include <math.h>

#include "engine/ops/swiglu.h"
#include "tests/support/gpu_fixture.h"

typedef struct Problem {
    uint32_t tokens, ff;
    double  *gate_up, *dact;
} Problem;

static double act_of(const Problem *p, size_t t, size_t i)
{
    const double gate = p->gate_up[t * 2 * p->ff + i], up = p->gate_up[t * 2 * p->ff + p->ff + i];
    return gate / (1 + exp(-gate)) * up;
}

static double loss(void *user)
{
    const Problem *p   = user;
    double         sum = 0;
    for (size_t t = 0; t < p->tokens; t++) {
        for (size_t i = 0; i < p->ff; i++) {
            sum += p->dact[t * p->ff + i] * act_of(p, t, i);
        }
    }
    return sum;
}

static void check(uint32_t tokens, uint32_t ff, double spread)
{
    const size_t size = (size_t)tokens * ff;
    Problem      p    = {tokens, ff, fixture_doubles(2 * size, 1), fixture_doubles(size, 2)};
    double      *act = fixture_alloc(size * sizeof *act), *dgate_up = fixture_alloc(2 * size * sizeof *dgate_up);
    for (size_t i = 0; i < 2 * size; i++) {
        p.gate_up[i] = (double)(float)(p.gate_up[i] * spread);
    }
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < ff; i++) {
            const size_t at   = t * 2 * ff + i;
            const double gate = p.gate_up[at], up = p.gate_up[at + ff], d = p.dact[t * ff + i];
            const double sigmoid = 1 / (1 + exp(-gate));
            act[t * ff + i]      = act_of(&p, t, i);
            dgate_up[at]         = d * up * (sigmoid + gate * sigmoid * (1 - sigmoid));
            dgate_up[at + ff]    = d * gate * sigmoid;
        }
    }
    if (spread < 2) {
        fixture_check_gradient("dgate_up", loss, &p, p.gate_up, dgate_up, 2 * size, 1e-5);
    }
    GpuSpan    gate_up = fixture_upload(p.gate_up, 2 * size), dact = fixture_upload(p.dact, size);
    GpuSpan    gact = fixture_empty(size), gd = fixture_empty(2 * size);
    GpuStream *stream = fixture_stream();
    swiglu_forward(stream, typed_f32(gact), gate_up, tokens, ff);
    swiglu_backward(stream, typed_f32(gd), dact, gate_up, tokens, ff);
    swiglu_backward(stream, typed_f32(gate_up), dact, gate_up, tokens, ff);
    fixture_run();
    /* A handful of roundings, and an exp that Vulkan allows (3 + 2|x|) ulp. */
    fixture_check("act", gact, act, size, 3e-6);
    fixture_check("dgate_up", gd, dgate_up, 2 * size, 3e-6);
    fixture_check("dgate_up, in place", gate_up, dgate_up, 2 * size, 3e-6);
}

static void odd_shapes(void **state)
{
    (void)state;
    check(1, 1, 1);
    check(7, 10, 1);
    check(133, 256, 1);
    check(3, 1030, 1);
    check(5, 16, 1);
    check(2, 48, 1);
    check(3, 1024, 1);
    check(66000, 16, 1); /* more than the workgroups of a dispatch */
}

/* Halves are the floats rounded. */
static void writes_halves(void **state)
{
    (void)state;
    enum { TOKENS = 5, FF = 36, SIZE = TOKENS * FF };
    const GpuSpan gate_up = fixture_upload(fixture_doubles(2 * SIZE, 1), 2 * SIZE),
                  dact    = fixture_upload(fixture_doubles(SIZE, 2), SIZE);
    const GpuSpan act = fixture_empty(SIZE), d = fixture_empty(2 * SIZE);
    for (ComputeType type = COMPUTE_BF16; type <= COMPUTE_F16; type++) {
        const TypedSpan act_halves = {fixture_empty(SIZE / 2), type}, d_halves = {fixture_empty(SIZE), type};
        GpuStream      *stream = fixture_stream();
        swiglu_forward(stream, typed_f32(act), gate_up, TOKENS, FF);
        swiglu_forward(stream, act_halves, gate_up, TOKENS, FF);
        swiglu_backward(stream, typed_f32(d), dact, gate_up, TOKENS, FF);
        swiglu_backward(stream, d_halves, dact, gate_up, TOKENS, FF);
        fixture_run();
        fixture_check_halves("act", act_halves, fixture_download(act, SIZE), SIZE);
        fixture_check_halves("dgate_up", d_halves, fixture_download(d, 2 * SIZE), 2 * SIZE);
    }
}

static void large_gates_stay_finite(void **state)
{
    (void)state;
    check(9, 40, 60); /* exp(-gate) overflows */
    check(9, 96, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(odd_shapes), fixture_test(writes_halves),
                                       fixture_test(large_gates_stay_finite)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
