#include "rlsp/cli/device.h"

#include <stdio.h>
#include <stdlib.h>

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
                                                   .compute = (ComputeType)device->compute,
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

Status cli_check_validation(const Gpu *gpu, Error *error)
{
    return gpu_validation_count(gpu) > 0 ? error_set(error, STATUS_FAILED, "validation: %s", gpu_validation_first(gpu))
                                         : STATUS_OK;
}
