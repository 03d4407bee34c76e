// gemm_coopmat2_bf16.comp for SwiGLU of columns of C in pairs: include/gemm_pairs.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_bfloat16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
#define HALF bfloat16_t
#define ROUNDED(x) bfloat16_t(bf16_value(bf16_bits(x)))
#define PAIRED
#include "gemm_coopmat2.glsl"
