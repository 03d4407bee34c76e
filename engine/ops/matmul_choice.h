/* Which of the kernels and tiles that a device can run takes its products: those of the table (matmul_plan.c,
 * matmul_coopmat.c), or those that were fastest when they were timed on the device itself.
 *
 *     MatmulProbe probe;
 *     matmul_probe_begin(gpu_info(gpu), COMPUTE_BF16, &probe);       // what there is to choose from; by the table
 *     matmul_probe_measure(gpu, &probe, 2.0, &error);                // or: times that were measured before
 *     matmul_probe_choose(&probe);
 *     matmul_probe_use(gpu, &probe);                                 // from here on
 *
 * Products of one type that are large and those of few rows always take one kernel, and tiles never show in a sum: no
 * row's bits depend on how many rows there are, whatever is chosen. They do depend on the kernel: two devices, or two
 * choices, may differ in the last bits.
 */
#ifndef ENGINE_OPS_MATMUL_CHOICE_H
#define ENGINE_OPS_MATMUL_CHOICE_H

#include "engine/ops/matmul_variants.h"

/* Shapes that want different tiles. */
typedef enum MatmulClass {
    MATMUL_LARGE, /* NT, NN of many rows                              */
    MATMUL_SLOTS, /* NT, NN of MATMUL_SLOTS_MOST rows at most: decode */
    MATMUL_LONG,  /* TN: weight gradients                             */
    MATMUL_CLASSES
} MatmulClass;
enum { MATMUL_SLOTS_MOST = 64, COMPUTE_TYPES = 3 };

extern const char *const matmul_class_names[]; /* "large", "slots", "long", NULL */

/* What takes a product; not `given`: as the table says. */
typedef struct MatmulChoice {
    bool         given;
    MatmulKernel kernel;
    uint32_t     size;  /* which of its tiles                                                   */
    bool         exact; /* just these; else smaller ones for products that have too few of them */
} MatmulChoice;

/* What was chosen for the device by matmul_probe_use. */
MatmulChoice matmul_choice(const GpuInfo *info, ComputeType compute, MatmulLayout layout, uint32_t m);

typedef struct MatmulCandidate {
    MatmulVariant variant;
    double        seconds[MATMUL_CLASSES]; /* of one product of the class; 0: not measured */
} MatmulCandidate;

/* What there is for one type on one device. */
typedef struct MatmulProbe {
    ComputeType     compute;
    uint32_t        side; /* of the products that were measured, see matmul_class_shape; 0: none was */
    MatmulCandidate candidates[MATMUL_VARIANTS];
    int             count;
    int             table[MATMUL_CLASSES];  /* places in candidates: what the table takes */
    int             chosen[MATMUL_CLASSES]; /* and what is taken                          */
} MatmulProbe;

typedef struct MatmulShape {
    MatmulLayout layout;
    uint32_t     m, n, k;
} MatmulShape;

/* The product that stands for a class; `side`: a power of two from 64 on. */
MatmulShape matmul_class_shape(MatmulClass class, uint32_t side);

/* Lists the candidates without times; chosen is the table's. */
void matmul_probe_begin(const GpuInfo *info, ComputeType compute, MatmulProbe *probe);

/* Whether there is anything to choose between on this kind of device: CPU devices have a kernel each that no other
 * comes near (SPEED.md). */
bool matmul_probe_matters(const GpuInfo *info);

/* Times the candidates on a device that is idle, with random numbers, for `limit` seconds or a little more; the table's
 * come first, and what is left then stays unmeasured. So does what does not compile, and what does not give the same
 * products as gemm_tiled. Nothing is chosen yet. */
Status matmul_probe_measure(Gpu *gpu, MatmulProbe *probe, double limit, Error *error);

/* Chooses by the times, which are all it looks at: the table's, unless others are faster by more than what times differ
 * by of themselves. */
void matmul_probe_choose(MatmulProbe *probe);

/* Whether what is chosen may be used together: one kernel for large products and for few rows. */
bool matmul_probe_is_sound(const MatmulProbe *probe);

/* What f32 products that were timed say of the device's speed, for cutting work (gpu_set_rates): large ones of its
 * flops, those of few rows of its bytes. Another type's products say nothing. */
void matmul_probe_rates(Gpu *gpu, const MatmulProbe *probe);

/* The device's products of this type are as chosen from now on. Before anything is planned or recorded for it. */
void matmul_probe_use(Gpu *gpu, const MatmulProbe *probe);

/* Numbers of magnitude .5 to 1, both signs, in the type: a card that multiplies constants needs less power, and is
 * faster. */
Status matmul_random_operand(Gpu *gpu, GpuSpan operand, ComputeType type, uint32_t seed, Error *error);

/* Of a candidate, by its time; 0: not measured. Bytes are those of A, B and C. */
double matmul_candidate_flops(const MatmulProbe *probe, int candidate, MatmulClass class);
double matmul_candidate_bytes(const MatmulProbe *probe, int candidate, MatmulClass class);

#endif
