#include "rlsp/train/kernels.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* Seconds for one type: a program starts with it, once per device. CPU devices, which are asked for, take longer. */
static double at_start(const GpuInfo *info)
{
    return info->type == GPU_CPU ? 3 : 1;
}

static void say(const KernelsOptions *options, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const KernelsOptions *options, const char *format, ...)
{
    char    line[sizeof((Error *)0)->text + 400];
    va_list arguments;
    if (options->say != NULL) {
        va_start(arguments, format);
        vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        options->say(options->user, line);
    }
}

static void use(Gpu *gpu, const KernelTimes *times)
{
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        if (times->has[compute]) {
            matmul_probe_use(gpu, &times->probes[compute]);
            matmul_probe_rates(gpu, &times->probes[compute]);
        }
    }
}

Status kernels_measure(Gpu *gpu, ComputeType compute, double seconds, KernelTimes *times, Error *error)
{
    MatmulProbe *probe = &times->probes[compute];
    matmul_probe_begin(gpu_info(gpu), compute, probe);
    const Status status = matmul_probe_measure(gpu, probe, seconds, error);
    matmul_probe_choose(probe); /* without times: as the table says */
    times->has[compute] = status == STATUS_OK;
    times->measured     = (int64_t)time(NULL);
    return status;
}

/* A resumed run: what it began with. */
static void go_on(Gpu *gpu, const KernelsOptions *options)
{
    KernelTimes times = {0};
    Error       why   = {0};
    switch (kernel_times_read(options->record, gpu_info(gpu), true, &times, &why)) {
    case KERNEL_TIMES_READ: use(gpu, &times); break;
    case KERNEL_TIMES_NONE: break;
    case KERNEL_TIMES_OTHER:
        say(options, "the kernels in %s were chosen for another device; this one takes those of the table",
            options->record);
        break;
    case KERNEL_TIMES_DAMAGED:
        say(options, "cannot tell which kernels the run began with, it goes on with the table's: %s", why.text);
        break;
    }
}

/* Measures what `times` lacks, and keeps it in the file. */
static Status complete(Gpu *gpu, const KernelsOptions *options, const char *path, KernelTimes *times, Error *error)
{
    const ComputeType needed[] = {COMPUTE_F32, options->compute};
    bool              changed  = false;
    for (int i = 0; i < 2; i++) {
        if (times->has[needed[i]]) {
            continue;
        }
        if (!changed) {
            say(options, "measuring kernels on %s once, some %.0f seconds, kept in %s", gpu_info(gpu)->name,
                needed[0] == needed[1] ? at_start(gpu_info(gpu)) : 2 * at_start(gpu_info(gpu)),
                path[0] != '\0' ? path : "no file, since there is no cache folder");
        }
        Error        why    = {0};
        const Status status = kernels_measure(gpu, needed[i], at_start(gpu_info(gpu)), times, &why);
        changed             = true;
        if (status == STATUS_DEVICE_LOST) {
            *error = why;
            return status;
        }
        if (status != STATUS_OK) {
            say(options, "kernels are not measured, those of the table are taken: %s", why.text);
        }
    }
    Error why = {0};
    if (changed && path[0] != '\0' && kernel_times_write(path, gpu_info(gpu), times, &why) != STATUS_OK) {
        say(options, "what was measured is not kept: %s", why.text);
    }
    return STATUS_OK;
}

static bool goes_by_times(RunKernels mode, const GpuInfo *info)
{
    return mode != KERNELS_TABLE && (mode != KERNELS_AUTO || matmul_probe_matters(info));
}

void kernels_recall(Gpu *gpu, RunKernels mode)
{
    const GpuInfo *info  = gpu_info(gpu);
    KernelTimes    times = {0};
    char           path[CACHE_PATH_SIZE];
    if (goes_by_times(mode, info) && kernel_times_path(info, path) &&
        kernel_times_read(path, info, false, &times, NULL) == KERNEL_TIMES_READ) {
        use(gpu, &times);
    }
}

Status kernels_prepare(Gpu *gpu, const KernelsOptions *options, Error *error)
{
    const GpuInfo *info  = gpu_info(gpu);
    KernelTimes    times = {0};
    char           path[CACHE_PATH_SIZE];
    if (options->resumed) {
        go_on(gpu, options);
        return STATUS_OK;
    }
    if (!goes_by_times(options->mode, info)) {
        return STATUS_OK;
    }
    Error why = {0};
    if (kernel_times_path(info, path) && kernel_times_read(path, info, false, &times, &why) == KERNEL_TIMES_DAMAGED) {
        say(options, "%s; it is written anew", why.text);
    }
    Status status = complete(gpu, options, path, &times, error);
    if (status == STATUS_OK && options->record != NULL) {
        status = kernel_times_write(options->record, info, &times, error);
    }
    if (status == STATUS_OK) {
        use(gpu, &times);
    }
    return status;
}
