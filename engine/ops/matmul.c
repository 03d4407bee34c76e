#include "engine/ops/matmul.h"

#include "engine/ops/ops.h"

/* Bits of EPILOGUE, as in shaders/include/gemm.glsl. */
enum { ADD_BIAS = 1, ADD_MATRIX = 2, ADD_C = 4 };

enum { MAX_SLICES = 32 };

typedef enum Kernel {
    KERNEL_TILED, /* shaders/gemm_tiled.comp: GPUs, and whatever no other one takes */
    KERNEL_LANES, /* shaders/gemm_lanes.comp: lavapipe of Mesa 24 and later          */
    KERNEL_TEXEL  /* shaders/gemm_texel.comp: older lavapipe                         */
} Kernel;

enum { LANES_STEP = 32, PACK_STEP = 16, PADDED_STEP = 8 };  /* of k, in gemm_lanes.comp, gemm_pack.comp */
enum { TEXEL_ROWS = 8, TEXEL_COLUMNS = 8, TEXEL_STEP = 4 }; /* of an invocation; as in gemm_texel.comp */

/* How one kernel covers a product. Either way of splitting k adds up in a fixed order. */
typedef struct Plan {
    Kernel   kernel;
    uint32_t tile_m, tile_n, tile_k; /* of one workgroup; slices and passes are multiples of tile_k      */
    uint32_t k_main;                 /* the rest, less than tile_k, comes after                          */
    uint32_t k_pass;                 /* of k_main in one dispatch; later ones add to C                   */
    uint32_t slices, k_slice;        /* of a pass, side by side: each has a plane in the workspace if > 1 */
    uint64_t panel_bytes;            /* of the workspace that B of a pass takes in panels; 0: B as it is */
} Plan;

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/* Slices of a weight gradient's k so that the device has enough workgroups: it has
 * few tiles and a long k. No slice is shorter than 256. */
static void plan_split(Plan *plan, uint64_t wanted, MatmulLayout layout, uint32_t m, uint32_t n)
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

/* lavapipe whose LLVM makes broadcasts of uniform loads. Mesa numbers its driver
 * versions as Vulkan numbers its own; old lavapipe always says 1. */
static bool is_new_lavapipe(const GpuInfo *info)
{
    return info->driver_id == LLVMPIPE && info->driver_version >> 22 >= 24;
}
static bool is_old_lavapipe(const GpuInfo *info)
{
    return info->driver_id == LLVMPIPE && !is_new_lavapipe(info);
}

static Plan plan_tiled(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    const bool cpu  = gpu_info(gpu_stream_gpu(stream))->type == GPU_CPU;
    Plan       plan = {.kernel = KERNEL_TILED, .tile_k = 16, .k_main = k, .k_pass = k};
    plan.tile_m = plan.tile_n = cpu ? 32 : 64; /* CPU devices: half the code to compile */
    plan_split(&plan, cpu ? 16 : 512, layout, m, n);
    return plan;
}

/* Passes over k keep what their tiles share (B; for TN, A too) within a
 * second-level cache. */
static Plan plan_passes(Plan plan, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    const uint32_t cached  = 512 << 10; /* bytes */
    uint32_t       longest = cached / (4 * (layout == MATMUL_TN ? m + n : n));
    longest                = longest > 256 ? longest : 256;
    plan.k_main            = k / plan.tile_k * plan.tile_k;
    plan.k_pass            = ceil_div(ceil_div(plan.k_main, ceil_div(plan.k_main, longest)), plan.tile_k) * plan.tile_k;
    plan_split(&plan, 8, layout, m, n);
    return plan;
}

/* Rows of a tile: two registers of sums each, beside three for operands. The device is this processor. */
static uint32_t lanes_rows(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx512vl") ? 12 : 6; /* 32 or 16 vector registers */
#else
    return 6;
#endif
}

/* A panel of B and a tile of A lie in a first-level cache during a pass. */
static Plan plan_lanes(MatmulLayout layout, uint32_t lanes, uint32_t m, uint32_t n, uint32_t k)
{
    const uint32_t longest = 384, most = k < longest ? ceil_div(k, LANES_STEP) * LANES_STEP : longest;
    Plan           plan = {
                  .kernel = KERNEL_LANES, .tile_m = lanes_rows(), .tile_n = 2 * lanes, .tile_k = LANES_STEP, .slices = 1};
    plan.k_main      = k / plan.tile_k * plan.tile_k;
    plan.panel_bytes = (uint64_t)ceil_div(n, plan.tile_n) * plan.tile_n * most * 4; /* no less for a longer k */
    if (plan.k_main > 0) {
        const uint32_t passes = ceil_div(plan.k_main, longest);
        plan.k_pass           = ceil_div(ceil_div(plan.k_main, passes), plan.tile_k) * plan.tile_k;
        plan_split(&plan, 8, layout, m, n);
    }
    return plan;
}

