/* How attention is cut into tiles: they fit the device, sequences keep apart, and a sequence's bits do not depend on
 * what else is in the batch. */
#include <string.h>

#include "engine/ops/attention_parts.h"
#include "tests/support/attention_fixture.h"
#include "tests/support/gpu_fixture.h"

/* Every head size's tiles fit every device that Vulkan allows, and cover a tile. */
static void tilings_fit(void **state)
{
    (void)state;
    static const uint32_t shared[] = {16384, 32768, 49152, 65536}, workgroups[] = {128, 256, 1024};
    for (uint32_t i = 0; i < 4 * 3 * 3; i++) {
        const GpuInfo info = {.shared_bytes  = shared[i % 4],
                              .max_workgroup = workgroups[i / 4 % 3],
                              .vendor_id     = i % 3 == 2   ? 0x8086
                                               : i % 2 == 0 ? 0x1002
                                                            : 0x10de};
        GpuInfo       card = info; /* with matrix units, if the build has kernels for them */
        card.tier          = (GpuTier){.cooperative_matrix = true, .subgroup_size_control = true};
        card.min_subgroup = card.max_subgroup = card.subgroup_size = i % 2 == 0 ? 64 : 32;
        card.max_subgroups                                         = i % 5 == 0 ? 4 : 1024 / card.min_subgroup;
        card.matrices[card.matrix_count++] = (GpuMatrix){GPU_MATRIX_F16, i / 12 == 1 ? 8 : 16, 16, 16, 0};
        if (i % 3 == 2) { /* Xe-HPG, Xe2 */
            card.min_subgroup                    = 8;
            card.subgroup_size                   = 32;
            card.matrices[card.matrix_count - 1] = (GpuMatrix){GPU_MATRIX_F16, 8, i % 2 == 0 ? 8 : 16, 16, 0};
        }
        for (uint32_t head_dim = 2; head_dim <= 256; head_dim += 2) {
            const AttentionTiling t = attention_tiling(&info, (AttentionPass)(i / 12), head_dim);
            assert_true(attention_tiling_shared(&t, head_dim) <= info.shared_bytes);
            assert_true(t.threads <= info.max_workgroup && t.threads == t.own / t.per_lane * t.across);
            AttentionMatrices matrices;
            if (attention_matrices(&card, COMPUTE_F16, (AttentionPass)(i / 12), head_dim, &matrices)) {
                assert_true(attention_matrices_shared(&matrices, (AttentionPass)(i / 12), head_dim) <=
                            card.shared_bytes);
                assert_true(matrices.threads <= card.max_workgroup && ATTENTION_GPU_LANES % matrices.own == 0);
                assert_true(matrices.threads / matrices.subgroup <= card.max_subgroups);
                assert_true((matrices.across > 1) == (card.vendor_id == 0x8086));
            }
            assert_true(t.own >= 8 && ATTENTION_GPU_LANES % t.own == 0 && t.step % 4 == 0 &&
                        4 * t.across % t.step == 0);
        }
    }
}

