/* What the files of attention over packed sequences share: attention.c chooses, the others each record one kind of
 * kernel. */
#ifndef ENGINE_OPS_ATTENTION_PARTS_H
#define ENGINE_OPS_ATTENTION_PARTS_H

#include <math.h>

#include "engine/ops/attention_variants.h"

/* A forward or a backward, as in attention.h; what is not of it is empty. */
typedef struct Attention {
    GpuSpan        o, lse, qkv, dqkv, delta, d_o;
    GpuSpan        tiles;
    uint32_t       tile_count;
    uint32_t       tokens;  /* of all sequences              */
    uint32_t       longest; /* tokens of a sequence at most  */
    uint32_t       lanes;   /* tokens of a tile at most      */
    ComputeType    compute; /* what the products multiply    */
    AttentionShape shape;
} Attention;

static inline float attention_scale(AttentionShape shape)
{
    return (float)(1.0 / sqrt(shape.head_dim));
}

/* --- attention_lanes.c: CPU devices ---------------------------------------------------------- */

uint32_t attention_lanes_of(const GpuInfo *info);
void     attention_record_lanes_forward(GpuStream *stream, const Attention *a);
void     attention_record_lanes_backward(GpuStream *stream, const Attention *a);

/* --- attention_columns.c: CPU devices with addresses ------------------------------------------ */

void attention_record_columns_forward(GpuStream *stream, const Attention *a);
void attention_record_columns_backward(GpuStream *stream, const Attention *a);

/* --- attention_tiled.c: GPUs ------------------------------------------------------------------ */

enum { ATTENTION_GPU_LANES = 64 }; /* tokens of a tile, for every kernel of GPUs */

typedef enum AttentionPass { ATTENTION_FORWARD, ATTENTION_BACKWARD_Q, ATTENTION_BACKWARD_KV } AttentionPass;

/* How a workgroup of attention_tiled*.comp divides its work; names as in shaders/include/attention_tiles.glsl. */
typedef struct AttentionTiling {
    uint32_t threads, own, per_lane, across, chunk, step;
} AttentionTiling;

/* The largest that fits the device. */
AttentionTiling attention_tiling(const GpuInfo *info, AttentionPass pass, uint32_t head_dim);
uint32_t        attention_tiling_shared(const AttentionTiling *t, uint32_t head_dim); /* bytes of shared memory */

void attention_record_tiled_forward(GpuStream *stream, const Attention *a);
void attention_record_tiled_backward(GpuStream *stream, const Attention *a);

/* --- attention_coopmat.c: GPUs with matrix units, 16-bit types ---------------------------------- */

/* How a workgroup of attention_coopmat*.comp divides its work: the device's shape, the tokens that it owns, those of
 * the other side at a time, the subgroups that share M of its own, and their size. */
typedef struct AttentionMatrices {
    uint32_t m, n, k, own, other, across, subgroup, threads;
    bool     bounded, ahead; /* BOUNDED and MULTIPLIED_AHEAD in the shader, for compilers */
} AttentionMatrices;

/* The largest that fits the device; false: it has no matrix units for the type, or they do not take such heads. */
bool     attention_matrices(const GpuInfo *info, ComputeType compute, AttentionPass pass, uint32_t head_dim,
                            AttentionMatrices *t);
uint32_t attention_matrices_shared(const AttentionMatrices *t, AttentionPass pass, uint32_t head_dim); /* bytes */

const char *attention_coopmat_kernel(AttentionPass pass, ComputeType compute); /* static */

void attention_record_coopmat_forward(GpuStream *stream, const Attention *a);
void attention_record_coopmat_backward(GpuStream *stream, const Attention *a);

#endif
