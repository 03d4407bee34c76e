/* Timing the kernels of this device: what is timed is right, and what is chosen is what products then take. */
#include <string.h>

#include "engine/ops/matmul_choice.h"
#include "tests/support/gpu_fixture.h"

static MatmulProbe measured(ComputeType compute, double seconds)
{
    Error       error = {0};
    MatmulProbe probe;
    matmul_probe_begin(gpu_info(fixture_gpu()), compute, &probe);
    if (matmul_probe_measure(fixture_gpu(), &probe, seconds, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return probe;
}

/* Without time the table's are still measured, and nothing else. */
static void table_is_always_measured(void **state)
{
    (void)state;
    for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute += 2) {
        MatmulProbe probe = measured(compute, 0);
        assert_true(probe.side >= 64);
        for (int c = 0; c < MATMUL_CLASSES; c++) {
            for (int i = 0; i < probe.count; i++) {
                assert_true((probe.candidates[i].seconds[c] > 0) == (probe.table[c] == i));
                assert_true((matmul_candidate_flops(&probe, i, (MatmulClass)c) > 0) == (probe.table[c] == i));
                assert_true((matmul_candidate_bytes(&probe, i, (MatmulClass)c) > 0) == (probe.table[c] == i));
            }
        }
        matmul_probe_choose(&probe);
        assert_memory_equal(probe.chosen, probe.table, sizeof probe.table);
    }
}

/* With enough of it all that this device can run are: none multiplies wrongly. */
static void all_are_measured(void **state)
{
    (void)state;
    const MatmulProbe probe = measured(COMPUTE_F16, 600);
    for (int i = 0; i < probe.count; i++) {
        const MatmulCandidate *candidate = &probe.candidates[i];
        print_message("%s %s: %g, %g, %g s\n", candidate->variant.kernel_name, candidate->variant.detail,
                      candidate->seconds[0], candidate->seconds[1], candidate->seconds[2]);
        for (int c = 0; c < MATMUL_CLASSES; c++) {
            assert_true(candidate->seconds[c] > 0);
        }
    }
}

/* Every candidate, once it is chosen, multiplies as if it were asked for by name. */
static void chosen_is_taken(void **state)
{
    (void)state;
    enum { M = 72, N = 72, K = 520 };
    for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute += 2) {
        MatmulProbe probe;
        matmul_probe_begin(gpu_info(fixture_gpu()), compute, &probe);
        for (int i = 0; i < probe.count; i++) {
            gpu_fixture_reset(NULL);
            for (int c = 0; c < MATMUL_CLASSES; c++) {
                probe.chosen[c] = i;
            }
            for (int layout = MATMUL_NN; layout <= MATMUL_TN; layout++) {
                GpuStream                 *stream  = fixture_stream();
                const MatmulVariant *const by[2]   = {&probe.candidates[i].variant, NULL};
                GpuSpan                    c[2]    = {fixture_empty(M * N), fixture_empty(M * N)};
                Matmul                     product = {.layout  = (MatmulLayout)layout,
                                                      .a       = fixture_upload(fixture_doubles(M * K, 1), M * K),
                                                      .b       = fixture_upload(fixture_doubles(N * K, 2), N * K),
                                                      .compute = compute,
                                                      .m       = M,
                                                      .n       = N,
                                                      .k       = K};
                for (int chosen = 0; chosen < 2; chosen++) {
                    if (chosen) {
                        matmul_probe_use(fixture_gpu(), &probe);
                        assert_string_equal(matmul_kernel_name(stream, compute, (MatmulLayout)layout, M, N, K),
                                            probe.candidates[i].variant.kernel_name);
                    }
                    const uint64_t bytes =
                        matmul_variant_workspace(stream, by[chosen], compute, (MatmulLayout)layout, M, N, K);
                    product.workspace = bytes > 0 ? fixture_empty(bytes / 4) : (GpuSpan){0};
                    product.c         = c[chosen];
                    product.variant   = by[chosen];
                    matmul(stream, &product);
                }
                fixture_run();
                fixture_check_same(probe.candidates[i].variant.kernel_name, c[1], fixture_download(c[0], M * N), M * N);
            }
            memcpy(probe.chosen, probe.table, sizeof probe.table);
            matmul_probe_use(fixture_gpu(), &probe);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(table_is_always_measured),
        fixture_test(all_are_measured),
        fixture_test(chosen_is_taken),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
