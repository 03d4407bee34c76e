/* What was chosen, and choosing by times that were measured. */
#include "engine/ops/matmul_choice.h"

#include <math.h>

#include "engine/ops/matmul_parts.h"

_Static_assert(COMPUTE_TYPES *MATMUL_CLASSES <= GPU_CHOICES, "a place for each choice");

const char *const matmul_class_names[] = {"large", "slots", "long", NULL};

static uint32_t place_of(ComputeType compute, MatmulClass class)
{
    return (uint32_t)compute * MATMUL_CLASSES + class;
}

MatmulChoice matmul_choice(const GpuInfo *info, ComputeType compute, MatmulLayout layout, uint32_t m)
{
    const MatmulClass class = layout == MATMUL_TN ? MATMUL_LONG : m <= MATMUL_SLOTS_MOST ? MATMUL_SLOTS : MATMUL_LARGE;
    const uint32_t choice   = info->choices[place_of(compute, class)];
    return choice == 0 ? (MatmulChoice){0}
                       : (MatmulChoice){.given  = true,
                                        .kernel = (MatmulKernel)((choice - 1) / COOPMAT_SIZES),
                                        .size   = (choice - 1) % COOPMAT_SIZES,
                                        .exact  = class == MATMUL_SLOTS};
}

void matmul_probe_use(Gpu *gpu, const MatmulProbe *probe)
{
    _Static_assert((int)TILED_SIZES <= (int)COOPMAT_SIZES, "one way to write down tiles");
    for (int c = 0; c < MATMUL_CLASSES; c++) {
        const MatmulVariant *v = &probe->candidates[probe->chosen[c]].variant;
        gpu_set_choice(gpu, place_of(probe->compute, (MatmulClass)c),
                       probe->chosen[c] == probe->table[c] ? 0 : (uint8_t)(1 + v->kernel * COOPMAT_SIZES + v->size));
    }
}

void matmul_probe_rates(Gpu *gpu, const MatmulProbe *probe)
{
    if (probe->compute == COMPUTE_F32) {
        gpu_set_rates(gpu, matmul_candidate_flops(probe, probe->chosen[MATMUL_LARGE], MATMUL_LARGE),
                      matmul_candidate_bytes(probe, probe->chosen[MATMUL_SLOTS], MATMUL_SLOTS));
    }
}

MatmulShape matmul_class_shape(MatmulClass class, uint32_t side)
{
    enum { SLOTS = 32 };
    switch (class) {
    case MATMUL_SLOTS: return (MatmulShape){MATMUL_NT, SLOTS, 2 * side, side};
    case MATMUL_LONG: return (MatmulShape){MATMUL_TN, side / 4, side / 4, 4 * side};
    default: return (MatmulShape){MATMUL_NT, side, side, side};
    }
}

double matmul_candidate_flops(const MatmulProbe *probe, int candidate, MatmulClass class)
{
    const MatmulShape s       = matmul_class_shape(class, probe->side);
    const double      seconds = probe->candidates[candidate].seconds[class];
    return seconds > 0 ? 2.0 * s.m * s.n * s.k / seconds : 0;
}

double matmul_candidate_bytes(const MatmulProbe *probe, int candidate, MatmulClass class)
{
    const MatmulShape s  = matmul_class_shape(class, probe->side);
    const double seconds = probe->candidates[candidate].seconds[class], size = probe->compute == COMPUTE_F32 ? 4 : 2;
    return seconds > 0 ? (size * s.k * ((double)s.m + s.n) + 4.0 * s.m * s.n) / seconds : 0;
}

bool matmul_probe_matters(const GpuInfo *info)
{
    return info->type != GPU_CPU && info->unusable[0] == '\0';
}

