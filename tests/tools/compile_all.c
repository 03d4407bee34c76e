/* Compiles shaders on one device and runs none of them.
 *
 *     compile_all NAME                      (a part of the device's name) every shader, by default
 *     compile_all NAME KERNEL:64,4,... ...  these, with specialization constants 0, 1, ...
 *     compile_all NAME KERNEL@16:64,... ... in subgroups of 16
 *
 * Prints a row per kernel with what the driver says about it (registers, spills,
 * instructions; VK_KHR_pipeline_executable_properties). Kernels of matrix units that
 * the device or this build does not have are left out, and counted. Exit status: 0 all
 * others compiled, 1 some did not, 77 there is no such device.
 *
 * Meant for devices without hardware: null_gpu/, which amd_null_compile.sh,
 * intel_null_compile.sh and nvidia_null_compile.sh use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/vk/device.h"
#include "engine/vk/stream.h"

enum { NO_DEVICE = 77, MAX_DEVICES = 16 };

typedef struct Column {
    const char *title;
    const char *statistic; /* as the driver names it */
} Column;

enum { COLUMNS = 9 };

/* Of Mesa's drivers: the first whose first statistic is among a kernel's, or the last. */
static const Column drivers[][COLUMNS] = {
    {{"SIMD", "Max dispatch width"}, /* Intel's */
     {"spills", "Spills"},
     {"fills", "Fills"},
     {"scratch bytes", "Scratch Memory Size"},
     {"shared bytes", "Workgroup Memory Size"},
     {"live registers", "Max live registers"},
     {"instructions", "Instructions"},
     {"sends", "SENDs"},
     {"cycles", "Cycles"}},
    {{"VGPRs", "VGPRs"}, /* AMD's */
     {"spilled VGPRs", "Spilled VGPRs"},
     {"spilled SGPRs", "Spilled SGPRs"},
     {"scratch bytes", "Scratch size"},
     {"shared bytes", "LDS size"},
     {"waves per SIMD", "Subgroups per SIMD"},
     {"instructions", "Instructions"},
     {"latency", "Latency"},
     {"inverse throughput", "Inverse Throughput"}},
    {{"GPRs", "Number of GPRs"}, /* NVIDIA's; what spills to registers goes to predicates or to what a warp shares */
     {"spills", "Spills to memory"},
     {"fills", "Fills from memory"},
     {"local bytes", "SLM size"},
     {"register spills", "Spills to reg"},
     {"warps", "Max warps/SM"},
     {"instructions", "Instruction count"},
     {"code bytes", "Code size"},
     {"cycles", "Static cycle count"}},
    {{"SIMD", "Subgroup size"}, /* Intel's before Mesa 25 */
     {"spills", "Spill Count"},
     {"fills", "Fill Count"},
     {"scratch bytes", "Scratch Memory Size"},
     {"shared bytes", "Workgroup Memory Size"},
     {"live registers", "Max live registers"},
     {"instructions", "Instruction Count"},
     {"sends", "SEND Count"},
     {"cycles", "Cycle Count"}},
};
enum { DRIVERS = sizeof drivers / sizeof drivers[0] };

/* The value of `name` in "name=value; name=value…", "-" where it is not there. */
static void statistic(const char *statistics, const char *name, char *value, size_t size)
{
    size_t      length = strlen(name);
    const char *at     = statistics;
    while (at != NULL && (strncmp(at, name, length) != 0 || at[length] != '=')) {
        at = strstr(at, "; ");
        at = at == NULL ? NULL : at + 2;
    }
    if (at == NULL) {
        snprintf(value, size, "-");
        return;
    }
    at += length + 1;
    snprintf(value, size, "%.*s", (int)strcspn(at, ";"), at);
}

typedef struct Report {
    const char   *row;     /* as it was asked for; NULL: the kernel's name */
    const Column *columns; /* NULL: nothing is printed yet                 */
    int           compiled, left_out;
} Report;

static const Column *print_titles(const char *statistics)
{
    int driver = 0;
    while (driver < DRIVERS - 1 && strstr(statistics, drivers[driver][0].statistic) == NULL) {
        driver++;
    }
    printf("%-26s", "");
    for (int i = 0; i < COLUMNS; i++) {
        printf(" %s", drivers[driver][i].title);
    }
    printf("\n");
    return drivers[driver];
}

