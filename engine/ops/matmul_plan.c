/* Which kernel takes a product, and how it covers it. */
#include "engine/ops/matmul_parts.h"
#include "engine/ops/texels.h"

enum { MAX_SLICES = 32 };

/* Slices of a weight gradient's k so that the device has enough workgroups: it has
 * few tiles and a long k. No slice is shorter than 256. */
void matmul_plan_split(MatmulPlan *plan, uint64_t wanted, MatmulLayout layout, uint32_t m, uint32_t n)
{
    if (layout != MATMUL_TN) { /* m is a batch: what a row gets must not depend on the rows beside it */
        plan->slices  = 1;
        plan->k_slice = plan->k_pass;
        return;
    }
    const uint64_t tiles  = (uint64_t)ceil_div(m, plan->tile_m) * ceil_div(n, plan->tile_n);
    uint64_t       slices = tiles < wanted ? (wanted + tiles - 1) / tiles : 1;
    slices                = slices < MAX_SLICES ? slices : MAX_SLICES;
    slices                = slices < plan->k_pass / 256 ? slices : plan->k_pass / 256;
    plan->slices          = slices > 1 ? (uint32_t)slices : 1;
    plan->k_slice         = ceil_div(ceil_div(plan->k_pass, plan->slices), plan->tile_k) * plan->tile_k;
    plan->slices          = ceil_div(plan->k_pass, plan->k_slice);
}

enum { LLVMPIPE = 13 }; /* VK_DRIVER_ID_MESA_LLVMPIPE */

static bool is_new_lavapipe(const GpuInfo *info)
{
    return info->driver_id == LLVMPIPE && texels_outdone_by_addresses(info);
}
static bool is_old_lavapipe(const GpuInfo *info)
{
    return info->driver_id == LLVMPIPE && !is_new_lavapipe(info);
}

const CoopmatTiles matmul_tiled_tiles[TILED_SIZES] = {
    {.tile_m = 128, .tile_n = 128, .part_m = 8, .part_n = 8, .step = 16, .stages = 1},
    {.tile_m = 64, .tile_n = 64, .part_m = 4, .part_n = 4, .step = 16, .stages = 1},
    {.tile_m = 32, .tile_n = 32, .part_m = 4, .part_n = 4, .step = 16, .stages = 1}};

static uint64_t tiles_of(const CoopmatTiles *t, uint32_t m, uint32_t n)
{
    return (uint64_t)ceil_div(m, t->tile_m) * ceil_div(n, t->tile_n);
}

uint32_t matmul_choice_size(MatmulChoice choice, const CoopmatTiles *tiles, uint32_t count, uint32_t enough,
                            uint32_t slices, uint32_t m, uint32_t n)
{
    uint32_t i = choice.size < count ? choice.size : 0;
    for (; !choice.exact && i + 1 < count; i++) {
        const CoopmatTiles *t = &tiles[i], *next = &tiles[i + 1];
        const bool          covers = (m <= next->tile_m && next->tile_m < t->tile_m) ||
                            (n <= next->tile_n && next->tile_n < t->tile_n); /* the other operand is still read once */
        const bool more = tiles_of(t, m, n) * slices < enough && tiles_of(next, m, n) > tiles_of(t, m, n) &&
                          next->tile_n <= t->tile_n;
        if (!covers && !more) {
            break;
        }
    }
    return i;
}

static MatmulPlan plan_tiled(const GpuInfo *info, MatmulChoice choice, MatmulLayout layout, uint32_t m, uint32_t n,
                             uint32_t k)
{
    const bool     cpu   = info->type == GPU_CPU;
    const uint32_t usual = cpu ? 2 : 1; /* CPU devices: half the code to compile. Slices do not depend on the choice */
    const MatmulChoice take = choice.given ? choice : (MatmulChoice){.exact = true, .size = usual};
    MatmulPlan         plan = {.kernel = KERNEL_TILED, .tile_k = 16, .k_main = k, .k_pass = k};
    plan.tile_m = plan.tile_n = matmul_tiled_tiles[usual].tile_m;
    matmul_plan_split(&plan, cpu ? 16 : 512, layout, m, n);
    plan.size   = matmul_choice_size(take, matmul_tiled_tiles, TILED_SIZES, cpu ? 4 : 96, plan.slices, m, n);
    plan.tiles  = matmul_tiled_tiles[plan.size];
    plan.tile_m = plan.tiles.tile_m;
    plan.tile_n = plan.tiles.tile_n;
    return plan;
}

