/* Kernels are chosen by times alone, and what was measured survives as a file or is measured again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "engine/ops/matmul_parts.h"
#include "rlsp/train/kernels.h"
#include "tests/support/fixture.h"

/* --- choosing ------------------------------------------------------------------------------ */

enum { TILED_128, TILED_64, UNITS_128, UNITS_64, UNITS_32, CANDIDATES };

/* A card of which the table says that its matrix units take all, with the largest tiles; nothing measured. */
static MatmulProbe card(void)
{
    static const struct {
        MatmulKernel kernel;
        uint32_t     size;
    } list[CANDIDATES] = {
        {KERNEL_TILED, 0}, {KERNEL_TILED, 1}, {KERNEL_COOPMAT, 0}, {KERNEL_COOPMAT, 1}, {KERNEL_COOPMAT, 2}};
    MatmulProbe probe = {.compute = COMPUTE_F16, .side = 4096, .count = CANDIDATES};
    for (int i = 0; i < CANDIDATES; i++) {
        probe.candidates[i].variant = (MatmulVariant){.kernel = list[i].kernel, .size = list[i].size};
    }
    for (int c = 0; c < MATMUL_CLASSES; c++) {
        probe.table[c] = probe.chosen[c] = UNITS_128;
    }
    return probe;
}

static void set_times(MatmulProbe *probe, MatmulClass class, const double seconds[CANDIDATES])
{
    for (int i = 0; i < CANDIDATES; i++) {
        probe->candidates[i].seconds[class] = seconds[i];
    }
}

static void expect(const MatmulProbe *probe, int large, int slots, int of_long)
{
    assert_int_equal(probe->chosen[MATMUL_LARGE], large);
    assert_int_equal(probe->chosen[MATMUL_SLOTS], slots);
    assert_int_equal(probe->chosen[MATMUL_LONG], of_long);
    assert_true(matmul_probe_is_sound(probe));
}

static void fastest_is_chosen(void **state)
{
    (void)state;
    MatmulProbe probe = card();
    set_times(&probe, MATMUL_LARGE, (const double[]){9, 8, 4, 3, 5});
    set_times(&probe, MATMUL_SLOTS, (const double[]){9, 8, 4, 3.5, 2});
    set_times(&probe, MATMUL_LONG, (const double[]){2, 1, 4, 3, 5});
    matmul_probe_choose(&probe);
    expect(&probe, UNITS_64, UNITS_32, TILED_64);
}

/* A difference such as times have of themselves does not count; one that is larger does. */
static void table_stays_for_little(void **state)
{
    (void)state;
    MatmulProbe probe = card();
    set_times(&probe, MATMUL_LARGE, (const double[]){9, 8, 1, .98, 1.2});
    set_times(&probe, MATMUL_SLOTS, (const double[]){9, 8, 1, .96, .95});
    set_times(&probe, MATMUL_LONG, (const double[]){.975, 8, 1, 1, 1});
    matmul_probe_choose(&probe);
    expect(&probe, UNITS_128, UNITS_32, UNITS_128);
}

/* Large products and few rows have one kernel, whose rows then have the same bits: that which is faster over both. */
static void one_kernel_for_all_rows(void **state)
{
    (void)state;
    MatmulProbe probe = card();
    set_times(&probe, MATMUL_LARGE, (const double[]){6, 5, 4, 4.5, 6});
    set_times(&probe, MATMUL_SLOTS, (const double[]){3, 2, 4, 3.5, 3});
    set_times(&probe, MATMUL_LONG, (const double[]){9, 9, 4, 4, 4});
    matmul_probe_choose(&probe); /* sqrt(5 * 2) < sqrt(4 * 3) */
    expect(&probe, TILED_64, TILED_64, UNITS_128);
    set_times(&probe, MATMUL_SLOTS, (const double[]){3, 2.5, 4, 3.5, 3});
    matmul_probe_choose(&probe); /* sqrt(5 * 2.5) > sqrt(4 * 3) */
    expect(&probe, UNITS_128, UNITS_32, UNITS_128);
}