/* Invocations lie down the rows, or half across, whichever wastes fewer. */
static Plan plan_texel(MatmulLayout layout, uint32_t lanes, uint32_t m, uint32_t n, uint32_t k)
{
    uint64_t best = UINT64_MAX;
    Plan     plan = {.kernel = KERNEL_TEXEL, .tile_k = TEXEL_STEP};
    for (uint32_t down = lanes; down > 0; down /= 2) {
        const uint32_t tile_m = TEXEL_ROWS * down, tile_n = TEXEL_COLUMNS * (lanes / down);
        const uint64_t tiles = (uint64_t)ceil_div(m, tile_m) * ceil_div(n, tile_n);
        if (tiles < best) {
            best        = tiles;
            plan.tile_m = tile_m;
            plan.tile_n = tile_n;
        }
    }
    return plan_passes(plan, layout, m, n, k);
}

static Plan plan_make(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    const GpuInfo *info  = gpu_info(gpu_stream_gpu(stream));
    const uint32_t lanes = info->subgroup_size;
    if (is_new_lavapipe(info) && info->tier.buffer_address && info->tier.int64 &&
        (lanes == 4 || lanes == 8 || lanes == 16) && n >= 2 * lanes && n % 4 == 0 &&
        (layout != MATMUL_TN || (m % 4 == 0 && m >= lanes_rows()))) {
        return plan_lanes(layout, lanes, m, n, k);
    }
    if (is_old_lavapipe(info) && m >= TEXEL_ROWS && n >= TEXEL_COLUMNS && n % 4 == 0 && k >= TEXEL_STEP &&
        (layout == MATMUL_TN ? m % 4 == 0 : k % 4 == 0)) {
        return plan_texel(layout, lanes, m, n, k);
    }
    return plan_tiled(stream, layout, m, n, k);
}

/* Rows are whole vec4s at aligned places, and sizes stay within what the kernels index. */
static bool fits_vec4s(const Matmul *p)
{
    const uint64_t limit   = (uint64_t)256 << 20;
    const GpuSpan  spans[] = {p->a, p->b, p->c, p->add, p->bias, p->workspace};
    for (int i = 0; i < 6; i++) {
        if (spans[i].buffer != NULL && (spans[i].offset % 16 != 0 || gpu_span_address(spans[i]) % 16 != 0)) {
            return false;
        }
    }
    return p->lda % 4 == 0 && p->ldb % 4 == 0 && p->ldc % 4 == 0 && p->a.size < limit && p->b.size < limit &&
           p->c.size < limit;
}

/* A span that may start anywhere, widened to where every device can bind; `before`: floats in front. */
static GpuSpan bindable(GpuSpan span, uint32_t *before)
{
    const uint64_t rest = span.offset % GPU_ALIGNMENT;
    *before             = (uint32_t)(rest / 4);
    return (GpuSpan){span.buffer, span.offset - rest, span.size + rest};
}

static bool is_bindable(GpuSpan span)
{
    return span.buffer == NULL || span.offset % GPU_ALIGNMENT == 0;
}

static void record_tiled(GpuStream *stream, const Matmul *p, const Plan *plan, GpuSpan c, uint32_t epilogue)
{
    const uint32_t reg = 4, side = plan->tile_m / reg;
    uint32_t       before[5];
    const GpuSpan  to = bindable(c, &before[0]), a = bindable(p->a, &before[1]), b = bindable(p->b, &before[2]);
    const GpuSpan  add      = bindable(epilogue & ADD_MATRIX ? p->add : p->a, &before[3]);
    const GpuSpan  bias     = bindable(epilogue & ADD_BIAS ? p->bias : p->a, &before[4]);
    const uint32_t push[14] = {p->m,          p->n,
                               p->k,          p->lda,
                               p->ldb,        plan->slices > 1 ? p->n : p->ldc,
                               plan->k_slice, plan->slices > 1 ? p->m * p->n : 0,
                               epilogue,      before[0],
                               before[1],     before[2],
                               before[3],     before[4]};
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "gemm_tiled",
                                .spec       = {side * side, p->layout, plan->tile_m, reg},
                                .spec_count = 4,
                                .bind       = {epilogue & ADD_C ? gpu_read_write(to) : gpu_write(to), gpu_read(a),
                                         gpu_read(b), gpu_read(add), gpu_read(bias)},
                                .push       = push,
                                .push_size  = sizeof push,
                                .groups = {ceil_div(p->n, plan->tile_n), ceil_div(p->m, plan->tile_m), plan->slices}});
}

