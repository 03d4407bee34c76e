/* The device of a command that loads a model or measures: opened, and its kernels chosen (rlsp/train/kernels.h). */
#ifndef RLSP_CLI_DEVICE_H
#define RLSP_CLI_DEVICE_H

#include "engine/ops/compute.h"
#include "engine/vk/device.h"

typedef struct CliDevice {
    const char *command; /* its name, before what is printed on stderr */
    GpuOptions  options;
    int         kernels; /* RunKernels, of --kernels                   */
    ComputeType compute; /* that products are to multiply              */
    const char *folder;  /* keeps kernels.json; NULL: nothing does     */
    bool        resumed; /* the folder was begun before: by its kernels.json */
} CliDevice;

/* NULL with *error set. */
Gpu *cli_open_device(const CliDevice *device, Error *error);

/* Says on stderr that a model of more than a GiB is being loaded, how large it is and from where: it takes a while. */
void cli_say_loading(const char *command, const char *directory);

/* The option of such a command; its choices: run_kernels_names (rlsp/run/config.h). */
#define CLI_KERNELS_HELP                                                                                               \
    "which kernels multiply matrices; probe: those measured once to be fastest on this device; auto: probe on GPUs "   \
    "(auto)"

#endif
