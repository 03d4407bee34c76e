/* Ragged causal grouped-query attention against float64, forward and backward. */
#include <math.h>
#include <string.h>

#include "engine/ops/attention_parts.h"
#include "engine/ops/texels.h"
#include "tests/support/attention_fixture.h"
#include "tests/support/gpu_fixture.h"

typedef struct Problem {
    AttentionShape  shape;
    const uint32_t *starts; /* [sequences + 1] */
    uint32_t        sequences, tokens;
    double         *qkv, *d_o, *o, *lse;
} Problem;

static size_t stride_of(AttentionShape s)
{
    return (size_t)(s.heads + 2 * s.kv_heads) * s.head_dim;
}

static const double *query_of(const Problem *p, size_t token, uint32_t head)
{
    return p->qkv + token * stride_of(p->shape) + head * p->shape.head_dim;
}

static size_t key_at(const Problem *p, size_t token, uint32_t head)
{
    const AttentionShape s = p->shape;
    return token * stride_of(s) + (s.heads + head / (s.heads / s.kv_heads)) * s.head_dim;
}

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void reference_forward(const Problem *p)
{
    const AttentionShape s     = p->shape;
    const size_t         value = (size_t)s.kv_heads * s.head_dim; /* from a key to its value */
    const double         scale = 1 / sqrt(s.head_dim);
    for (uint32_t q = 0; q < p->sequences; q++) {
        for (uint32_t t = p->starts[q]; t < p->starts[q + 1]; t++) {
            for (uint32_t h = 0; h < s.heads; h++) {
                double  score[1024], largest = -INFINITY, total = 0;
                double *o = p->o + ((size_t)t * s.heads + h) * s.head_dim;
                for (uint32_t k = p->starts[q]; k <= t; k++) {
                    score[k - p->starts[q]] = scale * dot(query_of(p, t, h), p->qkv + key_at(p, k, h), s.head_dim);
                    largest                 = fmax(largest, score[k - p->starts[q]]);
                }
                memset(o, 0, s.head_dim * sizeof *o);
                for (uint32_t k = p->starts[q]; k <= t; k++) {
                    const double weight = exp(score[k - p->starts[q]] - largest);
                    total += weight;
                    for (uint32_t i = 0; i < s.head_dim; i++) {
                        o[i] += weight * p->qkv[key_at(p, k, h) + value + i];
                    }
                }
                for (uint32_t i = 0; i < s.head_dim; i++) {
                    o[i] /= total;
                }
                p->lse[(size_t)t * s.heads + h] = largest + log(total);
            }
        }
    }
}

static void reference_backward(double *dqkv, const Problem *p)
{
    const AttentionShape s     = p->shape;
    const size_t         value = (size_t)s.kv_heads * s.head_dim;
    const double         scale = 1 / sqrt(s.head_dim);
    for (uint32_t q = 0; q < p->sequences; q++) {
        for (uint32_t t = p->starts[q]; t < p->starts[q + 1]; t++) {
            for (uint32_t h = 0; h < s.heads; h++) {
                const size_t  row = (size_t)t * s.heads + h;
                const double *d_o = p->d_o + row * s.head_dim, *query = query_of(p, t, h);
                double       *dq    = dqkv + (query - p->qkv);
                const double  delta = dot(d_o, p->o + row * s.head_dim, s.head_dim);
                for (uint32_t k = p->starts[q]; k <= t; k++) {
                    const size_t  at     = key_at(p, k, h);
                    const double *key    = p->qkv + at;
                    const double  weight = exp(scale * dot(query, key, s.head_dim) - p->lse[row]);
                    const double  dscore = scale * weight * (dot(d_o, key + value, s.head_dim) - delta);
                    for (uint32_t i = 0; i < s.head_dim; i++) {
                        dq[i] += dscore * key[i];
                        dqkv[at + i] += dscore * query[i];
                        dqkv[at + value + i] += weight * d_o[i];
                    }
                }
            }
        }
    }
}

static double loss(void *user)
{
    Problem *p = user;
    reference_forward(p);
    return dot(p->d_o, p->o, p->tokens * p->shape.heads * p->shape.head_dim);
}