static GpuBind by_address(GpuSpan span, GpuAccess access)
{
    return (GpuBind){span, access, GPU_BIND_ADDRESS};
}

/* One pass: k in [first, first + count). A count that is no multiple of the step is padded, and less than one. */
static void record_lanes(GpuStream *stream, const Matmul *p, const Plan *plan, GpuSpan c, uint32_t epilogue,
                         uint32_t first, uint32_t count)
{
    const bool     padded = count % LANES_STEP != 0;
    const uint32_t length = padded ? ceil_div(count, PADDED_STEP) * PADDED_STEP : count; /* of a panel */
    const uint32_t lanes  = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    const uint32_t panels = ceil_div(p->n, plan->tile_n), tiles = ceil_div(p->m, plan->tile_m);
    const GpuSpan  packed = gpu_span_slice(p->workspace, 0, (uint64_t)panels * plan->tile_n * length * 4);
    const uint64_t a_step = p->layout == MATMUL_TN ? p->lda : 1, b_step = p->layout == MATMUL_NT ? 1 : p->ldb;
    const struct {
        uint64_t b, panels;
        uint32_t n, ldb, count, k;
    } pack = {gpu_span_address(p->b) + first * b_step * 4, gpu_span_address(packed), p->n, p->ldb, length, count};
    const uint32_t pack_step = padded ? PADDED_STEP : PACK_STEP;
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel = "gemm_pack",
                                .spec   = {lanes, p->layout == MATMUL_NT ? MATMUL_NT : MATMUL_NN, 0, pack_step, padded},
                                .spec_count = 5,
                                .bind       = {by_address(packed, GPU_WRITE), by_address(p->b, GPU_READ)},
                                .push       = &pack,
                                .push_size  = sizeof pack,
                                .groups     = {length / pack_step, panels, 1}});

    const GpuSpan  add = epilogue & ADD_MATRIX ? p->add : p->a, bias = epilogue & ADD_BIAS ? p->bias : p->a;
    const uint32_t k_slice = plan->slices > 1 ? plan->k_slice : length;
    const uint64_t tile_bytes =
        (uint64_t)plan->tile_m * k_slice * 4; /* of A; a block of rows stays in a second-level cache */
    const uint32_t fit = (uint32_t)((256 << 10) / tile_bytes), blocks = ceil_div(tiles, fit > 0 ? fit : 1);
    const struct {
        uint64_t a, b, c, add, bias;
        uint32_t m, n, k, lda, ldc, blocks, k_slice, c_plane, k_last, padding;
    } push = {gpu_span_address(p->a) + first * a_step * 4,
              gpu_span_address(packed),
              gpu_span_address(c),
              gpu_span_address(add),
              gpu_span_address(bias),
              p->m,
              p->n,
              length,
              p->lda,
              plan->slices > 1 ? p->n : p->ldc,
              blocks,
              k_slice,
              plan->slices > 1 ? p->m * p->n : 0,
              count - 1,
              0};
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "gemm_lanes",
                                .spec       = {lanes, p->layout == MATMUL_TN ? MATMUL_TN : MATMUL_NN, epilogue,
                                         padded ? length : LANES_STEP, plan->tile_m, padded},
                                .spec_count = 6,
                                .bind       = {by_address(c, epilogue & ADD_C ? GPU_READ_WRITE : GPU_WRITE),
                                               by_address(p->a, GPU_READ), by_address(packed, GPU_READ),
                                               by_address(add, GPU_READ), by_address(bias, GPU_READ)},
                                .push       = &push,
                                .push_size  = sizeof push,
                                .groups     = {ceil_div(tiles, blocks), panels, blocks * ceil_div(length, k_slice)}});
}

