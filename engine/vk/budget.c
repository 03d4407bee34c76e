/* How long work holds the device, by guess: what cuts a recording into submissions, so that none of them comes near the
 * time after which an operating system takes a card for hung and resets it (Windows 2 s, macOS about 5 s, Linux 10 s
 * with amdgpu), and so that the desktop on the same card stays alive. */
#include <math.h>

#include "engine/vk/private.h"

/* A submission takes so long at most, by guess. Twenty times less than the strictest of those limits: kernels differ in
 * how well they use a card, and one guess serves them all. */
static const double SUBMIT_SECONDS = 0.1;

/* Of a slow card of its kind. More memory goes with a faster one: 4 GiB are worth this once. */
static const double DISCRETE_FLOPS = 5e11, DISCRETE_BYTES = 5e10;
static const double OTHER_FLOPS = 5e10, OTHER_BYTES = 1e10; /* an integrated GPU of 2015 */
static const double DISPATCH_SECONDS = 2e-6;

/* The pace is what a run took over what was guessed. It may fall this far, and by so much with every run. */
static const double FASTEST_PACE = 1.0 / 256, SLOWEST_PACE = 16, FALL = 0.5;

void gpu_budget_open(Gpu *gpu, double seconds)
{
    gpu->pace           = 1;
    gpu->pace_learns    = seconds == 0;
    gpu->submit_seconds = seconds > 0 ? seconds : gpu->info.type == GPU_CPU ? INFINITY : SUBMIT_SECONDS;
}

bool gpu_budget_cuts(const Gpu *gpu)
{
    return isfinite(gpu->submit_seconds);
}

double gpu_guess_seconds(const Gpu *gpu, double flops, double bytes)
{
    const double memory = (double)gpu->info.memory_bytes / (4.0 * 1073741824.0);
    const double size   = fmin(fmax(memory, 1), 20);
    return gpu->info.type == GPU_DISCRETE
               ? DISPATCH_SECONDS + flops / (DISCRETE_FLOPS * size) + bytes / (DISCRETE_BYTES * size)
               : DISPATCH_SECONDS + flops / OTHER_FLOPS + bytes / OTHER_BYTES;
}

void gpu_pace_learn(Gpu *gpu, double guessed, double seconds)
{
    if (!gpu->pace_learns || guessed < 0.02) { /* too short to say much */
        return;
    }
    const double seen = fmin(fmax(seconds / guessed, FASTEST_PACE), SLOWEST_PACE);
    gpu->pace         = fmax(seen, gpu->pace * FALL);
}

/* How often each count is to be cut so that about `pieces` come out: z first, then y, then x. Kernels number their
 * workgroups along x within the whole (gl_NumWorkGroups.x), so x is left alone where there is more than one row. */
GpuGroups gpu_budget_cut(GpuGroups groups, uint32_t pieces)
{
    GpuGroups cuts = {1, 1, 1};
    cuts.z         = groups.z < pieces ? groups.z : pieces;
    pieces         = (pieces + cuts.z - 1) / cuts.z;
    cuts.y         = groups.y < pieces ? groups.y : pieces;
    pieces         = (pieces + cuts.y - 1) / cuts.y;
    cuts.x         = groups.y > 1 ? 1 : groups.x < pieces ? groups.x : pieces;
    return cuts;
}
