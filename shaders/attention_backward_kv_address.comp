// Attention backward kv; the other side is read by its address: for CPU devices, see addresses.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#define BY_ADDRESS
#include "attention_backward_kv.glsl"