/* One pass: k in [first, first + count). */
static void record_texel(GpuStream *stream, const Matmul *p, const Plan *plan, GpuSpan c, uint32_t epilogue,
                         uint32_t first, uint32_t count)
{
    const uint32_t lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size, down = plan->tile_m / TEXEL_ROWS;
    const uint32_t push[9] = {p->m,       p->n,          first + count,
                              p->lda / 4, p->ldb / 4,    plan->slices > 1 ? p->n : p->ldc,
                              first,      plan->k_slice, plan->slices > 1 ? p->m * p->n : 0};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_texel",
                                        .spec       = {lanes, p->layout, epilogue, down, TEXEL_ROWS},
                                        .spec_count = 5,
                                        .bind = {epilogue & ADD_C ? gpu_read_write(c) : gpu_write(c), gpu_texel(p->a),
                                                 gpu_texel(p->b), gpu_read(epilogue & ADD_MATRIX ? p->add : p->a),
                                                 gpu_read(epilogue & ADD_BIAS ? p->bias : p->a)},
                                        .push = push,
                                        .push_size = sizeof push,
                                        .groups    = {ceil_div(p->n, plan->tile_n), ceil_div(p->m, plan->tile_m),
                                                      ceil_div(count, plan->k_slice)}});
}

static void record_reduce(GpuStream *stream, const Matmul *p, const Plan *plan, GpuSpan planes, uint32_t epilogue)
{
    const uint32_t push[4] = {p->m, p->n, p->ldc, plan->slices};
    const uint32_t group   = ops_group_elements(stream);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "gemm_reduce",
                                        .spec       = {group, p->layout, epilogue},
                                        .spec_count = 3,
                                        .bind       = {epilogue & ADD_C ? gpu_read_write(p->c) : gpu_write(p->c),
                                                 gpu_read(planes), gpu_read(epilogue & ADD_MATRIX ? p->add : planes),
                                                 gpu_read(epilogue & ADD_BIAS ? p->bias : planes)},
                                        .push      = push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups((uint64_t)p->m * p->n, group)});
}

static uint64_t planes_bytes(const Plan *plan, uint32_t m, uint32_t n)
{
    return plan->slices > 1 ? (uint64_t)plan->slices * m * n * 4 : 0;
}

/* The floats of a matrix with `rows` rows of `width`, `stride` apart. */
static GpuSpan matrix_rows(GpuSpan matrix, uint64_t first, uint64_t rows, uint64_t width, uint64_t stride)
{
    return gpu_span_slice(matrix, first * stride * 4, ((rows - 1) * stride + width) * 4);
}

/* What is left of k after k_main columns. */
static void record_rest(GpuStream *stream, const Matmul *p, uint32_t k_main)
{
    Matmul         rest = *p;
    const uint64_t skip = (uint64_t)k_main * 4;
    rest.k              = p->k - k_main;
    rest.a              = p->layout == MATMUL_TN ? matrix_rows(p->a, k_main, rest.k, p->m, p->lda)
                                                 : gpu_span_slice(p->a, skip, p->a.size - skip);
    rest.b              = p->layout == MATMUL_NT ? gpu_span_slice(p->b, skip, p->b.size - skip)
                                                 : matrix_rows(p->b, k_main, rest.k, p->n, p->ldb);
    const Plan tiled    = plan_tiled(stream, rest.layout, rest.m, rest.n, rest.k);
    record_tiled(stream, &rest, &tiled, p->c, ADD_C);
}

/* Bytes that an operand of one dispatch may have. */
static uint64_t operand_limit(GpuStream *stream)
{
    return gpu_info(gpu_stream_gpu(stream))->max_binding_bytes -
           GPU_ALIGNMENT; /* it may start between two bindable places */
}

