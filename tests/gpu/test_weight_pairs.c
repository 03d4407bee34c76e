/* SwiGLU and RoPE in the product's own kernel: the bits of the product and a pass after it, for every kernel that takes
 * them and every format of the weight; and what no such kernel takes goes through the pass. */
#include <math.h>
#include <string.h>

#include "engine/ops/matmul_pairs.h"
#include "engine/ops/rope.h"
#include "engine/ops/swiglu.h"
#include "engine/ops/weight_pairs.h"
#include "tests/support/weight_fixture.h"

typedef struct Case {
    uint32_t m, ff, k, heads, kv_heads, head_dim;
    bool     bias, odd; /* odd: what is read and written starts one vec4 behind a place where devices bind */
} Case;

static const Case cases[] = {{1, 32, 16, 1, 1, 2, false, false},
                             {37, 100, 72, 3, 1, 16, true, false},
                             {130, 256, 40, 2, 2, 64, false, true},
                             {65, 36, 100, 4, 2, 8, true, true},
                             {20, 132, 33, 2, 1, 128, true, false}};
enum { CASES = sizeof cases / sizeof *cases };

/* A span for floats that is NaN, or holds `values`. */
static GpuSpan place(const double *values, size_t count, bool odd)
{
    double *all = fixture_alloc((count + 4) * sizeof *all);
    for (size_t i = 0; i < count + 4; i++) {
        all[i] = values != NULL && i >= 4 ? values[i - 4] : NAN;
    }
    return gpu_span_slice(fixture_upload(all + (odd ? 0 : 4), count + (odd ? 4 : 0)), odd ? 16 : 0, count * 4);
}

static Matmul product_of(const Case *t, uint32_t n, GpuSpan a, GpuSpan bias, const MatmulVariant *variant)
{
    return (Matmul){.layout  = MATMUL_NT,
                    .c       = place(NULL, (size_t)t->m * n, false),
                    .a       = a,
                    .bias    = t->bias ? bias : (GpuSpan){0},
                    .m       = t->m,
                    .n       = n,
                    .k       = t->k,
                    .variant = variant};
}

static TypedSpan act_of(const Case *t, ComputeType type, bool odd)
{
    const size_t count = (size_t)t->m * t->ff;
    return (TypedSpan){place(NULL, type == COMPUTE_F32 ? count : (count + 1) / 2, odd), type};
}

/* Words of two spans are the same, and none was left as it was. */
static void check_words(const char *name, GpuSpan a, GpuSpan b, size_t count)
{
    const float *x = fixture_download(a, count), *y = fixture_download(b, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t u, v;
        memcpy(&u, &x[i], 4);
        memcpy(&v, &y[i], 4);
        if (u != v || u == 0x7FC00000u) {
            fail_msg("%s: word %zu is %08x, by the pass %08x", name, i, (unsigned)u, (unsigned)v);
        }
    }
}

/* Whether C of a product that only wanted its act is as it was. */
static void check_untouched(GpuSpan c, size_t count)
{
    const float *x = fixture_download(c, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(isnan(x[i]));
    }
}

/* Returns whether the product took the pairs. */
static bool check_swiglu(const Case *t, Weight weight, GpuSpan a, GpuSpan bias, const MatmulVariant *variant,
                         ComputeType type, bool keep)
{
    GpuStream        *stream = fixture_stream();
    const size_t      size = (size_t)t->m * t->ff, words = type == COMPUTE_F32 ? size : size / 2;
    const TypedSpan   want_act = act_of(t, type, false);
    TypedSpan         act      = act_of(t, type, false);
    Matmul            p        = product_of(t, 2 * t->ff, a, bias, variant);
    const Matmul      want     = product_of(t, 2 * t->ff, a, bias, variant);
    const MatmulPairs pairs    = {.pairing = PAIRS_SWIGLU, .distance = t->ff, .act = act};
    p.pairs                    = &pairs;
    const bool takes           = weight_takes_pairs(stream, &p, &weight);
    p.pairs                    = NULL;
    if (takes && t->odd) { /* the pass needs places where devices bind, the product does not */
        p.c = place(NULL, 2 * size, true);
        act = act_of(t, type, true);
    }
    weight_matmul_swiglu(stream, &p, &weight, act, keep);
    weight_matmul(stream, &want, &weight);
    swiglu_forward(stream, want_act, want.c, t->m, t->ff);
    fixture_run();
    check_words("act", act.span, want_act.span, words);
    if (keep || !takes) {
        check_words("gate and up", p.c, want.c, 2 * size);
    } else {
        check_untouched(p.c, 2 * size);
    }
    return takes;
}

