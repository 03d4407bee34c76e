/* AdamW on one flat range of parameters, with gradient-norm clipping.
 *
 *     GpuSpan partial = gpu_arena_take(work, grad_norm_bytes(count));
 *     grad_norm(stream, norm, gradient, partial, max_norm, 1, count);
 *     adamw(stream, parameter, first_moment, second_moment, gradient, norm, &options, step, decay_count, count);
 *
 * The range may be larger than one binding; it is worked on in pieces. Several
 * groups with learning rates of their own are several calls of adamw with one
 * norm. Everything is f32 and summed in one fixed order.
 */
#ifndef ENGINE_OPS_ADAMW_H
#define ENGINE_OPS_ADAMW_H

#include "engine/ops/ops.h"

/* What grad_norm writes, for adamw to read and for the host to report. */
typedef struct GradNorm {
    float    norm;        /* L2 norm before clipping; infinite or NaN as it was found        */
    float    coefficient; /* gradients are multiplied by this; 0 if the norm is not finite   */
    uint32_t not_finite;  /* 1: adamw left everything as it was, the step is lost            */
    uint32_t unused;
} GradNorm;

typedef struct AdamwOptions {
    double lr, beta1, beta2, eps, weight_decay;
} AdamwOptions;

/* Bytes of work space for grad_norm over `count` gradients. */
uint64_t grad_norm_bytes(uint64_t count);

/* norm = sqrt(sum g^2), coefficient = min(1, max_norm / (norm + 1e-6)), or 1 where max_norm is 0
 * (as torch.nn.utils.clip_grad_norm_). Of gradients of a loss that was scaled, g is gradient * unscale, and so is
 * what adamw takes: the coefficient has the factor in it. A power of two, whose inverse is the loss's scale; else 1. */
void grad_norm(GpuStream *stream, GpuSpan norm /* one GradNorm */, GpuSpan gradient /* [count] */,
               GpuSpan partial /* work space */, float max_norm, float unscale, uint64_t count);

/* The last of that: norm and coefficient of gradients whose squares add up to `blocks` sums. */
void grad_norm_of_sums(GpuStream *stream, GpuSpan norm /* one GradNorm */, GpuSpan sums /* [blocks] */, float max_norm,
                       float unscale, uint32_t blocks);

/* One step, t = `step` = 1, 2, …, of decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2):
 *     g = coefficient * gradient          p *= 1 - lr wd   (the first decay_count parameters)
 *     m = beta1 m + (1 - beta1) g         v = beta2 v + (1 - beta2) g^2
 *     p -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
 * Does nothing on the device where norm.not_finite is set. */
void adamw(GpuStream *stream, GpuSpan parameter /* [count] */, GpuSpan first_moment /* [count] */,
           GpuSpan second_moment /* [count] */, GpuSpan gradient /* [count] */, GpuSpan norm /* one GradNorm */,
           const AdamwOptions *options, uint64_t step, uint64_t decay_count, uint64_t count);

#endif