uint32_t matmul_tiled_longest(GpuStream *stream)
{
    enum {
        CPU_LONGEST = 1 << 14
    }; /* with tiles of 32 they take some 35 turns for 16 of k, and loops may have 65,535 */
    return gpu_info(gpu_stream_gpu(stream))->type == GPU_CPU ? CPU_LONGEST : UINT32_MAX;
}

MatmulPlan matmul_plan_tiled(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    return plan_tiled(gpu_info(gpu_stream_gpu(stream)), (MatmulChoice){0}, layout, m, n, k);
}

/* Passes over k keep what their tiles share (B; for TN, A too) within a
 * second-level cache. */
static MatmulPlan plan_passes(MatmulPlan plan, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    const uint32_t cached  = 512 << 10; /* bytes */
    uint32_t       longest = cached / (4 * (layout == MATMUL_TN ? m + n : n));
    longest                = longest > 256 ? longest : 256;
    plan.k_main            = k; /* the kernel takes any */
    plan.k_pass            = ceil_div(ceil_div(plan.k_main, ceil_div(plan.k_main, longest)), plan.tile_k) * plan.tile_k;
    plan.k_most            = k < longest ? k : (longest + plan.tile_k - 1) / plan.tile_k * plan.tile_k;
    matmul_plan_split(&plan, 8, layout, m, n);
    return plan;
}

