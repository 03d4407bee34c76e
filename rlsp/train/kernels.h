/* How a device's kernels are chosen: by the table, by what was measured on it before, or by measuring them now.
 *
 *     const KernelsOptions options = {.mode = KERNELS_AUTO, .compute = COMPUTE_BF16, .say = say};
 *     Gpu *gpu = gpu_open(…);
 *     if (kernels_prepare(gpu, &options, &error) != STATUS_OK) …            // before anything is made on it
 *
 * A cache that is missing, old, damaged or cannot be written is never an error. A run keeps what it went by, and goes
 * on by it on the same device, so that it repeats an unbroken one whatever is measured meanwhile.
 */
#ifndef RLSP_TRAIN_KERNELS_H
#define RLSP_TRAIN_KERNELS_H

#include "engine/ops/compute.h"
#include "engine/vk/device.h"
#include "rlsp/run/config.h"
#include "rlsp/train/kernel_times.h"

typedef struct KernelsOptions {
    RunKernels  mode;
    ComputeType compute; /* that products are to multiply, beside f32              */
    const char *record;  /* a run's copy; NULL: no run                             */
    bool        resumed; /* goes by that copy; where there is none by the table    */
    void (*say)(void       *user,
                const char *line); /* takes a line without its end: what is going on, or a warning; or NULL */
    void *user;
} KernelsOptions;

/* Chooses. An error is one of the device, or that a run's copy cannot be written. */
Status kernels_prepare(Gpu *gpu, const KernelsOptions *options, Error *error);

/* Chooses by what earlier runs measured on such a device; measures nothing and keeps nothing. For a device that is
 * planned for: the first run on one that was never measured can choose otherwise. */
void kernels_recall(Gpu *gpu, RunKernels mode);

/* Measures all that there is for a type, again if it is known, and keeps it, the types of `times` with it; seconds: how
 * long that may take. */
Status kernels_measure(Gpu *gpu, ComputeType compute, double seconds, KernelTimes *times, Error *error);

#endif