static Problem problem(AttentionShape shape, const uint32_t *starts, uint32_t sequences, double spread)
{
    const uint32_t tokens = starts[sequences];
    const size_t   width  = (size_t)shape.heads * shape.head_dim;
    Problem        p      = {shape,
                             starts,
                             sequences,
                             tokens,
                             fixture_doubles(tokens * stride_of(shape), 1),
                             fixture_doubles(tokens * width, 2),
                             fixture_alloc(tokens * width * sizeof(double)),
                             fixture_alloc((size_t)tokens * shape.heads * sizeof(double))};
    for (size_t i = 0; i < tokens * stride_of(shape); i++) {
        p.qkv[i] = (double)(float)(spread * p.qkv[i]);
    }
    reference_forward(&p);
    return p;
}

/* By one variant, or by the device's own. */
static void check_as(const AttentionVariant *variant, AttentionShape shape, const uint32_t *starts, uint32_t sequences,
                     double spread)
{
    Problem        p    = problem(shape, starts, sequences, spread);
    const size_t   size = p.tokens * stride_of(shape), width = (size_t)shape.heads * shape.head_dim;
    const size_t   rows       = (size_t)p.tokens * shape.heads;
    GpuStream     *stream     = fixture_stream();
    const uint32_t lanes      = variant != NULL ? variant->lanes : attention_lanes(stream);
    const uint32_t tile_count = attention_plan(NULL, starts, sequences, lanes);
    AttentionTile *plan       = fixture_alloc(tile_count * sizeof *plan);
    assert_int_equal(attention_plan(plan, starts, sequences, lanes), tile_count);
    GpuSpan tiles = fixture_words(plan, tile_count * sizeof *plan / 4), qkv = fixture_upload(p.qkv, size);
    GpuSpan d_o = fixture_upload(p.d_o, p.tokens * width), o = fixture_empty(p.tokens * width),
            lse                = fixture_empty(rows);
    GpuSpan              delta = fixture_empty(rows), dqkv = fixture_empty(size);
    const AttentionBatch batch = {.tiles = tiles, .tile_count = tile_count, .variant = variant};
    attention_forward(stream, o, lse, qkv, &batch, shape);
    attention_backward(stream, dqkv, delta, d_o, o, lse, qkv, &batch, shape);
    fixture_run();
    double *want = fixture_alloc(size * sizeof *want);
    reference_backward(want, &p);
    /* Scores are sums of head_dim products, their error grows with their size. */
    const ComputeType compute = variant != NULL ? variant->compute : COMPUTE_F32;
    const double      unit    = compute == COMPUTE_BF16 ? 0x1p-8 : compute == COMPUTE_F16 ? 0x1p-11 : 3e-6;
    fixture_check("o", o, p.o, p.tokens * width, unit * fmax(1, spread * spread));
    fixture_check("lse", lse, p.lse, rows, unit);
    fixture_check("dqkv", dqkv, want, size, 2 * unit * fmax(1, spread * spread));
    const float *first = fixture_download(dqkv, size);
    fixture_run();
    fixture_check_same("dqkv, again", dqkv, first, size);
}

static void check(AttentionShape shape, const uint32_t *starts, uint32_t sequences, double spread)
{
    check_as(NULL, shape, starts, sequences, spread);
}

static const uint32_t one_token[] = {0, 1};
static const uint32_t seven[]     = {0, 7};
static const uint32_t ragged[]    = {0, 1, 9, 9, 41, 42, 58, 133}; /* lengths 1, 8, 0, 32, 1, 16, 75 */

static void reference_gradient_is_right(void **state)
{
    (void)state;
    static const uint32_t starts[] = {0, 1, 6, 13};
    Problem               p        = problem((AttentionShape){4, 2, 6}, starts, 3, 1);
    const size_t          size     = p.tokens * stride_of(p.shape);
    double               *dqkv     = fixture_alloc(size * sizeof *dqkv);
    reference_backward(dqkv, &p);
    fixture_check_gradient("dqkv", loss, &p, p.qkv, dqkv, size, 1e-6);
}

/* Head dims 2 (mod 4) take another path than multiples of 4; every new shape costs a compilation. */
static void head_dims_and_groups(void **state)
{
    (void)state;
    static const AttentionShape shapes[] = {{4, 2, 2},  {4, 1, 10}, {3, 1, 20}, {4, 2, 24},
                                            {6, 2, 16}, {1, 1, 32}, {2, 1, 64}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(shapes[i], ragged, 7, 1);
        gpu_fixture_reset(NULL);
    }
    check((AttentionShape){4, 2, 24}, one_token, 1, 1);
    check((AttentionShape){4, 2, 24}, seven, 1, 1);
}

