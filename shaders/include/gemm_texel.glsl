// What gemm_texel.comp and gemm_texel_weight.comp share: an invocation's ROWS x 8 of C.
#ifndef GEMM_TEXEL_GLSL
#define GEMM_TEXEL_GLSL

layout(constant_id = 3) const uint LANES_DOWN = 8;
layout(constant_id = 4) const uint ROWS = 8;

layout(std430, binding = 0) buffer C { float c[]; };
layout(binding = 1) uniform textureBuffer a_texels; // RGBA32F
layout(std430, binding = 3) readonly buffer Add { float add[]; };
layout(std430, binding = 4) readonly buffer Bias { float bias[]; };

vec4 a_at(uint i) { return texelFetch(a_texels, int(i)); }

vec4 sum[ROWS * 2]; // [row][half of the columns]

// Writes those rows from row0 on that there are. The last tile may overlap its neighbour: it has nothing new before
// row_begin, column_begin. Where C is read, the neighbour's part must not be added to again. `plane`: floats before C.
void put_down(uvec2 size, uint row_begin, uint row0, uint column_begin, uint column0, uint ldc, uint plane)
{
    const bool reads_c = (EPILOGUE & (ADD_MATRIX | ADD_C)) != 0;
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        if (row_begin < size.x && row0 + r < size.x && column_begin < size.y && (!reads_c || row0 + r >= row_begin)) {
            [[unroll]] for (uint j = 0; j < 8; j++) {
                const uint column = column0 + j, at = (row0 + r) * ldc + column;
                if (!reads_c || column >= column_begin) {
                    float value = sum[2 * r + j / 4][j % 4];
                    if ((EPILOGUE & ADD_BIAS) != 0) {
                        value += bias[column];
                    }
                    if ((EPILOGUE & ADD_MATRIX) != 0) {
                        value += add[at];
                    }
                    if ((EPILOGUE & ADD_C) != 0) {
                        value += c[at];
                    }
                    c[plane + at] = value;
                }
            }
        }
    }
}

#endif