static void unmeasured_is_not_chosen(void **state)
{
    (void)state;
    MatmulProbe probe = card();
    matmul_probe_choose(&probe);
    expect(&probe, UNITS_128, UNITS_128, UNITS_128);
    set_times(&probe, MATMUL_LARGE, (const double[]){1, 1, 4, 0, 0}); /* there was no time for the rest */
    set_times(&probe, MATMUL_SLOTS, (const double[]){0, 0, 4, 0, 0});
    set_times(&probe, MATMUL_LONG, (const double[]){0, 0, 4, 0, 0});
    matmul_probe_choose(&probe);
    expect(&probe, UNITS_128, UNITS_128, UNITS_128);
    set_times(&probe, MATMUL_LARGE, (const double[]){2, 3, 0, 0, 0}); /* the matrix units multiply wrongly */
    set_times(&probe, MATMUL_SLOTS, (const double[]){3, 2, 0, 0, 0});
    set_times(&probe, MATMUL_LONG, (const double[]){3, 2, 0, 0, 0});
    matmul_probe_choose(&probe);
    expect(&probe, TILED_128, TILED_64, TILED_64);
}

/* --- what comes of a choice ---------------------------------------------------------------- */

static GpuInfo a_card(void)
{
    GpuInfo info        = gpu_info_typical((uint64_t)8 << 30);
    info.vendor_id      = 0x1234;
    info.device_id      = 7;
    info.driver_id      = 3;
    info.driver_version = 100;
    strcpy(info.name, "a \"card\"");
    return info;
}

static Gpu *open_card(const GpuInfo *info)
{
    Error error = {0};
    Gpu  *gpu   = gpu_open_dry(info, &error);
    assert_non_null(gpu);
    return gpu;
}

static uint32_t tile_of(Gpu *gpu, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    return matmul_plan_as(gpu_transfer_stream(gpu), NULL, COMPUTE_F32, layout, m, n, k).tile_m;
}

/* On old lavapipe, the device that a processor is with registers of 128, 256 or 512 bits: a sum's bits are its passes'
 * and slices. */
static void sums_do_not_go_by_the_registers(void **state)
{
    (void)state;
    static const uint32_t widths[] = {8, 16, 24, 57, 64, 128, 192, 256, 768, 1536, 4096};
    enum { WIDTHS = sizeof widths / sizeof widths[0] };
    int split = 0;
    for (int i = 0; i < 3 * WIDTHS * WIDTHS; i++) {
        const MatmulLayout layout = (MatmulLayout)(i % 3);
        const uint32_t     m = widths[i / 3 % WIDTHS], n = (widths[i / 3 / WIDTHS] + 3) & ~3u, k = 2048;
        MatmulPlan         first = {0};
        for (uint32_t lanes = 4; lanes <= 16; lanes *= 2) {
            GpuInfo info               = a_card();
            info.type                  = GPU_CPU;
            info.driver_id             = 13;
            info.subgroup_size         = lanes;
            info.tier.subgroup_shuffle = true;
            strcpy(info.driver, "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)");
            const MatmulPlan plan = matmul_plan_chosen(&info, (MatmulChoice){0}, COMPUTE_F32, layout, m, n, k);
            assert_int_equal(plan.kernel, KERNEL_TEXEL);
            first = lanes == 4 ? plan : first;
            assert_int_equal(plan.k_pass, first.k_pass);
            assert_int_equal(plan.k_slice, first.k_slice);
            assert_int_equal(plan.slices, first.slices);
            assert_true(layout == MATMUL_TN || plan.slices == 1);
            split += plan.slices > 1;
        }
    }
    assert_true(split > 0);
}

/* Products take what was chosen for their class, smaller tiles where they would have too few; slices of k are the
 * table's; a device that is planned for chooses as the one it is for. */
static void products_take_what_was_chosen(void **state)
{
    (void)state;
    const GpuInfo  info = a_card();
    MatmulProbe    probe;
    Gpu           *gpu      = open_card(&info);
    const uint64_t by_table = matmul_workspace(gpu_transfer_stream(gpu), MATMUL_TN, 256, 256, 8192);
    matmul_probe_begin(&info, COMPUTE_F32, &probe);
    assert_int_equal(probe.count, TILED_SIZES);
    assert_int_equal(tile_of(gpu, MATMUL_NT, 4096, 4096, 64), 64);
    probe.chosen[MATMUL_LARGE] = 0;
    probe.chosen[MATMUL_SLOTS] = 2;
    probe.chosen[MATMUL_LONG]  = 0;
    matmul_probe_use(gpu, &probe);
    Gpu *planned = open_card(gpu_info(gpu));
    for (int i = 0; i < 2; i++) {
        Gpu *on = i == 0 ? gpu : planned;
        assert_int_equal(tile_of(on, MATMUL_NT, 4096, 4096, 64), 128);
        assert_int_equal(tile_of(on, MATMUL_NN, 512, 1024, 64), 64);
        assert_int_equal(tile_of(on, MATMUL_NN, 65, 64, 64), 32);
        assert_int_equal(tile_of(on, MATMUL_NT, 64, 65536, 64), 32);
        assert_int_equal(tile_of(on, MATMUL_TN, 4096, 4096, 64), 128);
        assert_true(matmul_workspace(gpu_transfer_stream(on), MATMUL_TN, 256, 256, 8192) == by_table);
    }
    assert_true(by_table > 0);
    for (int c = 0; c < MATMUL_CLASSES; c++) {
        probe.chosen[c] = probe.table[c];
    }
    matmul_probe_use(gpu, &probe);
    assert_int_equal(tile_of(gpu, MATMUL_NT, 4096, 4096, 64), 64);
    gpu_close(planned);
    gpu_close(gpu);
}

