/* The device of a command that loads a model or measures: opened, and its kernels chosen (rlsp/train/kernels.h). */
#ifndef RLSP_CLI_DEVICE_H
#define RLSP_CLI_DEVICE_H

#include "engine/ops/compute.h"
#include "engine/vk/device.h"

typedef struct CliDevice {
    const char *command; /* its name, before what is printed on stderr */
    GpuOptions  options;
    int         kernels; /* RunKernels, of --kernels                   */
    int         compute; /* ComputeType, of --precision                */
    const char *folder;  /* keeps kernels.json; NULL: nothing does     */
    bool        resumed; /* the folder was begun before: by its kernels.json */
} CliDevice;

/* NULL with *error set. */
Gpu *cli_open_device(const CliDevice *device, Error *error);

/* STATUS_FAILED if the validation layer (--validate) said anything of this device. */
Status cli_check_validation(const Gpu *gpu, Error *error);

#endif