void matmul_probe_begin(const GpuInfo *info, ComputeType compute, MatmulProbe *probe)
{
    MatmulVariant  list[MATMUL_VARIANTS];
    const int      count = matmul_variants(info, list);
    const uint32_t side  = info->type == GPU_CPU ? 512 : 4096; /* for what the table says of large products */
    *probe               = (MatmulProbe){.compute = compute};
    for (int i = 0; i < count; i++) {
        if (list[i].lacks[0] == '\0' && (list[i].compute == compute || list[i].compute == COMPUTE_F32)) {
            probe->candidates[probe->count++].variant = list[i];
        }
    }
    for (int c = 0; c < MATMUL_CLASSES; c++) {
        const MatmulShape s    = matmul_class_shape((MatmulClass)c, side);
        const MatmulPlan  plan = matmul_plan_chosen(info, (MatmulChoice){0}, compute, s.layout, s.m, s.n, s.k);
        for (int i = 0; i < probe->count; i++) {
            const MatmulVariant *v = &probe->candidates[i].variant;
            if (v->kernel == plan.kernel && v->size == plan.size) {
                probe->table[c] = probe->chosen[c] = i;
            }
        }
    }
}

/* --- choosing ------------------------------------------------------------------------------------------------------
 */

/* Times of one program differ by so much: what is faster by less is not taken. */
static const double clearly = 0.97;

static MatmulKernel kernel_of(const MatmulProbe *probe, int candidate)
{
    return probe->candidates[candidate].variant.kernel;
}

/* The fastest measured candidate of a class with this kernel; -1: none. */
static int fastest_of(const MatmulProbe *probe, MatmulKernel kernel, MatmulClass class)
{
    int best = -1;
    for (int i = 0; i < probe->count; i++) {
        const double seconds = probe->candidates[i].seconds[class];
        if (kernel_of(probe, i) == kernel && seconds > 0 &&
            (best < 0 || seconds < probe->candidates[best].seconds[class])) {
            best = i;
        }
    }
    return best;
}

/* The geometric mean of a kernel's times for the classes in [first, last], each with its best tiles; infinite where it
 * was not measured. */
static double time_of(const MatmulProbe *probe, MatmulKernel kernel, MatmulClass first, MatmulClass last)
{
    double logs = 0;
    for (int c = (int)first; c <= (int)last; c++) {
        const int best = fastest_of(probe, kernel, (MatmulClass)c);
        if (best < 0) {
            return INFINITY;
        }
        logs += log(probe->candidates[best].seconds[c]);
    }
    return exp(logs / (1 + (int)last - (int)first));
}

/* One kernel for all these classes, then the tiles of each. */
static void choose_between(MatmulProbe *probe, MatmulClass first, MatmulClass last)
{
    const MatmulKernel table = kernel_of(probe, probe->table[first]);
    const double       usual = time_of(probe, table, first, last);
    MatmulKernel       taken = table;
    double             best  = usual * clearly;
    for (int i = 0; i < probe->count; i++) {
        const double time = time_of(probe, kernel_of(probe, i), first, last);
        if (time < best) {
            best  = time;
            taken = kernel_of(probe, i);
        }
    }
    for (int c = (int)first; c <= (int)last; c++) {
        const int    fastest  = fastest_of(probe, taken, (MatmulClass)c);
        const double by_table = probe->candidates[probe->table[c]].seconds[c];
        const bool   other =
            fastest >= 0 &&
            (taken != table || (by_table > 0 && probe->candidates[fastest].seconds[c] < by_table * clearly));
        probe->chosen[c] = other ? fastest : probe->table[c];
    }
}

void matmul_probe_choose(MatmulProbe *probe)
{
    choose_between(probe, MATMUL_LARGE, MATMUL_SLOTS);
    choose_between(probe, MATMUL_LONG, MATMUL_LONG);
}

bool matmul_probe_is_sound(const MatmulProbe *probe)
{
    return kernel_of(probe, probe->chosen[MATMUL_LARGE]) == kernel_of(probe, probe->chosen[MATMUL_SLOTS]);
}
