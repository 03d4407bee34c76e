/* What the files of Matmul share: matmul.c (pieces that fit a binding, passes over k), matmul_plan.c (which kernel, and
 * how it covers a product), matmul_coopmat.c (the same for matrix units), matmul_record.c (the dispatches),
 * matmul_halves.c (operands rounded once), matmul_pack.c (a B packed once for many products), matmul_few.c (few rows on
 * GPUs), matmul_texel.c (texels of old lavapipe), matmul_pairs.c (columns in pairs), matmul_variants.c (what there is).
 */
#ifndef ENGINE_OPS_MATMUL_PARTS_H
#define ENGINE_OPS_MATMUL_PARTS_H

#include "engine/io/quantize.h"
#include "engine/ops/matmul.h"
#include "engine/ops/matmul_choice.h"
#include "engine/ops/matmul_variants.h"

/* Bits of EPILOGUE, as in shaders/include/gemm.glsl. */
enum { ADD_BIAS = 1, ADD_MATRIX = 2, ADD_C = 4 };

enum { LANES_STEP = 64, PACK_STEP = 16, PADDED_STEP = 8 }; /* of k, in gemm_lanes.comp (of 6 rows), gemm_pack.comp */
enum { TEXEL_LEAST = 8, TEXEL_VECTOR = 4 };                /* of n, and for TN of m; columns of a lane */

/* How a workgroup of gemm_coopmat.comp covers its tile of C. */
typedef struct CoopmatTiles {
    uint32_t tile_m, tile_n; /* of a workgroup                                        */
    uint32_t part_m, part_n; /* of one of its subgroups, whole shapes of the device   */
    uint32_t step, stages;   /* of k in shared memory, and how many of these          */
    bool     turned;         /* what lies across k in memory lies along it there      */
} CoopmatTiles;

/* Bits of OPERANDS, as in shaders/include/gemm_coopmat.glsl and gemm_coopmat2.glsl: how A and B are stored. */
enum { A_HALVES = 1, B_HALVES = 2, A_VECTORS = 4, B_VECTORS = 8, TURNED = 16 };

/* What a device's matrix units take, and the tiles that suit it, from large to small. */
enum { COOPMAT_SIZES = 4, COOPMAT_STEP = 64 }; /* every step divides COOPMAT_STEP */
typedef struct Coopmat {
    const char  *name; /* of the row of the table; static */
    GpuMatrix    shape;
    uint32_t     subgroup;
    uint32_t     carried_words; /* most that an invocation may carry from memory to shared memory */
    CoopmatTiles tiles[COOPMAT_SIZES];
    uint32_t     count;
    bool         converts;      /* rounds f32 to its type by one instruction or two, not ten */
    uint64_t     operand_bytes; /* that an operand which is rounded before the product may take of the workspace */
} Coopmat;

/* How one kernel covers a product. Either way of splitting k adds up in a fixed order. */
typedef struct MatmulPlan {
    MatmulKernel kernel;
    uint32_t     tile_m, tile_n, tile_k; /* of one workgroup; slices and passes are multiples of tile_k      */
    uint32_t     k_main;                 /* the rest, less than tile_k, comes after (KERNEL_LANES)            */
    uint32_t     k_pass;                 /* of k_main in one dispatch; later ones add to C                   */
    uint32_t     slices, k_slice;        /* of a pass, side by side: each has a plane in the workspace if > 1 */
    uint32_t     k_most;                 /* of a pass of any product with these m and n (TN) or n and k      */
    uint64_t     panel_bytes;            /* of the workspace that B of a pass takes in panels; 0: B as it is */
    Coopmat      coopmat;                /* KERNEL_COOPMAT, _COOPMAT2                                         */
    CoopmatTiles tiles;                  /* and KERNEL_TILED, whose parts are an invocation's                 */
    uint32_t     size;                   /* which of the kernel's tiles, as in MatmulVariant                  */
} MatmulPlan;

static inline uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/* Bytes of an element of A or B. */
static inline uint64_t a_size(const Matmul *p)
{
    return p->a_halves ? 2 : 4;
}
static inline uint64_t b_size(const Matmul *p)
{
    return p->b_halves ? 2 : 4;
}

/* What is added to the product, as bits. */
static inline uint32_t matmul_epilogue(const Matmul *p)
{
    return (p->bias.buffer != NULL ? ADD_BIAS : 0) | (p->add.buffer != NULL ? ADD_MATRIX : 0) |
           (p->accumulate ? ADD_C : 0);
}

/* Floats of a row, up to whole vec4s. */
static inline uint32_t matmul_whole(uint32_t count)
{
    return (count + 3) & ~3u;
}

