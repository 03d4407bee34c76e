/* Learner: a model that is being trained, with its gradients and AdamW moments.
 *
 *     Learner *learner = learner_new(model, GPU_MEMORY_DEVICE, &error);
 *     learner_zero_gradients(stream, learner);
 *     …backward passes add to learner->gradients…
 *     learner_step(stream, learner, &options, max_grad_norm);      // clip and update
 *     gpu_stream_run(stream, &error);
 *     learner_norm(learner, &norm, &error);                        // gradient norm of the step
 */
#ifndef RLSP_TRAIN_LEARNER_H
#define RLSP_TRAIN_LEARNER_H

#include "engine/model/model.h"
#include "engine/ops/adamw.h"
#include "engine/vk/stream.h"

typedef struct Learner {
    Model    *model; /* not owned */
    GpuArena *arena, *moments;
    uint64_t  floats;                                 /* of what is trained: the model, or its adapter */
    GpuSpan   gradients, first_moment, second_moment; /* f32 [floats] */
    GpuSpan   norm, partial;
    uint64_t  steps; /* AdamW's t */
} Learner;

/* `moments`: where AdamW's two moments lie. In host memory the device reads and writes them there, over its bus: the
 * results are the same to the bit, the device has 8 bytes more for each trained parameter, and a step takes longer. */
Learner *learner_new(Model *model, GpuMemoryKind moments, Error *error);
void     learner_free(Learner *learner); /* NULL is allowed */

void learner_zero_gradients(GpuStream *stream, Learner *learner);

/* Records clipping to `max_norm` (0: none) and one AdamW step. */
void learner_step(GpuStream *stream, Learner *learner, const AdamwOptions *options, double max_norm);

/* The norm of the last step, once its stream has run. */
Status learner_norm(const Learner *learner, GradNorm *norm, Error *error);

/* Fresh moments, t = 0. */
Status learner_reset(Learner *learner, Error *error);

/* Moments and t as a safetensors file, and back, bit for bit. */
Status learner_save(const Learner *learner, const char *path, Error *error);
Status learner_load(Learner *learner, const char *path, Error *error);

#endif
