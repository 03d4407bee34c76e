// C = A · B + C of f16 with sums in f32, one 16 x 16 of a subgroup; B from shared memory as uvec4s, turned. Then C is
// halved element by element, without anybody knowing whose is which.
#version 450
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define TYPE float16_t
#include "matrix.glsl"
