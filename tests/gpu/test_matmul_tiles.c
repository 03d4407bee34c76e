/* Matrix products have the same bits whatever tiles they are made of and whether B was packed before. */
#include <stdio.h>
#include <string.h>

#include "engine/ops/matmul_parts.h"
#include "tests/support/gpu_fixture.h"

/* Of a product with edges and of a split one: the same bits with all tiles, so that which of them is taken is a
 * matter of speed only. */
static void tiles_do_not_show(void **state)
{
    (void)state;
    enum { M = 150, N = 140, K = 1200 };
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
        const float *first[KERNEL_COOPMAT2 + 1][COMPUTE_F16 + 1] = {{NULL}}; /* of each kernel */
        gpu_fixture_reset(NULL);
        const GpuSpan a = fixture_upload(fixture_doubles(M * K, 1), M * K),
                      b = fixture_upload(fixture_doubles(N * K, 2), N * K);
        for (int i = 0; i < count; i++) {
            const bool tiled          = list[i].kernel == KERNEL_TILED;
            const bool on_matrix_unit = list[i].kernel == KERNEL_COOPMAT || list[i].kernel == KERNEL_COOPMAT2;
            if ((!on_matrix_unit && !tiled) || list[i].lacks[0] != '\0') {
                continue;
            }
            GpuStream     *stream = fixture_stream();
            const uint64_t bytes =
                matmul_variant_workspace(stream, &list[i], list[i].compute, (MatmulLayout)layout, M, N, K);
            Matmul p = {.layout  = (MatmulLayout)layout,
                        .c       = fixture_empty(M * N),
                        .a       = a,
                        .b       = b,
                        .compute = list[i].compute,
                        .m       = M,
                        .n       = N,
                        .k       = K,
                        .variant = &list[i]};
            if (bytes > 0) {
                p.workspace = fixture_empty(bytes / 4);
            }
            assert_true(layout != MATMUL_TN || bytes > 0 || tiled);
            matmul(stream, &p);
            fixture_run();
            if (first[list[i].kernel][list[i].compute] == NULL) {
                first[list[i].kernel][list[i].compute] = fixture_download(p.c, M * N);
            } else {
                fixture_check_same(list[i].detail, p.c, first[list[i].kernel][list[i].compute], M * N);
            }
        }
    }
}

/* With room in the workspace, f32 is rounded once before the product instead of in each tile: the same bits. */
static void rounded_once_is_same(void **state)
{
    static const struct {
        MatmulLayout layout;
        uint32_t     m, n, k;
        bool         a, b; /* what is rounded */
    } cases[] = {{MATMUL_NT, 300, 2056, 20, true, false},  {MATMUL_NN, 257, 2049, 37, true, false},
                 {MATMUL_TN, 41, 2050, 300, true, false},  {MATMUL_TN, 2056, 33, 301, false, true},
                 {MATMUL_TN, 2049, 2056, 256, true, true}, {MATMUL_NT, 100, 2056, 20, false, false},
                 {MATMUL_NT, 300, 2000, 20, false, false}};
    (void)state;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    bool          ran   = false;
    for (int v = 0; v < count; v++) {
        const bool last =
            v + 1 == count || list[v + 1].kernel != list[v].kernel || list[v + 1].compute != list[v].compute;
        if ((list[v].kernel != KERNEL_COOPMAT && list[v].kernel != KERNEL_COOPMAT2) || list[v].lacks[0] != '\0' ||
            !last) {
            continue; /* of a kernel the smallest tiles, which compile soonest */
        }
        ran = true;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const MatmulLayout layout = cases[i].layout;
            const uint32_t     m = cases[i].m, n = cases[i].n, k = cases[i].k;
            gpu_fixture_reset(NULL);
            GpuStream         *stream = fixture_stream();
            const MatmulPlan   plan   = matmul_plan_as(stream, &list[v], list[v].compute, layout, m, n, k);
            const MatmulHalves halves = matmul_halves(&plan, layout, m, n, k);
            const uint64_t     bytes  = matmul_variant_workspace(stream, &list[v], list[v].compute, layout, m, n, k);
            const uint64_t     wanted = halves.a + halves.b;
            const bool         cheap  = plan.coopmat.converts; /* then it takes more tiles to be worth a pass */
            assert_true((halves.a > 0) == (cases[i].a && !cheap) && (halves.b > 0) == (cases[i].b && !cheap));
            assert_true(bytes >= wanted);
            Matmul       p = {.layout  = layout,
                              .a       = fixture_upload(fixture_doubles((size_t)m * k, 1), (size_t)m * k),
                              .b       = fixture_upload(fixture_doubles((size_t)n * k, 2), (size_t)n * k),
                              .compute = list[v].compute,
                              .m       = m,
                              .n       = n,
                              .k       = k,
                              .variant = &list[v]};
            GpuSpan      c[2];
            const size_t words = bytes / 4;
            for (int once = 0; once < 2; once++) {
                p.c = c[once] = fixture_empty((size_t)m * n);
                p.workspace   = words > 0 ? fixture_empty(words) : p.workspace;
                p.workspace   = words > 0 && once == 0 ? gpu_span_slice(p.workspace, 0, bytes - wanted) : p.workspace;
                matmul(stream, &p);
            }
            fixture_run();
            char name[80];
            snprintf(name, sizeof name, "%s, layout %d, m %u n %u k %u", list[v].kernel_name, (int)layout, m, n, k);
            fixture_check_same(name, c[1], fixture_download(c[0], (size_t)m * n), (size_t)m * n);
            if (wanted > 0) {
                const float *space = fixture_download(p.workspace, words);
                uint32_t     first;
                memcpy(&first, space + (words - wanted / 4), sizeof first);
                if (first == 0x7FC00000u) {
                    fail_msg("%s: nothing was rounded before it", name);
                }
            }
        }
    }
    if (!ran) {
        skip();
    }
}