static void widest_heads(void **state)
{
    (void)state;
    check((AttentionShape){2, 1, 128}, ragged, 7, 1);
    check((AttentionShape){1, 1, 256}, ragged, 5, 1);
}

static void peaked_scores(void **state)
{
    (void)state;
    check((AttentionShape){4, 2, 32}, ragged, 7, 5);
    check((AttentionShape){4, 2, 24}, ragged, 7, 5); /* scores up to a few hundred: the softmax must not overflow */
}

static void long_sequence(void **state)
{
    (void)state;
    static const uint32_t starts[] = {0, 3, 300};
    check((AttentionShape){4, 2, 24}, starts, 2, 1);
}

/* Which kernels a CPU device takes, and that those which older ones take are right on newer ones too. */
static void kernels_of_cpu_devices(void **state)
{
    (void)state;
    const GpuInfo         *info    = gpu_info(fixture_gpu());
    const AttentionVariant columns = attention_variant_named("attention_columns");
    if (columns.lacks[0] != '\0') {
        print_message("attention_columns: %s\n", columns.lacks);
        skip();
    }
    static const uint32_t of_columns[] = {8, 24, 64, 128}, of_lanes[] = {2, 20, 136, 256};
    const bool            gained = texels_lavapipe_fuses(info);
    for (size_t i = 0; i < 4; i++) {
        assert_true(attention_takes_columns(info, of_columns[i]));
        assert_string_equal(attention_choose(info, COMPUTE_F32, of_columns[i]).kernel_name,
                            gained ? "attention_columns" : "attention");
        assert_string_equal(attention_choose(info, COMPUTE_F32, of_lanes[i]).kernel_name, "attention");
    }
    const AttentionVariant other = gained ? attention_variant_named("attention") : columns; /* the one not chosen */
    check_as(&other, (AttentionShape){4, 2, 24}, ragged, 7, 1);
    check_as(&other, (AttentionShape){2, 1, 64}, ragged, 7, 5);
}

static const uint32_t tiles_of_64[] = {0, 1, 2, 66, 129, 129, 336}; /* lengths 1, 1, 64, 63, 0, 207 */

/* What GPUs run, on whatever device there is: every way to divide a row and a tile, over several tiles. */
static void tiled(void **state)
{
    (void)state;
    static const AttentionShape shapes[] = {{4, 1, 10}, {4, 2, 16}, {3, 1, 34}, {2, 1, 80}, {2, 1, 128}};
    const AttentionVariant      variant  = attention_variant_named("attention_tiled");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_as(&variant, shapes[i], tiles_of_64, 6, 1);
        gpu_fixture_reset(NULL);
    }
    check_as(&variant, (AttentionShape){1, 1, 256}, ragged, 7, 1);
    check_as(&variant, (AttentionShape){2, 1, 64}, ragged, 7, 5);
    check_as(&variant, (AttentionShape){2, 1, 64}, one_token, 1, 1);
}

/* On matrix units, against the float64 of what was not rounded: heads whose rows are padded or not, several tiles.
 * Larger heads, the last ones, take lavapipe a minute or more to compile: not CPU devices. */
static void matrix_units(const char *name)
{
    enum { SMALL = 3 };
    static const AttentionShape shapes[] = {{4, 1, 10}, {4, 2, 16}, {1, 1, 24}, {2, 1, 64}, {1, 1, 80}, {1, 1, 128}};
    const size_t                all      = sizeof shapes / sizeof *shapes;
    const size_t                count    = gpu_info(fixture_gpu())->type == GPU_CPU ? SMALL : all;
    const AttentionVariant      variant  = attention_variant_named(name);
    if (variant.lacks[0] != '\0') {
        print_message("%s: %s\n", name, variant.lacks);
        skip();
    }
    for (size_t i = 0; i < count; i++) {
        check_as(&variant, shapes[i], tiles_of_64, 6, 1);
        gpu_fixture_reset(NULL);
    }
}

static void matrix_units_f16(void **state)
{
    (void)state;
    matrix_units("attention_coopmat");
}

static void matrix_units_bf16(void **state)
{
    (void)state;
    matrix_units("attention_coopmat_bf16");
}

