/* bench_load DIR [RUNS [f32|bf16|f16|int8|int4|auto [cold]]]
 *
 * Time of loading a model directory, as a ratio to `cat` of the same files measured in the same run (best of RUNS, 3),
 * by the clock and in CPU time, which says more where others use the machine; and the host memory that it takes beside
 * the device's. The files are in the page cache where they fit; with
 * `cold` they are put out of it before each reading. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/model/model.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of CPU of this process, or of those that it has waited for. */
static double cpu(int whose)
{
    struct rusage usage;
    getrusage(whose, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Puts the files of a directory out of the page cache. */
static void put_out(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char file[2048];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        const int descriptor = open(file, O_RDONLY);
        if (descriptor >= 0) {
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
            close(descriptor);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024.0;
}

int main(int argc, char **argv)
{
    const bool cold   = argc == 5 && strcmp(argv[4], "cold") == 0;
    int        format = argc >= 4 ? -1 : WEIGHT_F32;
    for (int i = 0; argc >= 4 && weights_names[i] != NULL; i++) {
        format = strcmp(argv[3], weights_names[i]) == 0 ? i : format;
    }
    if (argc < 2 || argc > 5 || (argc == 5 && !cold) || format < 0) {
        fprintf(stderr, "usage: bench_load DIR [RUNS [f32|bf16|f16|int8|int4|auto [cold]]]\n");
        return 2;
    }
    char command[2048];
    snprintf(command, sizeof command, "cat '%s'/*.safetensors >/dev/null", argv[1]);
    Error        error = {0};
    Gpu         *gpu   = gpu_open(&(GpuOptions){0}, &error);
    double       cat = 1e9, load = 1e9, cat_cpu = 1e9, load_cpu = 1e9;
    const double before = peak_mib();
    for (int run = 0; gpu != NULL && run < (argc >= 3 ? atoi(argv[2]) : 3); run++) {
        if (cold) {
            put_out(argv[1]);
        }
        double start = now(), cpu_start = cpu(RUSAGE_CHILDREN);
        if (system(command) != 0) {
            return 1;
        }
        cat     = least(cat, now() - start);
        cat_cpu = least(cat_cpu, cpu(RUSAGE_CHILDREN) - cpu_start);
        if (cold) {
            put_out(argv[1]);
        }
        start        = now();
        cpu_start    = cpu(RUSAGE_SELF);
        Model *model = model_load_frozen(gpu, argv[1], false, (WeightFormat)format, &error);
        if (model == NULL) {
            break;
        }
        load     = least(load, now() - start);
        load_cpu = least(load_cpu, cpu(RUSAGE_SELF) - cpu_start);
        model_free(model);
    }
    if (error.status != STATUS_OK) {
        fprintf(stderr, "bench_load: %s\n", error.text);
        return 1;
    }
    const double device = (double)gpu_memory_peak(gpu) / 1048576.0, host = peak_mib() - before;
    printf(
        "cat %.2f s, load %.2f s, ratio %.2f; of CPU %.2f and %.2f s, ratio %.2f; device memory %.0f MiB, host memory "
        "beside it %.0f MiB\n",
        cat, load, load / cat, cat_cpu, load_cpu, load_cpu / cat_cpu, device,
        gpu_info(gpu)->tier.unified_memory ? host - device : host);
    gpu_close(gpu);
    return 0;
}
