// gemm_coopmat_weight_bf16.comp for columns of C that come in pairs: include/gemm_pairs.glsl.
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
#define PAIRED
#include "gemm_coopmat.glsl"