static void print_row(void *user, const char *kernel, const char *statistics, const char *failure)
{
    Report *report = user;
    kernel         = report->row != NULL ? report->row : kernel;
    if (failure != NULL) {
        printf("%-26s FAILED: %s\n", kernel, failure);
        return;
    }
    report->compiled++;
    report->columns = report->columns != NULL ? report->columns : print_titles(statistics);
    printf("%-26s", kernel);
    for (int i = 0; i < COLUMNS; i++) {
        char value[32];
        statistic(statistics, report->columns[i].statistic, value, sizeof value);
        printf(" %*s", (int)strlen(report->columns[i].title), value);
    }
    printf("\n");
}

static bool is_there(const char *name)
{
    GpuInfo infos[MAX_DEVICES];
    int     count = gpu_list(infos, MAX_DEVICES, NULL);
    for (int i = 0; i < count; i++) {
        if (strstr(infos[i].name, name) != NULL) {
            return true;
        }
    }
    return false;
}

/* Whether a kernel is none of matrix units, or the build has it and the device such matrices. */
static bool is_taken(const GpuInfo *info, const char *kernel)
{
    const GpuMatrixType type      = strstr(kernel, "bf16") != NULL ? GPU_MATRIX_BF16 : GPU_MATRIX_F16;
    const bool          workgroup = strstr(kernel, "coopmat2") != NULL;
    bool                taken     = strstr(kernel, "coopmat") == NULL;
    for (uint32_t i = 0; i < info->matrix_count && gpu_has_kernel(kernel); i++) {
        taken = taken || (info->matrices[i].type == type && (info->matrices[i].workgroup > 0) == workgroup);
    }
    return taken;
}

/* KERNEL[@16][:64,4,…] */
static bool compile_row(Gpu *gpu, const char *row, Report *report)
{
    uint32_t    spec[GPU_MAX_SPECS], count = 0;
    char        kernel[64];
    const char *at = strchr(row, ':'), *subgroup = strchr(row, '@');
    snprintf(kernel, sizeof kernel, "%.*s", (int)strcspn(row, "@:"), row);
    if (!is_taken(gpu_info(gpu), kernel)) {
        report->left_out++;
        return true;
    }
    while (at != NULL && *at != '\0' && count < GPU_MAX_SPECS) {
        char *end;
        spec[count++] = (uint32_t)strtoul(at + 1, &end, 10);
        at            = end;
    }
    report->row = row;
    return gpu_compile(gpu, kernel, spec, count, subgroup == NULL ? 0 : (uint32_t)strtoul(subgroup + 1, NULL, 10),
                       print_row, report);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a row stands while the next one is compiled */
    if (argc < 2) {
        fprintf(stderr, "usage: compile_all NAME [KERNEL[@SUBGROUP][:CONSTANT,...]]...\n");
        return 2;
    }
    if (!is_there(argv[1])) {
        fprintf(stderr, "compile_all: no device here is called \"%s\"\n", argv[1]);
        return NO_DEVICE;
    }
    const char *rounding =
        getenv("RLSP_ROUNDING"); /* "integers": as on a device that does not promise to round to f16 */
    const bool integers = rounding != NULL && strcmp(rounding, "integers") == 0;
    Error      error    = {0};
    Gpu       *gpu      = gpu_open(&(GpuOptions){.statistics = true,
                                                 .select     = argv[1],
                                                 .rounding   = integers ? GPU_ROUNDING_INTEGERS : GPU_ROUNDING_PROMISED},
                                   &error);
    if (gpu == NULL) {
        fprintf(stderr, "compile_all: %s\n", error.text);
        return 1;
    }
    printf("%s, %s, subgroups of %u\n", gpu_info(gpu)->name, gpu_info(gpu)->driver, gpu_info(gpu)->subgroup_size);
    Report report   = {0};
    int    failures = argc == 2 ? gpu_compile_all(gpu, print_row, &report) : 0;
    for (int i = 2; i < argc; i++) {
        failures += !compile_row(gpu, argv[i], &report);
    }
    printf("%d compiled, %d failed", report.compiled, failures);
    if (report.left_out > 0) {
        printf(", %d left out: no such matrices here", report.left_out);
    }
    printf("\n");
    fflush(stdout);
    /* The device stays open: nothing waits for what was never run. */
    _Exit(report.compiled > 0 && failures == 0 ? 0 : 1);
}