/* `n_room` of the piece of an NT product that is columns [first, first + count) of C: the last one's alone. */
static inline uint32_t matmul_piece_room(const Matmul *p, uint32_t first, uint32_t count)
{
    return p->n_room > 0 && first + count == p->n ? p->n_room - first : 0;
}

/* Whole texels: spans of buffers are followed by what rounds them up to bindable places. */
GpuSpan matmul_whole_texels(GpuSpan span);

/* k of a panel of a pass of `count`: a multiple of what they are padded to, and so is a loop's step. */
static inline uint32_t matmul_panel_length(uint32_t count)
{
    return ceil_div(count, PADDED_STEP) * PADDED_STEP;
}

/* The kernel that suits the device and the shape, or the one that is chosen, or `variant`, if it takes it; for f32; the
 * one that takes every shape. */
MatmulPlan matmul_plan_chosen(const GpuInfo *info, MatmulChoice choice, ComputeType compute, MatmulLayout layout,
                              uint32_t m, uint32_t n, uint32_t k);
MatmulPlan matmul_plan_as(GpuStream *stream, const MatmulVariant *variant, ComputeType compute, MatmulLayout layout,
                          uint32_t m, uint32_t n, uint32_t k);
MatmulPlan matmul_plan(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);
MatmulPlan matmul_plan_tiled(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);

/* The tiles of gemm_tiled.comp, from large to small: `size` of TILED_SIZES. An element's sum is the same with all. */
enum { TILED_SIZES = 3 };
extern const CoopmatTiles matmul_tiled_tiles[TILED_SIZES];

/* Whether the product's strides and places suit a kernel that reads vec4s, and C one that writes them (n_room). */
bool matmul_fits_vec4s(const Matmul *p);

/* Lines of the weight (of NT: columns of C; of NN: k; of TN: rows of C) that one dispatch takes. */
uint32_t matmul_weight_step(GpuStream *stream, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k, uint32_t ldb,
                            uint32_t ldc);

/* Panels of a B that one dispatch takes (0: its kernel has none), pass after pass of k, and those of one pass. */
uint64_t matmul_piece_panels(GpuStream *stream, MatmulLayout layout, uint32_t n, uint32_t k);
/* The lines of the first such piece of a packed B from line `first` on; 0: not even one. */
uint32_t matmul_panel_lines(GpuStream *stream, MatmulLayout layout, uint32_t n, uint32_t k, uint32_t first);
GpuSpan  matmul_panels_pass(GpuSpan panels, const MatmulPlan *plan, uint32_t n, uint32_t first, uint32_t count);

/* Packs k in [first, first + count) of B into `panels`, those of the pass. */
void matmul_record_pack(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan panels, uint32_t first,
                        uint32_t count);

/* Whether the device and this build have matrix units for a compute type, and with which tiles; the plan of a product
 * with them: with the tiles that are chosen, if exactly they are, or else the next smaller ones of which there are
 * `enough`. */
bool       coopmat_find(const GpuInfo *info, ComputeType compute, Coopmat *coopmat);
MatmulPlan coopmat_plan(const Coopmat *coopmat, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k,
                        MatmulChoice choice, uint32_t enough);

/* The same for a workgroup's matrices (gemm_coopmat2.comp): tile_m, tile_n and step of its tiles count. */
bool       coopmat2_find(const GpuInfo *info, ComputeType compute, Coopmat *coopmat);
MatmulPlan coopmat2_plan(const Coopmat *coopmat, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k,
                         MatmulChoice choice, uint32_t enough);
/* Whether a product's matrices lie where that kernel can read and write them. */
bool coopmat2_takes(const Matmul *p, const MatmulPlan *plan);

/* The place in `tiles`, from large to small, of what is chosen: the next smaller ones of which there are `enough` with
 * the slices, and which do not compute rows (columns) in vain that smaller ones would not, unless the choice is exact.
 */
uint32_t matmul_choice_size(MatmulChoice choice, const CoopmatTiles *tiles, uint32_t count, uint32_t enough,
                            uint32_t slices, uint32_t m, uint32_t n);

/* Slices of k for a plan whose tiles are set, so that there are `wanted` of them together. */
void matmul_plan_split(MatmulPlan *plan, uint64_t wanted, MatmulLayout layout, uint32_t m, uint32_t n);

/* ROWS, STEP and PERMUTES of gemm_texel.glsl. No bit of C depends on them. */
uint32_t matmul_texel_rows(uint32_t lanes, uint32_t m);
uint32_t matmul_texel_step(uint32_t lanes);
bool     matmul_texel_permutes(uint32_t lanes);

