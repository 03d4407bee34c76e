/* Every way in which this device could compute attention over a batch, for `rlsp devices`, benches and tests.
 *
 *     AttentionVariant list[ATTENTION_VARIANTS];
 *     int              count = attention_variants(gpu_info(gpu), list);
 *     …plan tiles of list[i].lanes tokens…
 *     attention_forward(stream, o, lse, qkv, &(AttentionBatch){…, .variant = &list[i]}, shape); // if it lacks nothing
 */
#ifndef ENGINE_OPS_ATTENTION_VARIANTS_H
#define ENGINE_OPS_ATTENTION_VARIANTS_H

#include "engine/ops/attention.h"

typedef enum AttentionKernel {
    ATTENTION_LANES, /* shaders/attention.comp, attention_address.comp: an invocation owns whole tokens; CPU devices */
    ATTENTION_COLUMNS, /* shaders/attention_columns.comp: tiles in registers; CPU devices with addresses, newer Mesa */
    ATTENTION_TILED,  /* shaders/attention_tiled.comp: tiles in shared memory; GPUs                                   */
    ATTENTION_COOPMAT /* shaders/attention_coopmat.comp: 16-bit types on a GPU's matrix units                         */
} AttentionKernel;

typedef struct AttentionVariant {
    const char     *kernel_name; /* of the forward's shader; static      */
    AttentionKernel kernel;
    ComputeType     compute;    /* what it multiplies                    */
    uint32_t        lanes;      /* tokens of a tile                      */
    char            lacks[120]; /* why it cannot run here; empty: it can */
} AttentionVariant;

enum { ATTENTION_VARIANTS = 5 };

/* Fills the list; returns how many, at most ATTENTION_VARIANTS. */
int attention_variants(const GpuInfo *info, AttentionVariant list[ATTENTION_VARIANTS]);

/* Whether attention_columns takes heads of this size here. */
bool attention_takes_columns(const GpuInfo *info, uint32_t head_dim);
/* Whether it is faster than attention by lanes there, too. */
bool attention_gains_by_columns(const GpuInfo *info, uint32_t head_dim);

/* Whether attention_coopmat takes heads of this size here, forward and backward: both are of one kind. */
bool attention_takes_coopmat(const GpuInfo *info, ComputeType compute, uint32_t head_dim);

/* What a batch of this compute type gets, with heads of this size, if it names no variant. */
AttentionVariant attention_choose(const GpuInfo *info, ComputeType compute, uint32_t head_dim);

#endif
