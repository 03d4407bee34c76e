// What the matrix product kernels share: layouts and epilogues, as in engine/ops/matmul.c.
#ifndef GEMM_GLSL
#define GEMM_GLSL

layout(constant_id = 1) const uint LAYOUT = 0;
#ifndef NO_EPILOGUE_CONSTANT
layout(constant_id = 2) const uint EPILOGUE = 0;
#endif

const uint NN = 0, NT = 1, TN = 2;                        // MatmulLayout
const uint ADD_BIAS = 1, ADD_MATRIX = 2, ADD_C = 4;       // bits of EPILOGUE

#endif
