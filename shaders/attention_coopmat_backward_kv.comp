// Attention in f16 on a card's matrix units (VK_KHR_cooperative_matrix), sums in f32: include/attention_matrices_backward_kv.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#define HALF float16_t
#define HALVES(a, b) packFloat2x16(f16vec2(a, b)) // by the device, however it rounds: by integers it would cost as much as the products
#include "attention_matrices_backward_kv.glsl"
