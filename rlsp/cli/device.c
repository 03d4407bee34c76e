#include "rlsp/cli/device.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/io/file.h"
#include "rlsp/train/kernels.h"

static void say(void *user, const char *line)
{
    const CliDevice *device = user;
    fprintf(stderr, "rlsp %s: %s\n", device->command, line);
}

Gpu *cli_open_device(const CliDevice *device, Error *error)
{
    CliDevice copy   = *device;
    Gpu      *gpu    = gpu_open(&device->options, error);
    char     *record = device->folder != NULL ? path_join(device->folder, "kernels.json") : NULL;
    Status    status = gpu != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK && device->folder != NULL && record == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of host memory");
    }
    if (status == STATUS_OK) {
        status = kernels_prepare(gpu,
                                 &(KernelsOptions){.mode    = (RunKernels)device->kernels,
                                                   .compute = device->compute,
                                                   .record  = record,
                                                   .resumed = device->resumed,
                                                   .say     = say,
                                                   .user    = &copy},
                                 error);
    }
    free(record);
    if (status != STATUS_OK) {
        gpu_close(gpu);
        return NULL;
    }
    return gpu;
}

void cli_say_loading(const char *command, const char *directory)
{
    static const char wanted[] = ".safetensors";
    double            bytes    = 0;
    DIR              *dir      = opendir(directory);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat  info;
        const size_t length = strlen(entry->d_name), end = sizeof wanted - 1;
        if (length > end && strcmp(entry->d_name + length - end, wanted) == 0 &&
            fstatat(dirfd(dir), entry->d_name, &info, 0) == 0) {
            bytes += (double)info.st_size;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (bytes > 1073741824.0) {
        fprintf(stderr, "rlsp %s: loading %s, %.1f GiB\n", command, directory, bytes / 1073741824.0);
    }
}
