// Products with a frozen weight that comes to bf16, sums in f32, on a card's matrix units (VK_KHR_cooperative_matrix
// with VK_KHR_shader_bfloat16): include/gemm_coopmat.glsl, include/gemm_frozen.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_bfloat16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#define HALF bfloat16_t
#define HALVES bf16_pair
#define HALVES_OF_NUMBERS bf16_pair_of_numbers
#define FROZEN
#include "gemm_coopmat.glsl"
