/* SwiGLU (Shazeer 2020): the activation between the two halves of an MLP. */
#ifndef ENGINE_OPS_SWIGLU_H
#define ENGINE_OPS_SWIGLU_H

#include "engine/ops/typed_span.h"

/* act[tokens, ff] = silu(gate) * up, where gate_up[tokens, 2 ff] holds a token's
 * gate and then its up. Both results may be halves if 4 divides ff. */
void swiglu_forward(GpuStream *stream, TypedSpan act, GpuSpan gate_up, uint32_t tokens, uint32_t ff);

/* dgate_up[tokens, 2 ff] from dact[tokens, ff] and gate_up; may be written over gate_up, but not as
 * halves. */
void swiglu_backward(GpuStream *stream, TypedSpan dgate_up, GpuSpan dact, GpuSpan gate_up, uint32_t tokens,
                     uint32_t ff);

#endif
