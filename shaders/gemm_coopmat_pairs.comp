// gemm_coopmat.comp for columns of C that come in pairs: include/gemm_pairs.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#define HALF float16_t
#define HALVES f16_pair
#include "rounding_f16.glsl"
#define PAIRED
#include "gemm_coopmat.glsl"