/* As Mesa's driver for AMD's cards gets them before version 26: own rows are multiplied once before the first block. */
static void matrix_units_multiplied_ahead(void **state)
{
    (void)state;
    enum { RADV = 3 };
    GpuInfo *info = (GpuInfo *)(uintptr_t)gpu_info(fixture_gpu()), real = *info; /* pretended for this test */
    info->driver_id = RADV, info->driver_version = 25 << 22;
    const AttentionVariant variant = attention_variant_named("attention_coopmat");
    AttentionMatrices      t;
    if (variant.lacks[0] != '\0' || !attention_matrices(info, COMPUTE_F16, ATTENTION_BACKWARD_KV, 40, &t)) {
        *info = real;
        print_message("attention_coopmat: %s\n", variant.lacks);
        skip();
    }
    assert_true(t.ahead);
    check_as(&variant, (AttentionShape){4, 2, 16}, tiles_of_64, 6, 1);
    if (info->type != GPU_CPU) { /* keys and values apart */
        check_as(&variant, (AttentionShape){1, 1, 80}, tiles_of_64, 6, 1);
    }
    *info = real;
    gpu_fixture_reset(NULL);
}

/* As an Intel card gets them: several subgroups share tokens, whose rows lie in shared memory. */
static void matrix_units_of_few_registers(void **state)
{
    (void)state;
    enum { INTEL = 0x8086 };
    GpuInfo *info = (GpuInfo *)(uintptr_t)gpu_info(fixture_gpu()), real = *info; /* pretended for this test */
    info->vendor_id = INTEL;
    AttentionMatrices t;
    if (!attention_matrices(info, COMPUTE_F16, ATTENTION_BACKWARD_KV, 40, &t) || info->matrices[0].m != 8) {
        *info = real;
        print_message("attention_coopmat: the device's matrix units are not as Intel's\n");
        skip();
    }
    assert_true(t.across > 1);
    const AttentionVariant variant = attention_variant_named("attention_coopmat");
    assert_string_equal(variant.lacks, "");
    check_as(&variant, (AttentionShape){4, 2, 10}, tiles_of_64, 6, 1);
    check_as(&variant, (AttentionShape){2, 1, 40}, tiles_of_64, 6, 1);
    *info = real;
    gpu_fixture_reset(NULL);
}

/* A GPU gets them by itself, also one with as little shared memory as there may be. */
static void gpus_get_tiles(void **state)
{
    (void)state;
    GpuInfo *info = (GpuInfo *)(uintptr_t)gpu_info(fixture_gpu()), real = *info; /* pretended for this test */
    info->type = GPU_DISCRETE;
    assert_string_equal(attention_choose(info, COMPUTE_F32, 64).kernel_name, "attention_tiled");
    assert_int_equal(attention_lanes(gpu_transfer_stream(fixture_gpu())), ATTENTION_GPU_LANES);
    check((AttentionShape){2, 1, 64}, tiles_of_64, 6, 1);
    const bool matrices = attention_variant_named("attention_coopmat").lacks[0] == '\0';
    assert_string_equal(attention_choose(info, COMPUTE_F16, 64).kernel_name,
                        matrices ? "attention_coopmat" : "attention_tiled");
    assert_string_equal(attention_choose(info, COMPUTE_F16, 256).kernel_name, "attention_tiled"); /* too large for it */
    info->shared_bytes  = 16384;
    info->max_workgroup = 128;
    check((AttentionShape){2, 1, 64}, tiles_of_64, 6, 1);
    check((AttentionShape){1, 1, 128}, ragged, 7, 1);
    *info = real;
    assert_string_equal(attention_choose(info, COMPUTE_F32, 64).kernel_name,
                        attention_gains_by_columns(info, 64) ? "attention_columns"
                        : info->type == GPU_CPU              ? "attention"
                                                             : "attention_tiled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(reference_gradient_is_right),
        fixture_test(head_dims_and_groups),
        fixture_test(widest_heads),
        fixture_test(peaked_scores),
        fixture_test(long_sequence),
        fixture_test(kernels_of_cpu_devices),
        fixture_test(tiled),
        fixture_test(matrix_units_f16),
        fixture_test(matrix_units_bf16),
        fixture_test(matrix_units_of_few_registers),
        fixture_test(matrix_units_multiplied_ahead),
        fixture_test(gpus_get_tiles),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
