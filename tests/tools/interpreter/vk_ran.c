/* Which kernels ran, and what they took. */
#define _GNU_SOURCE /* of clocks: threads have their own */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/tools/interpreter/vk_driver.h"

double driver_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void driver_ran(Device *device, const char *name, uint64_t workgroups, double seconds)
{
    size_t i = 0;
    while (i < device->ran_count && strcmp(device->ran[i].name, name) != 0) {
        i++;
    }
    if (i == sizeof device->ran / sizeof *device->ran) {
        return;
    }
    Ran *ran = &device->ran[i];
    if (i == device->ran_count) {
        device->ran_count++;
        snprintf(ran->name, sizeof ran->name, "%s", name);
    }
    ran->dispatches++;
    ran->workgroups += workgroups;
    ran->seconds += seconds;
}

static int slowest_first(const void *a, const void *b)
{
    const double x = ((const Ran *)a)->seconds, y = ((const Ran *)b)->seconds;
    return (x < y) - (x > y);
}

void driver_tell(Device *device)
{
    qsort(device->ran, device->ran_count, sizeof *device->ran, slowest_first);
    for (size_t i = 0; i < device->ran_count; i++) {
        const Ran *ran = &device->ran[i];
        fprintf(stderr, DRIVER_NAME ": %-36s %8ju dispatches %10ju workgroups %9.2f s\n", ran->name,
                (uintmax_t)ran->dispatches, (uintmax_t)ran->workgroups, ran->seconds);
    }
}