/* 32 vector registers, not 16? The device is this processor. */
static bool many_registers(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

/* Rows of a tile: two registers of sums each, beside three for operands. */
static uint32_t lanes_rows(void)
{
    return many_registers() ? 12 : 6;
}

/* k of a turn of its loop: code that fits an instruction cache, and half of that where less is left over then. */
static uint32_t lanes_step(uint32_t k)
{
    const uint32_t step = LANES_STEP * 6 / lanes_rows();
    return k % step < step / 2 ? step : step / 2;
}

/* So many that few rows are shared out evenly, without rows that nobody asked for; a row's bits do not depend on it.
 * Many rows take one kernel for all. */
static uint32_t lanes_tile(MatmulLayout layout, uint32_t m)
{
    const uint32_t rows = lanes_rows();
    return layout == MATMUL_TN || m >= 3 * rows ? rows : ceil_div(m, ceil_div(m, rows));
}

/* A panel of B and a tile of A lie in a first-level cache during a pass. */
static MatmulPlan plan_lanes(MatmulLayout layout, uint32_t lanes, uint32_t m, uint32_t n, uint32_t k)
{
    const uint32_t longest = layout == MATMUL_TN ? 256 : 384; /* for TN a row of A takes a whole line of the cache */
    const uint32_t step    = lanes_step(k);
    const uint32_t most    = k < longest ? ceil_div(k, LANES_STEP) * LANES_STEP : longest;
    MatmulPlan     plan    = {
               .kernel = KERNEL_LANES, .tile_m = lanes_tile(layout, m), .tile_n = 2 * lanes, .tile_k = step, .slices = 1};
    plan.k_main      = k / plan.tile_k * plan.tile_k;
    plan.panel_bytes = (uint64_t)ceil_div(n, plan.tile_n) * plan.tile_n * most * 4; /* no less for a longer k */
    plan.k_most      = most;
    if (plan.k_main > 0) {
        const uint32_t passes = ceil_div(plan.k_main, longest);
        plan.k_pass           = ceil_div(ceil_div(plan.k_main, passes), plan.tile_k) * plan.tile_k;
        matmul_plan_split(&plan, 8, layout, m, n);
    }
    return plan;
}

/* Passes and slices do not go by the tiles, which are as wide as the processor's registers: they show in a sum's bits.
 */
static MatmulPlan plan_texel(MatmulLayout layout, uint32_t lanes, uint32_t m, uint32_t n, uint32_t k)
{
    MatmulPlan plan = {.kernel = KERNEL_TEXEL, .tile_m = 64, .tile_n = 8, .tile_k = 8};
    plan            = plan_passes(plan, layout, m, n, k);
    plan.tile_m     = matmul_texel_rows(lanes, m);
    plan.tile_n     = TEXEL_VECTOR * lanes;
    return plan;
}

bool matmul_has_lanes(const GpuInfo *info)
{
    const uint32_t lanes = info->subgroup_size;
    return is_new_lavapipe(info) && (lanes == 4 || lanes == 8 || lanes == 16);
}

bool matmul_has_texel(const GpuInfo *info)
{
    const uint32_t lanes = info->subgroup_size;
    return is_old_lavapipe(info) && info->tier.subgroup_shuffle && (lanes == 4 || lanes == 8 || lanes == 16);
}

static bool takes(const GpuInfo *info, MatmulKernel kernel, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    switch (kernel) {
    case KERNEL_LANES:
        return matmul_has_lanes(info) && n >= 2 * info->subgroup_size && (n % 4 == 0 || layout == MATMUL_NT) &&
               (layout != MATMUL_TN || m >= lanes_rows());
    case KERNEL_TEXEL:
        return matmul_has_texel(info) && n >= TEXEL_LEAST && k >= TEXEL_VECTOR &&
               (layout == MATMUL_NT ? k % 4 == 0 : n % 4 == 0) && (layout != MATMUL_TN || m >= TEXEL_LEAST);
    case KERNEL_TILED:
    case KERNEL_COOPMAT:
    case KERNEL_COOPMAT2: break;
    }
    return true;
}

MatmulPlan matmul_plan_chosen(const GpuInfo *info, MatmulChoice choice, ComputeType compute, MatmulLayout layout,
                              uint32_t m, uint32_t n, uint32_t k)
{
    const bool     cpu = info->type == GPU_CPU, any = !choice.given;
    const uint32_t enough = cpu ? 4 : 96; /* workgroups */
    Coopmat        coopmat;
    if ((any ? !cpu : choice.kernel == KERNEL_COOPMAT) && coopmat_find(info, compute, &coopmat)) {
        return coopmat_plan(&coopmat, layout, m, n, k, choice, enough);
    }
    if (!any && choice.kernel == KERNEL_COOPMAT2 && coopmat2_find(info, compute, &coopmat)) {
        return coopmat2_plan(&coopmat, layout, m, n, k, choice, enough); /* never by the table: no card has run it */
    }
    if ((any || choice.kernel == KERNEL_LANES) && takes(info, KERNEL_LANES, layout, m, n, k)) {
        return plan_lanes(layout, info->subgroup_size, m, n, k);
    }
    if ((any || choice.kernel == KERNEL_TEXEL) && takes(info, KERNEL_TEXEL, layout, m, n, k)) {
        return plan_texel(layout, info->subgroup_size, m, n, k);
    }
    return plan_tiled(info, choice.kernel == KERNEL_TILED ? choice : (MatmulChoice){0}, layout, m, n, k);
}

MatmulPlan matmul_plan_as(GpuStream *stream, const MatmulVariant *variant, ComputeType compute, MatmulLayout layout,
                          uint32_t m, uint32_t n, uint32_t k)
{
    const GpuInfo     *info   = gpu_info(gpu_stream_gpu(stream));
    const MatmulChoice choice = variant != NULL ? (MatmulChoice){true, variant->kernel, variant->size, true}
                                                : matmul_choice(info, compute, layout, m);
    return matmul_plan_chosen(info, choice, compute, layout, m, n, k);
}

MatmulPlan matmul_plan(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    return matmul_plan_as(stream, NULL, COMPUTE_F32, layout, m, n, k);
}

bool matmul_prefers_f32(GpuStream *stream)
{
    return gpu_info(gpu_stream_gpu(stream))->driver_id == LLVMPIPE;
}

bool matmul_is_fast(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    return matmul_plan(stream, layout, m, n, k).kernel != KERNEL_TILED;
}
