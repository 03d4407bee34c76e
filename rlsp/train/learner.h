/* Learner: a model that is being trained, with its gradients and AdamW moments.
 *
 *     Learner *learner = learner_new(model, GPU_MEMORY_DEVICE, &error);
 *     learner_zero_gradients(stream, learner);
 *     …learner_scale_loss(stream, learner, dlogprob, rows); backward passes add to learner->gradients…
 *     learner_step(stream, learner, &options, max_grad_norm);      // clip and update
 *     gpu_stream_run(stream, &error);
 *     learner_finish(learner, &norm, &error);                      // gradient norm of the step
 *
 * Where products are computed in f16, whose smallest number is 6e-8, small gradients would vanish. So the loss is
 * multiplied by a scale, a power of two, and the gradients by its inverse when they have been summed (Micikevicius
 * et al. 2018, section 3.2). The scale is as large as it can be: it doubles after `growth_interval` steps, and where a
 * gradient is not finite, the step is lost and the scale halved.
 */
#ifndef RLSP_TRAIN_LEARNER_H
#define RLSP_TRAIN_LEARNER_H

#include "engine/model/model.h"
#include "engine/ops/adamw.h"
#include "engine/vk/stream.h"

typedef struct LossScale {
    double   value;           /* 1 unless products are f16                            */
    uint32_t growth_interval; /* steps; 0: the scale stays 1                           */
    uint32_t clean_steps;     /* since it has last changed                             */
} LossScale;

/* What PyTorch's GradScaler starts with, but for the interval, which is for runs of a few thousand steps. */
enum { LOSS_SCALE_FIRST = 65536, LOSS_SCALE_INTERVAL = 500 };

typedef struct Learner {
    Model    *model; /* not owned */
    GpuArena *arena, *moments[2];
    uint64_t  floats;                                 /* of what is trained: the model, or its adapter */
    GpuSpan   gradients, first_moment, second_moment; /* f32 [floats] */
    GpuSpan   norm, partial;
    uint64_t  steps; /* AdamW's t: of those that were not lost */
    LossScale scale;
} Learner;

/* A model whose products are f16 is learnt with a loss scale. `moments`: where AdamW's two moments lie. In host memory
 * the device reads and writes them there, over its bus: the results are the same to the bit, the device has 8 bytes
 * more for each trained parameter, and a step takes longer. */
Learner *learner_new(Model *model, GpuMemoryKind moments, Error *error);
void     learner_free(Learner *learner); /* NULL is allowed */

void learner_zero_gradients(GpuStream *stream, Learner *learner);

/* Records clipping to `max_norm` (0: none) and one AdamW step. */
void learner_step(GpuStream *stream, Learner *learner, const AdamwOptions *options, double max_norm);

/* Multiplies d loss / d something [count] by the scale, before the backward; nothing where that is 1. */
void learner_scale_loss(GpuStream *stream, const Learner *learner, GpuSpan gradient, uint32_t count);

/* Ends a step whose stream has run: its norm (of the gradients as they are without the scale). A step whose norm is not
 * finite has left parameters and moments as they were, and does not count; the scale moves. Once for each step. */
Status learner_finish(Learner *learner, GradNorm *norm, Error *error);

/* Fresh moments, t = 0. */
Status learner_reset(Learner *learner, Error *error);

/* Moments, t and the loss scale as a safetensors file, and back, bit for bit. */
Status learner_save(const Learner *learner, const char *path, Error *error);
Status learner_load(Learner *learner, const char *path, Error *error);

#endif