/* A product whose tensors each fit one binding, strides filled in. */
static void matmul_piece(GpuStream *stream, const Matmul *p)
{
    Plan plan = plan_make(stream, p->layout, p->m, p->n, p->k);
    if (plan.kernel != KERNEL_TILED && !fits_vec4s(p)) {
        plan = plan_tiled(stream, p->layout, p->m, p->n, p->k);
    }
    if (plan.panel_bytes > 0 && (p->workspace.buffer == NULL || p->workspace.size < plan.panel_bytes)) {
        plan = plan_tiled(stream, p->layout, p->m, p->n, p->k);
    }
    const uint64_t planes_size = planes_bytes(&plan, p->m, p->n), offset = gpu_align(plan.panel_bytes);
    const bool     bound = is_bindable(p->c) && is_bindable(p->add) && is_bindable(p->bias); /* by gemm_reduce */
    const bool     split = plan.slices > 1 && bound && p->workspace.buffer != NULL &&
                       p->workspace.size >= offset + planes_size && planes_size <= operand_limit(stream);
    if (!split) {
        plan.slices  = 1;
        plan.k_slice = plan.k_pass;
    }
    const uint32_t epilogue = (p->bias.buffer != NULL ? ADD_BIAS : 0) | (p->add.buffer != NULL ? ADD_MATRIX : 0) |
                              (p->accumulate ? ADD_C : 0);
    const GpuSpan planes = split ? gpu_span_slice(p->workspace, offset, planes_size) : p->c;
    for (uint32_t k = 0; k < plan.k_main; k += plan.k_pass) {
        const uint32_t add   = k == 0 ? epilogue : ADD_C; /* the first pass brings in the rest */
        const uint32_t count = plan.k_main - k < plan.k_pass ? plan.k_main - k : plan.k_pass;
        if (split) { /* the last pass may be shorter */
            plan.slices = ceil_div(count, plan.k_slice);
        }
        const GpuSpan  to  = split ? planes : p->c;
        const uint32_t now = split ? 0 : add;
        switch (plan.kernel) {
        case KERNEL_LANES: record_lanes(stream, p, &plan, to, now, k, count); break;
        case KERNEL_TEXEL: record_texel(stream, p, &plan, to, now, k, count); break;
        case KERNEL_TILED: record_tiled(stream, p, &plan, to, now); break;
        }
        if (split) {
            record_reduce(stream, p, &plan, planes, add);
        }
    }
    if (plan.k_main == p->k) {
        return;
    }
    if (plan.kernel == KERNEL_LANES) {
        plan.slices = 1;
        record_lanes(stream, p, &plan, p->c, plan.k_main == 0 ? epilogue : ADD_C, plan.k_main, p->k - plan.k_main);
    } else {
        record_rest(stream, p, plan.k_main);
    }
}

/* How many lines of `stride` floats fit: if possible so many that the next piece starts at a bindable place, or at a
 * whole vec4. */
static uint32_t lines_that_fit(uint64_t limit, uint64_t stride, uint32_t lines)
{
    const uint64_t fit = limit / (4 * stride);
    if (fit >= lines) {
        return lines;
    }
    return (uint32_t)(fit >= 64 ? fit & ~(uint64_t)63 : fit >= 4 ? fit & ~(uint64_t)3 : fit);
}

/* The product in pieces of the tensor that does not grow with the batch (the weight, or its gradient), where that is
 * more than one binding: a piece of B's rows is for NT a piece of C's columns, for NN a piece of k; TN takes C by rows.
 */
static void matmul_by_weight(GpuStream *stream, const Matmul *p, uint32_t step)
{
    const uint32_t lines = p->layout == MATMUL_NN ? p->k : p->layout == MATMUL_NT ? p->n : p->m;
    for (uint32_t first = 0; first < lines; first += step) {
        Matmul         piece = *p;
        const uint32_t count = lines - first < step ? lines - first : step;
        const uint64_t skip  = (uint64_t)first * 4;
        switch (p->layout) {
        case MATMUL_NT:
            piece.n = count;
            piece.b = matrix_rows(p->b, first, count, p->k, p->ldb);
            piece.c = gpu_span_slice(p->c, skip, (((uint64_t)p->m - 1) * p->ldc + count) * 4);
            if (p->add.buffer != NULL) {
                piece.add = gpu_span_slice(p->add, skip, (((uint64_t)p->m - 1) * p->ldc + count) * 4);
            }
            if (p->bias.buffer != NULL) {
                piece.bias = gpu_span_slice(p->bias, skip, (uint64_t)count * 4);
            }
            break;
        case MATMUL_NN:
            piece.k = count;
            piece.a = gpu_span_slice(p->a, skip, (((uint64_t)p->m - 1) * p->lda + count) * 4);
            piece.b = matrix_rows(p->b, first, count, p->n, p->ldb);
            if (first > 0) { /* the first piece brought in the rest */
                piece.accumulate  = true;
                piece.add.buffer  = NULL;
                piece.bias.buffer = NULL;
            }
            break;
        case MATMUL_TN:
            piece.m = count;
            piece.a = gpu_span_slice(p->a, skip, (((uint64_t)p->k - 1) * p->lda + count) * 4);
            piece.c = matrix_rows(p->c, first, count, p->n, p->ldc);
            if (p->add.buffer != NULL) {
                piece.add = matrix_rows(p->add, first, count, p->n, p->ldc);
            }
            break;
        }
        matmul(stream, &piece);
    }
}