static bool check_rope(const Case *t, Weight weight, GpuSpan a, GpuSpan bias, const MatmulVariant *variant)
{
    enum { POSITIONS = 50 };
    GpuStream     *stream   = fixture_stream();
    const uint32_t n        = (t->heads + 2 * t->kv_heads) * t->head_dim;
    float         *table    = fixture_alloc(rope_table_bytes(POSITIONS, t->head_dim));
    int32_t       *position = fixture_alloc(t->m * sizeof *position);
    rope_table_fill(table, &(RopeConfig){.theta = 10000}, POSITIONS, t->head_dim);
    for (uint32_t i = 0; i < t->m; i++) {
        position[i] = (int32_t)(7 * i % POSITIONS);
    }
    const RopeTurn    turn  = {.table     = fixture_words(table, (size_t)POSITIONS * t->head_dim),
                               .position  = fixture_words(position, t->m),
                               .heads     = t->heads,
                               .kv_heads  = t->kv_heads,
                               .head_dim  = t->head_dim,
                               .positions = POSITIONS};
    Matmul            p     = product_of(t, n, a, bias, variant);
    const Matmul      want  = product_of(t, n, a, bias, variant);
    const MatmulPairs pairs = {.pairing = PAIRS_ROPE, .distance = t->head_dim / 2};
    p.pairs                 = &pairs;
    const bool takes        = weight_takes_pairs(stream, &p, &weight);
    p.pairs                 = NULL;
    if (takes && t->odd) {
        p.c = place(NULL, (size_t)t->m * n, true);
    }
    weight_matmul_rope(stream, &p, &weight, &turn);
    weight_matmul(stream, &want, &weight);
    rope_forward(stream, want.c, turn.table, turn.position, t->m, t->heads, t->kv_heads, t->head_dim, POSITIONS);
    fixture_run();
    check_words("q, k, v", p.c, want.c, (size_t)t->m * n);
    return takes;
}

/* All cases; returns how many products took their pairs. */
static int check_all(const MatmulVariant *variant, ComputeType compute, WeightFormat format)
{
    int taken = 0;
    for (int i = 0; i < CASES; i++) {
        const Case *t = &cases[i];
        gpu_fixture_reset(NULL);
        double        *values;
        const uint32_t n = (t->heads + 2 * t->kv_heads) * t->head_dim, most = n > 2 * t->ff ? n : 2 * t->ff;
        Weight         gate_up = fixture_weight(format, 2 * t->ff, t->k, &values);
        Weight         qkv     = fixture_weight(format, n, t->k, &values);
        const GpuSpan  a       = place(fixture_doubles((size_t)t->m * t->k, 1), (size_t)t->m * t->k, t->odd);
        const GpuSpan  bias    = place(fixture_doubles(most, 2), most, t->odd);
        gate_up.compute = qkv.compute = compute;
        taken += check_swiglu(t, gate_up, a, bias, variant, COMPUTE_F32, false);
        taken += check_swiglu(t, gate_up, a, bias, variant, COMPUTE_F32, true);
        if (compute != COMPUTE_F32) {
            taken += check_swiglu(t, gate_up, a, bias, variant, compute, false);
            taken += check_swiglu(t, gate_up, a, bias, variant, compute, true);
        }
        taken += check_rope(t, qkv, a, bias, variant);
    }
    return taken;
}

static void tiles(void **state)
{
    (void)state;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    for (int i = 0; i < count; i++) {
        if (list[i].kernel == KERNEL_TILED) {
            assert_int_equal(check_all(&list[i], COMPUTE_F32, WEIGHT_F32), 3 * CASES);
            assert_int_equal(check_all(&list[i], COMPUTE_F16, WEIGHT_F16), 3 * CASES); /* not with halves as act */
        }
    }
}

static void matrix_units(void **state)
{
    (void)state;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    bool          ran = false, took = false;
    for (int i = 0; i < count; i++) {
        const bool second = list[i].kernel == KERNEL_COOPMAT2;
        if ((list[i].kernel != KERNEL_COOPMAT && !second) || list[i].lacks[0] != '\0') {
            continue;
        }
        ran = true;
        for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
            if (list[i].size > 0 && format != WEIGHT_F32 && format != WEIGHT_INT4) {
                continue; /* how a weight is read does not depend on the tiles */
            }
            const int taken = check_all(&list[i], list[i].compute, format);
            assert_true(taken == 0 || second || taken == 5 * CASES); /* by the tiles */
            took = took || taken > 0;
        }
    }
    if (!ran) {
        skip();
    }
    assert_true(took);
}

/* The device's own choice, also on CPU devices, whose kernels take no pairs; of few rows; and a model's frozen weights.
 */
static void chosen(void **state)
{
    (void)state;
    for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
        check_all(NULL, COMPUTE_F32, format);
    }
    check_all(NULL, COMPUTE_BF16, WEIGHT_BF16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(tiles), fixture_test(matrix_units), fixture_test(chosen)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
