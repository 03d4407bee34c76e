/* What --profile prints: kernels beside what the device can do at best.
 *
 *     gpu_profile_reset(gpu); …runs…; Profile profile; profile_take(gpu, &profile);
 *     ceilings_measure(gpu, &profile.ceilings, &error);         // afterwards: it runs kernels too
 *     profile_print(stderr, &profile, steps);
 *
 * wall time = kernels + gaps between them + the time in which the device had nothing to do, so that shares add up to 1.
 */
#ifndef RLSP_CLI_PROFILE_H
#define RLSP_CLI_PROFILE_H

#include <stdio.h>

#include "engine/vk/device.h"
#include "rlsp/run/json_line.h"

enum { PROFILE_ROWS = 128 };

/* What this device reaches at best, measured by short probes. */
typedef struct Ceilings {
    double copy_bytes;    /* a second: a large copy, read and written     */
    double product_flops; /* a second: the best large product             */
} Ceilings;

typedef struct Profile {
    GpuProfile    sum;
    GpuProfileRow rows[PROFILE_ROWS];
    int           row_count;
    Ceilings      ceilings;   /* 0: not measured */
    bool          cpu;        /* the device is a CPU */
    bool          timestamps; /* the device has them; else nothing is timed */
} Profile;

Status ceilings_measure(Gpu *gpu, Ceilings *ceilings, Error *error);

void profile_take(const Gpu *gpu, Profile *profile);

/* `steps` > 0: of what was profiled, for milliseconds a step. */
void profile_print(FILE *out, const Profile *profile, double steps);

/* The fields "profile" (kernels), "profile_total" and "ceilings" of the object that is open. */
void profile_json(JsonLine *line, const Profile *profile, double steps);

#endif
