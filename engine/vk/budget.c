/* How long work holds the device, by guess: what cuts a recording into submissions, so that none of them comes near the
 * time after which an operating system takes a card for hung and resets it, and so that the desktop on the same card
 * stays alive. Those times are their documentation's: Windows 2 s (TdrDelay), Linux 10 s with amdgpu (lockup_timeout);
 * macOS ends a command buffer after some seconds, about 5 by what users report.
 *
 * What is known of the guess: where the device's products have been timed (matmul_choice.h, once per device and driver,
 * kept on the disk, so that all but CPU devices have them), it goes by those rates (gpu_set_rates); before that, in
 * matmul_probe itself among others, by constants that no measurement stands behind: what slow cards of each kind do by
 * their data sheets. From run to run it is corrected by what runs took (pace). None of it has been seen on a card whose
 * watchdog bites. */
#include <math.h>

#include "engine/vk/private.h"

/* A submission takes so long at most, by guess. Twenty times less than the strictest of those limits: kernels differ in
 * how well they use a card, and one guess serves them all. */
static const double SUBMIT_SECONDS = 0.1;

/* Where nothing is measured. More memory goes with a faster card: 4 GiB are worth this once (a GTX 1050 of
 * 2016: 1.9e12, 1.1e11). The others: an integrated GPU of 2015 (Intel HD 520: 4e11, 3e10). */
static const double DISCRETE_FLOPS = 5e11, DISCRETE_BYTES = 5e10;
static const double OTHER_FLOPS = 5e10, OTHER_BYTES = 1e10;
static const double DISPATCH_SECONDS = 2e-6;

/* A measured rate is believed this far from the guess: clocks err, and a machine may have been busy. */
static const double SLOWEST_RATE = 1.0 / 64, FASTEST_RATE = 64;

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

typedef struct Rates {
    double flops, bytes;
} Rates;

static Rates guessed_rates(const Gpu *gpu)
{
    const double memory = (double)gpu->info.memory_bytes / (4.0 * 1073741824.0);
    const double size   = fmin(fmax(memory, 1), 20);
    return gpu->info.type == GPU_DISCRETE ? (Rates){DISCRETE_FLOPS * size, DISCRETE_BYTES * size}
                                          : (Rates){OTHER_FLOPS, OTHER_BYTES};
}

static double believed(double measured, double guessed)
{
    return measured > 0 ? fmin(fmax(measured, guessed * SLOWEST_RATE), guessed * FASTEST_RATE) : 0;
}

void gpu_set_rates(Gpu *gpu, double flops, double bytes)
{
    const Rates guessed = guessed_rates(gpu);
    gpu->rate_flops     = believed(flops, guessed.flops);
    gpu->rate_bytes     = believed(bytes, guessed.bytes);
    gpu->pace           = 1; /* what it was told of the guess before */
}

double gpu_guess_seconds(const Gpu *gpu, double flops, double bytes)
{
    const Rates guessed = guessed_rates(gpu);
    return DISPATCH_SECONDS + flops / (gpu->rate_flops > 0 ? gpu->rate_flops : guessed.flops) +
           bytes / (gpu->rate_bytes > 0 ? gpu->rate_bytes : guessed.bytes);
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
