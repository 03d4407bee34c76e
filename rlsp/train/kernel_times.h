/* What was measured of a device's matrix products (engine/ops/matmul_choice.h), as a file: one in the user's cache
 * folder for each device and driver, and a copy of it with every run that went by it.
 *
 * One JSON object: the device, its driver, a hash of this program's kernels, when it was measured, and a line for each
 * candidate with its time and whether it was chosen.
 */
#ifndef RLSP_TRAIN_KERNEL_TIMES_H
#define RLSP_TRAIN_KERNEL_TIMES_H

#include "engine/io/cache.h"
#include "engine/ops/matmul_choice.h"

typedef struct KernelTimes {
    int64_t     measured;           /* seconds since 1970 */
    bool        has[COMPUTE_TYPES]; /* the types that were measured */
    MatmulProbe probes[COMPUTE_TYPES];
} KernelTimes;

/* What a file of this name comes to for a device and this program. */
typedef enum KernelTimesFound {
    KERNEL_TIMES_NONE,   /* there is no file                                                          */
    KERNEL_TIMES_READ,   /* *times is what it says                                                    */
    KERNEL_TIMES_OTHER,  /* of another device, driver or program: measured again, it can be replaced */
    KERNEL_TIMES_DAMAGED /* not such a file; *why says what is wrong                                  */
} KernelTimesFound;

/* Of a run's copy, `recorded`: it is for the device whatever its driver's version and the program's, so long as what
 * was chosen is still there. *times is set only if it is KERNEL_TIMES_READ. */
KernelTimesFound kernel_times_read(const char *path, const GpuInfo *info, bool recorded, KernelTimes *times,
                                   Error *why);

/* Written whole or not at all. */
Status kernel_times_write(const char *path, const GpuInfo *info, const KernelTimes *times, Error *error);

/* The file in the cache folder; false: there is no such folder. */
bool kernel_times_path(const GpuInfo *info, char path[CACHE_PATH_SIZE]);

#endif
