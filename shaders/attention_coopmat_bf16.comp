// Attention in bf16 on a card's matrix units (VK_KHR_cooperative_matrix with VK_KHR_shader_bfloat16), sums in f32:
// include/attention_matrices_forward.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_bfloat16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#define HALF bfloat16_t
#define HALVES bf16_pair
#include "attention_matrices_forward.glsl"
