// Products in square tiles: include/gemm_tiled.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "gemm_tiled.glsl"
