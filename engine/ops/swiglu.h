/* SwiGLU (Shazeer 2020): the activation between the two halves of an MLP. */
#ifndef ENGINE_OPS_SWIGLU_H
#define ENGINE_OPS_SWIGLU_H

#include "engine/vk/stream.h"

/* act[tokens, ff] = silu(gate) * up, where gate_up[tokens, 2 ff] holds a token's
 * gate and then its up. */
void swiglu_forward(GpuStream *stream, GpuSpan act, GpuSpan gate_up, uint32_t tokens, uint32_t ff);

/* dgate_up[tokens, 2 ff] from dact[tokens, ff] and gate_up; may be written over gate_up. */
void swiglu_backward(GpuStream *stream, GpuSpan dgate_up, GpuSpan dact, GpuSpan gate_up, uint32_t tokens, uint32_t ff);

#endif