/* What an epilogue adds, as texels; one of A where it does not. */
GpuBind matmul_added_texels(const Matmul *p, bool adds, GpuSpan span);

/* Which kernels of the CPU devices suit this one. */
bool matmul_has_lanes(const GpuInfo *info);
bool matmul_has_texel(const GpuInfo *info);

/* A span that may start anywhere, widened to where every device can bind, whole words; `before`: elements of `size`
 * bytes in front. */
GpuSpan matmul_bindable(GpuSpan span, uint64_t size, uint32_t *before);

/* A dispatch whose kernel includes shaders/include/gemm_general.glsl; its name, specialization constants and subgroup
 * are set. */
void matmul_record_general(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue,
                           GpuDispatch *dispatch);

/* k that gemm_tiled and gemm_weight may go over at once: on a CPU device less than where its loops are left (ops.h). */
uint32_t matmul_tiled_longest(GpuStream *stream);

/* One dispatch into `c`; `epilogue`: bits of what is added. lanes, texel: one pass, k in [first, first + count). */
void matmul_record_tiled(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue);
void matmul_record_lanes(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue,
                         uint32_t first, uint32_t count);
void matmul_record_texel(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue,
                         uint32_t first, uint32_t count);
void matmul_record_coopmat(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue);
void matmul_record_coopmat2(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan c, uint32_t epilogue);

/* A frozen weight as kernels read it. Spans start at bindable places. */
typedef struct MatmulWeight {
    WeightFormat format;
    uint32_t     row_words, row_scales;
    GpuSpan      data, scales;
} MatmulWeight;

/* A product with the weight as its B on matrix units: the plan is coopmat_plan()'s for NN or NT, strides filled in. */
void matmul_record_coopmat_weight(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, const MatmulWeight *w);

/* The plan of a product that is one piece; false: it is cut, goes over k by parts, or is one of few rows. */
bool matmul_in_one_piece(GpuStream *stream, const Matmul *product, MatmulPlan *plan);

/* Pairs of columns (matmul_pairs.h) on matrix units: whether a plan's tiles have both columns of a pair in a subgroup;
 * and whether that is all that the product wants. */
bool coopmat_takes_pairs(const GpuInfo *info, const MatmulPlan *plan);
bool coopmat2_takes_pairs(const Matmul *p, const MatmulPlan *plan);
bool matmul_pairs_on_units(GpuStream *stream, const Matmul *p, const MatmulPlan *plan);

/* Whether gemm_few.comp takes the product; one with the weight as its B, strides filled in. */
bool matmul_takes_few(GpuStream *stream, const Matmul *p);
void matmul_record_few(GpuStream *stream, const Matmul *p, const MatmulWeight *w);

/* Whether gemm_texel_weight.comp takes the product with a weight of the format as its B, strides filled in, in pieces
 * that each fit a binding and start at a multiple of 16 bytes; such a piece. */
bool matmul_suits_texel_weight(GpuStream *stream, const Matmul *p, WeightFormat format);
void matmul_record_texel_weight(GpuStream *stream, const Matmul *p, const MatmulWeight *w);

/* rows [rows, width] of a matrix, `stride` elements apart, rounded to f32 rows `pitch` apart. */
void matmul_record_round(GpuStream *stream, GpuSpan to, uint32_t pitch, GpuSpan from, uint32_t rows, uint32_t width,
                         uint32_t stride, ComputeType compute, bool halves);
/* The same of f32 to halves, two to a word, `pitch` of them to a row, even. */
void matmul_record_halves(GpuStream *stream, GpuSpan to, uint32_t pitch, GpuSpan from, uint32_t rows, uint32_t width,
                          uint32_t stride, ComputeType compute);

/* Operands of f32 that tiles of matrix units would round again and again, rounded once before the product, which has
 * the same bits. Bytes of the workspace that it takes for A and for B; 0: that is not worth its while. */
typedef struct MatmulHalves {
    uint64_t a, b;
} MatmulHalves;
MatmulHalves matmul_halves(const MatmulPlan *plan, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k);
/* The product with what is f32 of them rounded into `space`, which has room for both; records the rounding. */
Matmul matmul_record_operands(GpuStream *stream, const Matmul *p, MatmulHalves halves, GpuSpan space);

/* Rows of halves are whole vectors of matrix units' kernels. */
static inline uint32_t matmul_halves_pitch(uint32_t width)
{
    return (width + 7) & ~7u;
}

/* Adds up the slices' planes into p->c. */
void matmul_record_reduce(GpuStream *stream, const Matmul *p, const MatmulPlan *plan, GpuSpan planes,
                          uint32_t epilogue);

#endif
