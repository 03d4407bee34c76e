// Products with a frozen weight that comes to f16, sums in f32, on a card's matrix units (VK_KHR_cooperative_matrix):
// include/gemm_coopmat.glsl, include/gemm_frozen.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#define HALF float16_t
#define HALVES f16_pair
#define HALVES_OF_NUMBERS f16_pair
#include "rounding_f16.glsl"
#define FROZEN
#include "gemm_coopmat.glsl"