/* Lines of the weight that one dispatch takes. */
static uint32_t weight_step(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k, uint32_t ldb,
                            uint32_t ldc)
{
    const uint64_t limit = operand_limit(stream);
    return layout == MATMUL_TN ? lines_that_fit(limit, ldc, m)
                               : lines_that_fit(limit, ldb, layout == MATMUL_NT ? n : k);
}

void matmul(GpuStream *stream, const Matmul *matmul)
{
    Matmul p = *matmul;
    if (p.m == 0 || p.n == 0 || p.k == 0) {
        return;
    }
    const bool     tn = p.layout == MATMUL_TN, nt = p.layout == MATMUL_NT;
    const uint32_t b_rows = nt ? p.n : p.k, b_width = nt ? p.k : p.n;
    p.lda = p.lda != 0 ? p.lda : tn ? p.m : p.k;
    p.ldb = p.ldb != 0 ? p.ldb : b_width;
    p.ldc = p.ldc != 0 ? p.ldc : p.n;

    /* Rows of A per piece: for TN these run along k (and so do B's), else along m (and so do C's). */
    const uint64_t widest = tn ? (p.lda > p.ldb ? p.lda : p.ldb) : (p.lda > p.ldc ? p.lda : p.ldc);
    const uint32_t rows   = tn ? p.k : p.m;
    const uint32_t step   = lines_that_fit(operand_limit(stream), widest, rows);
    const uint32_t lines  = weight_step(stream, p.layout, p.m, p.n, p.k, p.ldb, p.ldc);
    if (step == 0 || lines == 0) {
        gpu_stream_fail(stream, STATUS_FAILED, "matrix product: one row is more than the device binds at once");
        return;
    }
    if (lines < (tn ? p.m : b_rows)) {
        matmul_by_weight(stream, &p, lines);
        return;
    }
    for (uint32_t row = 0; row < rows; row += step) {
        Matmul         piece = p;
        const uint32_t count = rows - row < step ? rows - row : step;
        if (tn) {
            piece.k = count;
            piece.a = matrix_rows(p.a, row, count, p.m, p.lda);
            piece.b = matrix_rows(p.b, row, count, p.n, p.ldb);
            piece.c = matrix_rows(p.c, 0, p.m, p.n, p.ldc);
            if (row > 0) { /* the first piece brought in the rest */
                piece.accumulate  = true;
                piece.add.buffer  = NULL;
                piece.bias.buffer = NULL;
            }
        } else {
            piece.m = count;
            piece.a = matrix_rows(p.a, row, count, p.k, p.lda);
            piece.b = matrix_rows(p.b, 0, b_rows, b_width, p.ldb);
            piece.c = matrix_rows(p.c, row, count, p.n, p.ldc);
            if (p.add.buffer != NULL) {
                piece.add = matrix_rows(p.add, row, count, p.n, p.ldc);
            }
        }
        matmul_piece(stream, &piece);
    }
}

uint64_t matmul_workspace(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    if (m == 0 || n == 0 || k == 0) {
        return 0;
    }
    const uint32_t lines = weight_step(stream, layout, m, n, k, layout == MATMUL_NT ? k : n, n);
    if (layout == MATMUL_NT && lines > 0) { /* pieces of the weight use it one after another */
        n = lines;
    } else if (layout == MATMUL_TN && lines > 0) {
        m = lines;
    }
    const Plan plan = plan_make(stream, layout, m, n, k);
    return gpu_align(plan.panel_bytes) + planes_bytes(&plan, m, n);
}

bool matmul_prefers_f32(GpuStream *stream)
{
    return gpu_info(gpu_stream_gpu(stream))->driver_id == LLVMPIPE;
}

bool matmul_is_fast(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    return plan_make(stream, layout, m, n, k).kernel != KERNEL_TILED;
}

const char *matmul_kernel_name(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    static const char *const names[] = {
        [KERNEL_TILED] = "gemm_tiled", [KERNEL_LANES] = "gemm_lanes", [KERNEL_TEXEL] = "gemm_texel"};
    return names[plan_make(stream, layout, m, n, k).kernel];
}
