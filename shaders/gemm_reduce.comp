// C = sum of the products of the slices of k (planes [slices, m, n], packed), with the
// epilogue of engine/ops/matmul.h. One element per invocation, slices in order.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "gemm.glsl"

layout(std430, binding = 0) buffer C { float c[]; };
layout(std430, binding = 1) readonly buffer Planes { float planes[]; };
layout(std430, binding = 2) readonly buffer Add { float add[]; };
layout(std430, binding = 3) readonly buffer Bias { float bias[]; };
layout(push_constant) uniform Push {
    uint m, n, ldc, slices;
};

void main()
{
    const uint i = linear_id(), plane = m * n;
    if (i >= plane) {
        return;
    }
    const uint column = i % n, at = i / n * ldc + column;
    float value = planes[i];
    for (uint s = 1; s < slices; s++) {
        value += planes[s * plane + i];
    }
    if ((EPILOGUE & ADD_BIAS) != 0) {
        value += bias[column];
    }
    if ((EPILOGUE & ADD_MATRIX) != 0) {
        value += add[at];
    }
    if ((EPILOGUE & ADD_C) != 0) {
        value += c[at];
    }
    c[at] = value;
}
