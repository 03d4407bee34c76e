// Attention backward q; the other side is read from storage buffers or as texels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "attention_backward_q.glsl"
