/* LoRA: low-rank adapters (Hu et al. 2021, section 4.1) of a frozen model's matrices.
 *
 *     Lora *lora = lora_new(gpu, &base->config, &(LoraConfig){.rank = 16, .alpha = 32, .targets = LORA_ALL}, false,
 * &error); lora_init(lora, seed, &error);                         // or lora_load (lora_io.h) Model *policy =
 * model_with_lora(base, lora, &error);   // the same weights with the adapter on …transformer_forward(stream, work,
 * policy, batch)…     // `base` itself is the model with it off model_free(policy); // frees the adapter, not the base
 *
 * A matrix W [out, in] that has one computes y = W x + scale B (A x), A [rank, in], B [out, rank],
 * scale = alpha / rank (rslora: alpha / sqrt(rank)). Only A, B and a value head are trained; they lie in
 * one flat f32 range as a model's do (model.h): first what weight decay applies to, then the value head.
 * Gradients and optimizer moments are ranges of this layout. Several adapters may share one base.
 *
 * The matrices that share an input (q, k, v; gate, up) are a group: their A lie one under another, so that
 * A x of the group is one product. A x is computed again in the backward rather than kept.
 */
#ifndef ENGINE_MODEL_LORA_H
#define ENGINE_MODEL_LORA_H

#include "engine/model/matrices.h"
#include "engine/ops/typed_span.h"
#include "engine/vk/memory.h"

enum { LORA_ALL = (1 << PROJECTIONS) - 1, LORA_MAX_RANK = 4096, LORA_WIDEST_GROUP = 3 };

typedef struct LoraConfig {
    uint32_t rank; /* 1 to LORA_MAX_RANK */
    double   alpha;
    bool     rslora;
    uint32_t targets; /* bit 1 << Projection of each matrix that has an adapter */
    double   dropout; /* of what enters A, where a trainer asks for it (LoraDropout) */
} LoraConfig;

/* Where A and B of a projection start, in floats. */
typedef struct LoraPlace {
    uint64_t a, b;
} LoraPlace;

typedef struct Lora {
    Gpu        *gpu;
    ModelConfig model; /* its compute type is the adapter's too */
    LoraConfig  config;
    bool        value_head;               /* [hidden_size] and [1], as a model's */
    LoraPlace  *places;                   /* [layers, PROJECTIONS]               */
    uint64_t    value_weight, value_bias; /* floats                 */
    uint64_t    floats, decay_floats;
    GpuArena   *arena;
    GpuSpan     parameters; /* f32 [floats] */
} Lora;

/* Zeroed: an adapter that changes nothing. STATUS_BAD_INPUT for a rank or targets that cannot be. */
Lora *lora_new(Gpu *gpu, const ModelConfig *model, const LoraConfig *config, bool value_head, Error *error);

/* As PEFT starts one: A uniform in ±1 / sqrt(in), from (seed, RANDOM_LORA, matrix), B zero. */
Status lora_init(Lora *lora, uint64_t seed, Error *error);

/* A and B of `from`; same model and config. A value head stays as it is. */
Status lora_copy(Lora *to, const Lora *from, Error *error);

void lora_free(Lora *lora); /* NULL is allowed; the device must be idle */

double lora_scale(const LoraConfig *config);

/* Number of parameters without a value head. */
uint64_t lora_parameter_count(const Lora *lora);

/* --- lora_apply.c: what the model's blocks record ------------------------------------------ */

/* Dropout as PEFT has it: y = W x + scale B (A (mask x / (1 - rate))), with a mask for each matrix. Forward,
 * recomputation and backward of a batch see the same ones; all zero: none. */
typedef struct LoraDropout {
    float    rate;
    uint64_t seed;
    uint32_t step, batch; /* of the run; of the step, below 2^19 */
} LoraDropout;

/* Room that a workspace keeps for adapters. */
typedef struct LoraScratch {
    GpuSpan     h, dh;    /* [tokens, LORA_WIDEST_GROUP * rank]; dh for the backward alone */
    GpuSpan     products; /* for matmul; may be too small or none                          */
    uint32_t    rank;     /* the largest that there is room for; 0: none                   */
    GpuSpan     dropped;  /* [tokens, widest input]; no buffer: dropout cannot be asked for */
    LoraDropout dropout;
} LoraScratch;

/* Bytes of `products` that make the group's products faster on this device. */
uint64_t lora_products_bytes(GpuStream *stream, const ModelConfig *model, uint32_t rank, uint32_t tokens,
                             bool backward);

/* y [tokens, outputs of the group] += scale B (A x), x [tokens, in]. Halves, here and below, are of the model's compute
 * type. */
void lora_forward(GpuStream *stream, const Lora *lora, uint32_t layer, ModelMatrix group, GpuSpan y, TypedSpan x,
                  uint32_t tokens, const LoraScratch *scratch);

/* From dy to the gradients of A and B, which are added to, and dx, which is added to unless its buffer is NULL. */
void lora_backward(GpuStream *stream, const Lora *lora, GpuSpan gradients, uint32_t layer, ModelMatrix group,
                   GpuSpan dx, TypedSpan dy, TypedSpan x, uint32_t tokens, const LoraScratch *scratch);

#endif
