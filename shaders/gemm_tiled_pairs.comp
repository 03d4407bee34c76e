// Products in square tiles whose columns come in pairs: include/gemm_tiled.glsl, include/gemm_pairs.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define PAIRED
#include "gemm_tiled.glsl"