/* The bits of the results of a sequence of so many tokens do not depend on what else is in the batch. */
static void keeps_bits(const char *name, uint32_t head_dim, uint32_t length)
{
    enum { BEFORE = 77, BEHIND = 30, HEADS = 2, BATCHES = 3 };
    const uint32_t starts[BATCHES][4] = {
        {0, length}, {0, BEFORE, BEFORE + length}, {0, BEFORE, BEFORE + length, BEFORE + length + BEHIND}};
    const AttentionShape   shape = {HEADS, 1, head_dim};
    const uint32_t         width = (HEADS + 2) * head_dim, out = HEADS * head_dim;
    const AttentionVariant variant = attention_variant_named(name);
    if (variant.lacks[0] != '\0') {
        print_message("%s: %s\n", name, variant.lacks);
        skip();
    }
    GpuStream *stream = fixture_stream();
    double    *values = fixture_doubles((size_t)(BEFORE + length + BEHIND) * width, 9);
    GpuSpan    o[BATCHES], dqkv[BATCHES];
    for (uint32_t i = 0; i < BATCHES; i++) { /* alone, behind another, and between two */
        const uint32_t tokens = starts[i][1 + i], first = i == 0 ? 0 : BEFORE;
        const uint32_t count = attention_plan(NULL, starts[i], 1 + i, variant.lanes);
        AttentionTile  plan[32];
        assert_true(count <= sizeof plan / sizeof *plan);
        attention_plan(plan, starts[i], 1 + i, variant.lanes);
        const AttentionBatch batch = {
            .tiles = fixture_words(plan, count * sizeof *plan / 4), .tile_count = count, .variant = &variant};
        const GpuSpan qkv = fixture_upload(values + (size_t)(BEFORE - first) * width, (size_t)tokens * width);
        const GpuSpan d_o = fixture_upload(values + (size_t)(BEFORE - first) * out, (size_t)tokens * out);
        const GpuSpan lse = fixture_empty(tokens * HEADS), delta = fixture_empty(tokens * HEADS);
        o[i]    = fixture_empty((size_t)tokens * out);
        dqkv[i] = fixture_empty((size_t)tokens * width);
        attention_forward(stream, o[i], lse, qkv, &batch, shape);
        attention_backward(stream, dqkv[i], delta, d_o, o[i], lse, qkv, &batch, shape);
    }
    fixture_run();
    const size_t o_size = (size_t)length * out, d_size = (size_t)length * width;
    for (uint32_t i = 1; i < BATCHES; i++) {
        const GpuSpan o_at = gpu_span_slice(o[i], (uint64_t)BEFORE * out * 4, o_size * 4);
        const GpuSpan d_at = gpu_span_slice(dqkv[i], (uint64_t)BEFORE * width * 4, d_size * 4);
        fixture_check_same("o", o_at, fixture_download(o[0], o_size), o_size);
        fixture_check_same("dqkv", d_at, fixture_download(dqkv[0], d_size), d_size);
    }
}

static void tiles_keep_bits(void **state)
{
    (void)state;
    keeps_bits("attention_tiled", 64, 150);
}

static void columns_keep_bits(void **state)
{
    (void)state;
    keeps_bits("attention_columns", 24, 150);
    keeps_bits("attention_columns", 24, 5); /* alone it is shorter than a block of keys */
}

static void matrix_units_keep_bits(void **state)
{
    (void)state;
    keeps_bits("attention_coopmat", 16, 150);
}

static void plan_keeps_sequences_apart(void **state)
{
    (void)state;
    static const uint32_t ragged[] = {0, 1, 9, 9, 41, 42, 58, 133}; /* lengths 1, 8, 0, 32, 1, 16, 75 */
    AttentionTile         tiles[32];
    uint32_t              covered = 0, count = attention_plan(tiles, ragged, 7, 8);
    assert_int_equal(count, 1 + 1 + 0 + 4 + 1 + 2 + 10);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(tiles[i].first, covered);
        assert_true(tiles[i].count >= 1 && tiles[i].count <= 8);
        covered += tiles[i].count;
        assert_true(tiles[i].begin <= tiles[i].first && covered <= tiles[i].end);
        uint32_t s = 0;
        while (ragged[s + 1] <= tiles[i].first) {
            s++;
        }
        assert_int_equal(tiles[i].begin, ragged[s]);
        assert_int_equal(tiles[i].end, ragged[s + 1]);
    }
    assert_int_equal(covered, 133);
}

static void odd_head_dim_fails(void **state)
{
    (void)state;
    GpuStream *stream = fixture_stream();
    GpuSpan    span   = fixture_zeros(64);
    Error      error  = {0};
    attention_forward(stream, span, span, span, &(AttentionBatch){.tiles = span, .tile_count = 1},
                      (AttentionShape){1, 1, 3});
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "head_dim"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tilings_fit),
        fixture_test(tiles_keep_bits),
        fixture_test(columns_keep_bits),
        fixture_test(matrix_units_keep_bits),
        cmocka_unit_test(plan_keeps_sequences_apart),
        fixture_test(odd_head_dim_fails),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