/* --- the file ------------------------------------------------------------------------------ */

/* Measured: f32 and f16, each with another choice. */
static KernelTimes times_of(const GpuInfo *info)
{
    KernelTimes times = {.measured = 1234567890};
    for (int compute = 0; compute < COMPUTE_TYPES; compute += 2) {
        MatmulProbe *probe = &times.probes[compute];
        matmul_probe_begin(info, (ComputeType)compute, probe);
        times.has[compute] = true;
        probe->side        = 2048;
        for (int i = 0; i < probe->count; i++) {
            for (int c = 0; c < MATMUL_CLASSES; c++) {
                probe->candidates[i].seconds[c] = i == 1 && c == 1 ? 0 : 1e-3 * (1 + (i + compute + c) % 3) / 7;
            }
        }
        matmul_probe_choose(probe);
    }
    return times;
}

static void comes_back(void **state)
{
    (void)state;
    const GpuInfo     info  = a_card();
    const KernelTimes times = times_of(&info);
    KernelTimes       read  = {0};
    Error             error = {0};
    const char       *path  = fixture_path(fixture_directory(), "times.json");
    assert_int_equal(kernel_times_read(path, &info, false, &read, &error), KERNEL_TIMES_NONE);
    assert_int_equal(kernel_times_write(path, &info, &times, &error), STATUS_OK);
    assert_int_equal(kernel_times_read(path, &info, false, &read, &error), KERNEL_TIMES_READ);
    assert_true(read.measured == times.measured);
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        const MatmulProbe *a = &times.probes[compute], *b = &read.probes[compute];
        assert_int_equal(times.has[compute], read.has[compute]);
        assert_int_equal(a->side, b->side);
        assert_int_equal(a->count, b->count);
        for (int c = 0; c < MATMUL_CLASSES; c++) {
            assert_int_equal(a->chosen[c], b->chosen[c]);
            assert_int_equal(a->table[c], b->table[c]);
            for (int i = 0; i < a->count; i++) {
                const double x = a->candidates[i].seconds[c], y = b->candidates[i].seconds[c];
                assert_true(x - y <= 1e-8 * x && y - x <= 1e-8 * x);
            }
        }
    }
    assert_int_not_equal(times.probes[COMPUTE_F32].chosen[MATMUL_LARGE], times.probes[COMPUTE_F32].table[MATMUL_LARGE]);
}

/* Another driver or another compiler: measured again; a run goes on by its copy all the same. Another device: neither.
 */
static void is_of_one_device_and_driver(void **state)
{
    (void)state;
    const GpuInfo     info  = a_card();
    const KernelTimes times = times_of(&info);
    KernelTimes       read  = {0};
    Error             error = {0};
    const char       *path  = fixture_path(fixture_directory(), "mine.json");
    GpuInfo           newer = info, compiler = info, other = info, driver = info;
    newer.driver_version++;
    compiler.cache_uuid[3]++;
    strcpy(other.name, "another card");
    driver.driver_id++;
    assert_int_equal(kernel_times_write(path, &info, &times, &error), STATUS_OK);
    const GpuInfo *const changed[] = {&newer, &compiler, &other, &driver};
    char                 paths[5][CACHE_PATH_SIZE];
    setenv("XDG_CACHE_HOME", fixture_directory(), 1);
    assert_true(kernel_times_path(&info, paths[4]));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kernel_times_read(path, changed[i], false, &read, &error), KERNEL_TIMES_OTHER);
        assert_int_equal(kernel_times_read(path, changed[i], true, &read, &error),
                         i < 2 ? KERNEL_TIMES_READ : KERNEL_TIMES_OTHER);
        assert_true(kernel_times_path(changed[i], paths[i]));
        assert_string_not_equal(paths[i], paths[4]);
    }
}

/* A device that is planned for goes by the file of the one it is for, where a run would; not where the table is asked
 * for. */
