/* Products with frozen weights on matrix units, which dequantize the weight in their tiles or before. */
#include <string.h>

#include "tests/support/weight_fixture.h"

/* The products of one kernel on matrix units: every case, format and layout; and of an int8 and an int4 weight no row's
 * bits depend on how many there are. */
static void check_matrix_units(const MatmulVariant *variant)
{
    for (size_t i = 0; i < WEIGHT_CASES; i++) {
        for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS; format++) {
            for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
                gpu_fixture_reset(NULL);
                fixture_check_weight(format, layout, &weight_cases[i], variant->compute, variant);
            }
        }
    }
}

/* The first rows of 45 have the same bits whichever tiles take them, and among fewer. */
static void tiles_and_rows_do_not_show(const MatmulVariant *const *variants, int count)
{
    enum { MANY = 45, FEW = 9, ROWS = 68, COLUMNS = 1100 };
    for (WeightFormat format = WEIGHT_INT8; format <= WEIGHT_INT4; format++) {
        for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
            const bool     nt = layout == MATMUL_NT;
            const uint32_t n = nt ? ROWS : COLUMNS, k = nt ? COLUMNS : ROWS;
            gpu_fixture_reset(NULL);
            double       *values;
            Weight        weight = fixture_weight(format, ROWS, COLUMNS, &values);
            const GpuSpan a      = fixture_upload(fixture_doubles((size_t)MANY * k, 1), (size_t)MANY * k);
            const float  *first  = NULL;
            weight.compute       = variants[0]->compute;
            for (int i = 0; i < 2 * count; i++) {
                const uint32_t m = i % 2 == 0 ? MANY : FEW;
                const Matmul   p = {.layout  = layout,
                                    .c       = fixture_empty((size_t)m * n),
                                    .a       = a,
                                    .m       = m,
                                    .n       = n,
                                    .k       = k,
                                    .variant = variants[i / 2]};
                weight_matmul(fixture_stream(), &p, &weight);
                fixture_run();
                if (first == NULL) {
                    first = fixture_download(p.c, (size_t)MANY * n);
                } else {
                    fixture_check_same(weight_format_name(format), p.c, first, (size_t)m * n);
                }
            }
        }
    }
}

/* Many rows with the weight dequantized before the product, in one part and in several: the bits of a product that
 * dequantizes it in its tiles. */
static void dequantized_once_is_same(const MatmulVariant *variant)
{
    enum { M = 1030, ROWS = 300, COLUMNS = 150, TILE = 128 };
    const ComputeType compute = variant->compute;
    for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
        for (MatmulLayout layout = MATMUL_NN; layout <= MATMUL_NT; layout++) {
            const bool     nt = layout == MATMUL_NT;
            const uint32_t n = nt ? ROWS : COLUMNS, k = nt ? COLUMNS : ROWS;
            if (format == (compute == COMPUTE_BF16 ? WEIGHT_BF16 : WEIGHT_F16)) {
                continue; /* read as it is */
            }
            gpu_fixture_reset(NULL);
            double        *values;
            Weight         weight = fixture_weight(format, ROWS, COLUMNS, &values);
            const uint64_t all = weight_halves_bytes(layout, n, k), tile = weight_halves_bytes(layout, TILE, k);
            const uint64_t sizes[] = {0, all, tile};
            const GpuSpan  add     = fixture_upload(fixture_doubles((size_t)M * n, 4), (size_t)M * n);
            GpuStream     *stream  = fixture_stream();
            GpuSpan        c[3], spaces[3];
            weight.compute = compute;
            assert_true(tile < all);
            for (int i = 0; i < 3; i++) {
                Matmul p    = {.layout  = layout,
                               .c       = fixture_empty((size_t)M * n),
                               .a       = fixture_upload(fixture_doubles((size_t)M * k, 1), (size_t)M * k),
                               .add     = add,
                               .bias    = fixture_upload(fixture_doubles(n, 5), n),
                               .m       = M,
                               .n       = n,
                               .k       = k,
                               .variant = variant};
                p.workspace = spaces[i] = sizes[i] > 0 ? fixture_empty(sizes[i] / 4) : p.workspace;
                c[i]                    = p.c;
                weight_matmul(stream, &p, &weight);
            }
            fixture_run();
            for (int i = 1; i < 3; i++) {
                fixture_check_same(weight_format_name(format), c[i], fixture_download(c[0], (size_t)M * n),
                                   (size_t)M * n);
                uint32_t first;
                memcpy(&first, fixture_download(spaces[i], 1), sizeof first);
                assert_int_not_equal(first, 0x7FC00000); /* there lies the weight */
            }
        }
    }
}

static void on_matrix_units(void **state)
{
    (void)state;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(gpu_info(fixture_gpu()), list);
    bool          ran   = false;
    for (ComputeType compute = COMPUTE_BF16; compute <= COMPUTE_F16; compute++) {
        const MatmulVariant *able[MATMUL_VARIANTS];
        int                  ables = 0;
        for (int i = 0; i < count; i++) {
            if (list[i].kernel == KERNEL_COOPMAT && list[i].compute == compute) {
                if (list[i].lacks[0] == '\0') {
                    able[ables++] = &list[i];
                } else {
                    print_message("without %s: %s\n", list[i].kernel_name, list[i].lacks);
                }
            }
        }
        if (ables > 0) {
            check_matrix_units(able[ables - 1]); /* the smallest tiles, which compile soonest */
            tiles_and_rows_do_not_show(able, ables);
            dequantized_once_is_same(able[ables - 1]);
            ran = true;
        }
    }
    if (!ran) {
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(on_matrix_units)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
