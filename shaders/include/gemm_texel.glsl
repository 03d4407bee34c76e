// What gemm_texel.comp and gemm_texel_weight.comp share: a workgroup, one subgroup, computes ROWS x (4 * VECTORS * LANES)
// of C, a lane 4 * VECTORS neighbouring columns of it. A turn of the loop over k is STEP long.
//
// A fetch costs some 45 instructions for 8 lanes, so that none is made twice: of A each lane fetches another texel, and
// what a row needs of them is a shuffle away.
#ifndef GEMM_TEXEL_GLSL
#define GEMM_TEXEL_GLSL

layout(constant_id = 3) const uint ROWS = 16;
layout(constant_id = 4) const uint STEP = 8;          // a multiple of 4
layout(constant_id = 6) const bool PERMUTES = false; // a shuffle by a lane unknown to the compiler is one instruction

layout(std430, binding = 0) writeonly buffer C { vec4 c[]; };
layout(binding = 1) uniform textureBuffer a_texels; // RGBA32F
layout(binding = 3) uniform textureBuffer add_texels;
layout(binding = 4) uniform textureBuffer bias_texels;
layout(binding = 5) uniform textureBuffer c_texels; // C as it was

const uint LANES = gl_WorkGroupSize.x;
const uint BLOCKS = (ROWS + LANES - 1) / LANES; // of A's rows, a lane each
const uint QUADS = (ROWS + 3) / 4;              // of C's rows, where a texel of A holds four of them (TN)
const uint FETCHES = LAYOUT == TN ? (STEP * QUADS + LANES - 1) / LANES : BLOCKS * STEP / 4; // of A, a turn

vec4 sum[ROWS * VECTORS];
vec4 x[FETCHES];
vec4 y[STEP * VECTORS]; // of B: [k][vector of the lane's columns]

// Which of the turn's texels of A lane `lane` gets from fetch `f`. TN: four rows of one k; else four k of one row.
uint quad_of(uint f, uint lane) { return (f * LANES + lane) % QUADS; }
uint k_of(uint f, uint lane) { return LAYOUT == TN ? (f * LANES + lane) / QUADS : f / BLOCKS * 4; }
uint row_of(uint f, uint lane) { return f % BLOCKS * LANES + lane; }

vec4 a_at(uint i) { return texelFetch(a_texels, int(i)); }

// sum += x · y. `zero` is zero: a shuffle by a lane that the compiler knows becomes two instructions.
void multiply(uint zero)
{
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        [[unroll]] for (uint j = 0; j < STEP; j++) {
            const uint texel = j * QUADS + r / 4; // TN
            const uint f = LAYOUT == TN ? texel / LANES : j / 4 * BLOCKS + r / LANES;
            const uint lane = (LAYOUT == TN ? texel : r) % LANES;
            const float a = subgroupShuffle(x[f][LAYOUT == TN ? r % 4 : j % 4], PERMUTES ? lane + zero : lane);
            [[unroll]] for (uint v = 0; v < VECTORS; v++) {
                sum[r * VECTORS + v] = fma(vec4(a), y[j * VECTORS + v], sum[r * VECTORS + v]);
            }
        }
    }
}

// Writes the rows and vectors of columns that there are; `stride` and `plane`, floats before C, in vec4s.
void put_down(uvec2 size, uint row0, uint column0, uint stride, uint plane)
{
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        [[unroll]] for (uint v = 0; v < VECTORS; v++) {
            const uint at = (row0 + r) * stride + (column0 >> 2) + v;
            vec4 value = sum[r * VECTORS + v];
            if ((EPILOGUE & ADD_BIAS) != 0) {
                value += texelFetch(bias_texels, int((column0 >> 2) + v));
            }
            if ((EPILOGUE & ADD_MATRIX) != 0) {
                value += texelFetch(add_texels, int(at));
            }
            if ((EPILOGUE & ADD_C) != 0) {
                value += texelFetch(c_texels, int(at));
            }
            if (row0 + r < size.x && column0 + 4 * v < size.y) {
                c[plane + at] = value;
            }
        }
    }
}

#endif