static void a_plan_goes_by_it(void **state)
{
    (void)state;
    const GpuInfo info  = a_card();
    KernelTimes   times = times_of(&info);
    Error         error = {0};
    char          path[CACHE_PATH_SIZE];
    setenv("XDG_CACHE_HOME", fixture_directory(), 1);
    times.probes[COMPUTE_F32].chosen[MATMUL_LARGE] = 0; /* 128 x 128, of the table's 64 x 64 */
    times.probes[COMPUTE_F32].chosen[MATMUL_SLOTS] = 0;
    assert_true(kernel_times_path(&info, path));
    assert_int_equal(kernel_times_write(path, &info, &times, &error), STATUS_OK);
    const RunKernels modes[] = {KERNELS_AUTO, KERNELS_TABLE};
    for (int i = 0; i < 2; i++) {
        Gpu *gpu = open_card(&info);
        kernels_recall(gpu, modes[i]);
        assert_int_equal(tile_of(gpu, MATMUL_NT, 4096, 4096, 64), i == 0 ? 128 : 64);
        gpu_close(gpu);
    }
}

static char *changed_text(const char *path, const char *from, const char *to)
{
    size_t bytes;
    char  *text = fixture_text(path, &bytes), *at = strstr(text, from);
    char  *made = malloc(bytes + strlen(to) + 1);
    assert_non_null(at);
    assert_non_null(made);
    sprintf(made, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    free(text);
    return made;
}

static KernelTimesFound found_in(const char *path, const char *text, size_t bytes, bool recorded)
{
    static KernelTimes read;
    const GpuInfo      info  = a_card();
    Error              error = {0};
    assert_int_equal(file_write_atomic(path, text, bytes, &error), STATUS_OK);
    const KernelTimesFound found = kernel_times_read(path, &info, recorded, &read, &error);
    if (found == KERNEL_TIMES_DAMAGED) {
        assert_true(error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
    }
    return found;
}

static void damage_is_noticed(void **state)
{
    (void)state;
    static const struct {
        const char      *from, *to;
        KernelTimesFound found, recorded;
    } changes[] = {
        {"\"format\":1", "\"format\":2", KERNEL_TIMES_OTHER, KERNEL_TIMES_OTHER},
        {"\"format\":1", "\"format\":\"1\"", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"\"kernels\":\"", "\"kernels\":\"0", KERNEL_TIMES_OTHER, KERNEL_TIMES_READ},
        {"\"measured\":1234567890", "\"measured\":-1", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"\"side\":2048", "\"side\":4096", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"\"class\":\"large\"", "\"class\":\"small\"", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"\"compute\":\"f32\"", "\"compute\":\"f64\"", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"\"seconds\":0", "\"seconds\":-0", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"\"chosen\":true", "\"chosen\":1", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
        {"gemm_tiled", "gemm_gone", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED}, /* it was chosen */
        {"\"products\":[", "\"products\":[7,", KERNEL_TIMES_DAMAGED, KERNEL_TIMES_DAMAGED},
    };
    const GpuInfo     info  = a_card();
    const KernelTimes times = times_of(&info);
    Error             error = {0};
    const char       *whole = fixture_path(fixture_directory(), "whole.json"),
               *path        = fixture_path(fixture_directory(), "damaged.json");
    assert_int_equal(kernel_times_write(whole, &info, &times, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *text = changed_text(whole, changes[i].from, changes[i].to);
        print_message("%s\n", changes[i].to);
        assert_int_equal(found_in(path, text, strlen(text), false), changes[i].found);
        assert_int_equal(found_in(path, text, strlen(text), true), changes[i].recorded);
        free(text);
    }
    size_t bytes;
    char  *text = fixture_text(whole, &bytes);
    for (size_t cut = 0; cut + 2 < bytes; cut += 1 + cut / 40) {
        assert_int_equal(found_in(path, text, cut, false), KERNEL_TIMES_DAMAGED);
    }
    for (size_t at = 0; at < bytes; at += 1 + at / 40) { /* anything, but no crash */
        const char before = text[at];
        text[at]          = (char)(before ^ (1 << at % 8));
        found_in(path, text, bytes, at % 2 == 0);
        text[at] = before;
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fastest_is_chosen),
        cmocka_unit_test(table_stays_for_little),
        cmocka_unit_test(one_kernel_for_all_rows),
        cmocka_unit_test(unmeasured_is_not_chosen),
        cmocka_unit_test(products_take_what_was_chosen),
        cmocka_unit_test(sums_do_not_go_by_the_registers),
        cmocka_unit_test(comes_back),
        cmocka_unit_test(is_of_one_device_and_driver),
        cmocka_unit_test(a_plan_goes_by_it),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
