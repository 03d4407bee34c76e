/* --profile: the times of kernels, added up. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/vk/private.h"

static double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The row of that name, new or not; NULL: no room. */
static GpuProfileRow *row_of(GpuProfileRow *rows, int *count, int capacity, const char *name)
{
    int row = 0;
    while (row < *count && strcmp(rows[row].kernel, name) != 0) {
        row++;
    }
    if (row == *count) {
        if (row == capacity) {
            return NULL;
        }
        rows[(*count)++] = (GpuProfileRow){.kernel = name};
    }
    return &rows[row];
}

static double seconds_of(const Gpu *gpu, uint64_t from, uint64_t to)
{
    return (double)((to - from) & gpu->timestamp_mask) * (double)gpu->limits.timestampPeriod * 1e-9;
}

void gpu_profile_add(Gpu *gpu, const GpuTimed *timed, const uint64_t *ticks, uint32_t count, uint64_t untimed)
{
    GpuProfile *sum = &gpu->profile_sum;
    for (uint32_t i = 0; i < count; i++) {
        const double   seconds = seconds_of(gpu, ticks[2 * i], ticks[2 * i + 1]);
        GpuProfileRow *section = row_of(gpu->section_rows, &gpu->section_count, GPU_PROFILE_SECTIONS, timed[i].section);
        if (section != NULL) {
            section->seconds += seconds;
        }
        if (timed[i].kernel == NULL) {
            sum->kernel_seconds += seconds;
            continue;
        }
        GpuProfileRow *row = row_of(gpu->profile_rows, &gpu->profile_count, GPU_PROFILE_KERNELS, timed[i].kernel);
        if (row == NULL) {
            untimed++;
            continue;
        }
        const bool known = timed[i].bytes >= 0 && (row->calls == 0 || row->bytes > 0);
        row->bytes       = known ? row->bytes + timed[i].bytes : 0; /* of some of its calls says nothing */
        row->flops += timed[i].flops;
        row->seconds += seconds;
        row->calls++;
        sum->kernel_seconds += seconds;
        sum->kernels++;
    }
    if (count > 0) { /* two streams may be on their way at once: what they share counts once */
        const uint64_t first = ticks[0], last = ticks[2 * count - 1];
        const bool     overlaps = first < gpu->profile_last && last >= gpu->profile_last && sum->runs > 0;
        gpu->profile_busy += seconds_of(gpu, overlaps ? gpu->profile_last : first, last);
        gpu->profile_last = last;
    }
    sum->runs++;
    sum->untimed += untimed;
    gpu->profile_end = clock_now();
}

GpuProfile gpu_profile(const Gpu *gpu)
{
    GpuProfile sum = gpu->profile_sum;
    if (sum.runs > 0) {
        sum.wall_seconds = gpu->profile_end - gpu->profile_start;
        sum.gap_seconds  = gpu->profile_busy - sum.kernel_seconds;
        sum.idle_seconds = sum.wall_seconds - gpu->profile_busy;
    }
    return sum;
}

double gpu_profile_section(const Gpu *gpu, const char *section)
{
    for (int i = 0; i < gpu->section_count; i++) {
        if (strcmp(gpu->section_rows[i].kernel, section) == 0) {
            return gpu->section_rows[i].seconds;
        }
    }
    return 0;
}

static int slowest_first(const void *a, const void *b)
{
    const double x = ((const GpuProfileRow *)a)->seconds, y = ((const GpuProfileRow *)b)->seconds;
    return (x < y) - (x > y);
}

int gpu_profile_rows(const Gpu *gpu, GpuProfileRow *rows, int capacity)
{
    GpuProfileRow sorted[GPU_PROFILE_KERNELS];
    memcpy(sorted, gpu->profile_rows, sizeof sorted);
    qsort(sorted, (size_t)gpu->profile_count, sizeof *sorted, slowest_first);
    const int n = gpu->profile_count < capacity ? gpu->profile_count : capacity;
    memcpy(rows, sorted, (size_t)n * sizeof *rows);
    return n;
}

void gpu_profile_reset(Gpu *gpu)
{
    gpu->profile_count = gpu->section_count = 0;
    gpu->profile_sum                        = (GpuProfile){0};
    gpu->profile_busy                       = 0;
    gpu->profile_start = gpu->profile_end = clock_now();
}

void gpu_profile_kernels(Gpu *gpu, bool on)
{
    gpu->profile = on && gpu->timing;
}

/* The same range bound twice (as texels, or where there is no bias) counts once. */
double gpu_bound_bytes(const GpuDispatch *dispatch)
{
    double bytes = 0;
    for (uint32_t i = 0; i < GPU_MAX_BINDS && dispatch->bind[i].span.buffer != NULL; i++) {
        const GpuSpan *span = &dispatch->bind[i].span;
        unsigned       seen = 0, access = dispatch->bind[i].access;
        for (uint32_t j = 0; j < i; j++) {
            const GpuSpan *other = &dispatch->bind[j].span;
            if (other->buffer == span->buffer && other->offset < span->offset + span->size &&
                span->offset < other->offset + other->size) {
                seen |= dispatch->bind[j].access;
            }
        }
        access &= ~seen;
        bytes += (double)span->size * ((access & GPU_READ ? 1 : 0) + (access & GPU_WRITE ? 1 : 0));
    }
    return bytes;
}