/* The first rows of a product have the same bits however many rows there are, and whether B was packed before. */
static void packed_or_not_is_same(void **state)
{
    static const uint32_t sizes[][2] = {{64, 96}, {36, 44}, {100, 1000}, {516, 32}, {20, 8}}; /* n, k */
    enum { MOST = 40 };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        gpu_fixture_reset(NULL);
        const MatmulLayout layout = i % 2 == 0 ? MATMUL_NT : MATMUL_NN;
        const uint32_t     n = sizes[i / 2][0], k = sizes[i / 2][1];
        GpuStream         *stream    = fixture_stream();
        const uint64_t     workspace = matmul_workspace(stream, layout, MOST, n, k);
        const uint64_t     panels    = matmul_panel_bytes(stream, layout, n, k);
        Matmul             p         = {.layout = layout,
                                        .b      = fixture_upload(fixture_doubles((size_t)n * k, 2), (size_t)n * k),
                                        .bias   = fixture_upload(fixture_doubles(n, 3), n),
                                        .n      = n,
                                        .k      = k};
        const double      *a         = fixture_doubles((size_t)MOST * k, 1);
        p.workspace                  = workspace > 0 ? fixture_empty(workspace / 4) : p.workspace;
        GpuSpan packed = panels > 0 ? fixture_empty(panels / 4) : (GpuSpan){0}, c[2][MOST + 1] = {{{0}}};
        if (panels > 0) {
            p.panels = packed;
            matmul_pack(stream, &p);
        }
        for (uint32_t m = MOST; m > 0; m -= m > 14 ? 13 : 1) {
            for (int from = 0; from < (panels > 0 ? 2 : 1); from++) {
                p.m = m;
                p.a = fixture_upload(a, (size_t)m * k);
                p.c = c[from][m] = fixture_empty((size_t)m * n);
                p.panels         = from == 1 ? packed : (GpuSpan){0};
                matmul(stream, &p);
            }
        }
        fixture_run();
        for (uint32_t m = 1; m <= MOST; m++) {
            for (int from = 0; from < 2; from++) {
                if (c[from][m].buffer != NULL) {
                    char name[80];
                    snprintf(name, sizeof name, "%u of 40 rows, n %u k %u layout %d%s", m, n, k, (int)layout,
                             from == 1 ? ", panels" : "");
                    fixture_check_same(name, c[0][MOST], fixture_download(c[from][m], (size_t)m * n), (size_t)m * n);
                }
            }
        }
    }
}

/* Tiles that a product takes by itself: enough of them, and none with rows or columns that nobody asked for. */
static void takes_tiles_that_fit(void **state)
{
    static const CoopmatTiles tiles[] = {{.tile_m = 128, .tile_n = 128},
                                         {.tile_m = 64, .tile_n = 64},
                                         {.tile_m = 32, .tile_n = 32},
                                         {.tile_m = 16, .tile_n = 64}};
    static const struct {
        uint32_t m, n, size;
    } want[] = {{2048, 28672, 0}, {100, 28672, 0}, {64, 28672, 1}, {30, 28672, 2}, {16, 28672, 3},
                {1, 128, 3},      {2048, 40, 2},   {2048, 32, 2},  {256, 1024, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(matmul_choice_size((MatmulChoice){0}, tiles, 4, 96, 1, want[i].m, want[i].n), want[i].size);
        assert_int_equal(
            matmul_choice_size((MatmulChoice){.exact = true, .size = 1}, tiles, 4, 96, 1, want[i].m, want[i].n), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(packed_or_not_is_same), fixture_test(takes_tiles_that_fit),
                                       fixture_test(rounded_once_is_same), fixture_test(tiles_do_not_show)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
