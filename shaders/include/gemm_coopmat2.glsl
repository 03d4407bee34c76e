// C = A · B, TILE_M x TILE_N of it and STEP of k at a time as matrices of the whole workgroup. The driver stages them
// as it likes; what lies outside A and B is read as zero, and outside C not written. Any m, n, k and strides; all
// matrices start at multiples of 16 bytes, which pointers of such loads must be. Layouts and epilogues as in
// engine/ops/matmul.h. The including shader defines HALF, the type that is multiplied, and
// ROUNDED(x), f32 rounded to it. With PAIRED, SwiGLU of columns in pairs (include/gemm_pairs.glsl; NT): a tile is half of
// first columns, half of second ones, a matrix each.
#ifndef GEMM_COOPMAT2_GLSL
#define GEMM_COOPMAT2_GLSL

layout(constant_id = 2) const uint TILE_M = 128;
layout(constant_id = 3) const uint TILE_N = 256;
layout(constant_id = 4) const uint STEP = 64;
layout(constant_id = 5) const uint OPERANDS = 0; // how A and B are stored, bits as in engine/ops/matmul_parts.h

#include "gemm_matrices.glsl"
#ifdef PAIRED
#define PAIRS_ID 6
#define RUN (TILE_N / 2)
#include "gemm_pairs.glsl"
layout(std430, binding = 6) writeonly buffer ActHalves { HALF act_halves[]; };
const uint COLUMNS = TILE_N / 2; // of a matrix
#else
const uint COLUMNS = TILE_N;
#endif

layout(std430, binding = 1) readonly buffer A { float a[]; };
layout(std430, binding = 1) readonly buffer AHalves { HALF a_halves[]; };
layout(std430, binding = 2) readonly buffer B { float b[]; };
layout(std430, binding = 2) readonly buffer BHalves { HALF b_halves[]; };

// f32 is rounded as it is loaded.
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Stored { float value; };
HALF rounded(const in Stored stored, const in uint block[2], const in uint inside[2])
{
    return ROUNDED(stored.value);
}

#define MATRIX(type, rows, columns, use) coopmat<type, gl_ScopeWorkgroup, rows, columns, use>
#define SUMS MATRIX(float, TILE_M, COLUMNS, gl_MatrixUseAccumulator)
#define ZEROS gl_CooperativeMatrixClampModeConstantNV
#define EDGE gl_CooperativeMatrixClampModeClampToEdgeNV

// Columns from `first` on of B's rows from `at` on; a layout is no function's parameter.
#define load_b(v, at, first)                                                                                           \
    if (LAYOUT == NT) {                                                                                                \
        tensorLayoutNV<2, ZEROS> slice = sliceTensorLayoutNV(b_layout, first, COLUMNS, at, STEP);                      \
        if (B_HALVES) {                                                                                                \
            coopMatLoadTensorNV(v, b_halves, b_first, slice, turned);                                                  \
        } else {                                                                                                       \
            coopMatLoadTensorNV(v, b, b_first, slice, turned, rounded);                                                \
        }                                                                                                              \
    } else {                                                                                                           \
        tensorLayoutNV<2, ZEROS> slice = sliceTensorLayoutNV(b_layout, at, STEP, first, COLUMNS);                      \
        if (B_HALVES) {                                                                                                \
            coopMatLoadTensorNV(v, b_halves, b_first, slice);                                                          \
        } else {                                                                                                       \
            coopMatLoadTensorNV(v, b, b_first, slice, rounded);                                                        \
        }                                                                                                              \
    }

// A multiple of eight that the compiler can tell to be one.
uint whole(uint x, bool vectors) { return vectors ? x & ~7u : x; }

#ifdef PAIRED
// SwiGLU. Halves are written here, one by one: cards multiply few types into sums of 16 bits, and a matrix of sums of
// any other would not do.
float act_of(const in uint i, const in uint j, const in float gate, const in float up, const in uint row, const in uint column)
{
    const float value = swiglu_of(gate, up);
    if (ACT_HALVES && row + i < m && column + j < distance) {
        act_halves[act0 + (row + i) * distance + column + j] = ROUNDED(value);
    }
    return value;
}
#endif

void main()
{
    const uvec2 tile = tile_in_order();
    const uint row = tile.x * TILE_M, column = tile.y * COLUMNS; // PAIRED: among the first ones
    const uint k_begin = gl_WorkGroupID.z * k_slice, k_end = min(k, k_begin + k_slice);

    // A and B as they are stored; TN's A and NT's B are turned by their views.
    tensorLayoutNV<2, ZEROS> a_layout = createTensorLayoutNV(2, ZEROS), b_layout = createTensorLayoutNV(2, ZEROS);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    a_layout = setTensorLayoutDimensionNV(a_layout, LAYOUT == TN ? k_end : m, LAYOUT == TN ? m : k_end);
    a_layout = setTensorLayoutStrideNV(a_layout, whole(lda, A_VECTORS && A_HALVES), 1);
    b_layout = setTensorLayoutDimensionNV(b_layout, LAYOUT == NT ? n : k_end, LAYOUT == NT ? k_end : n);
    b_layout = setTensorLayoutStrideNV(b_layout, whole(ldb, B_VECTORS && B_HALVES), 1);
    const uint a_first = whole(a0, A_VECTORS && A_HALVES), b_first = whole(b0, B_VECTORS && B_HALVES);

    SUMS sums = SUMS(0.0);
#ifdef PAIRED
    SUMS second = SUMS(0.0);
#endif
    for (uint at = k_begin; at < k_end; at += STEP) {
        MATRIX(HALF, TILE_M, STEP, gl_MatrixUseA) u;
        MATRIX(HALF, STEP, COLUMNS, gl_MatrixUseB) v;
        if (LAYOUT == TN) {
            tensorLayoutNV<2, ZEROS> slice = sliceTensorLayoutNV(a_layout, at, STEP, row, TILE_M);
            if (A_HALVES) {
                coopMatLoadTensorNV(u, a_halves, a_first, slice, turned);
            } else {
                coopMatLoadTensorNV(u, a, a_first, slice, turned, rounded);
            }
        } else {
            tensorLayoutNV<2, ZEROS> slice = sliceTensorLayoutNV(a_layout, row, TILE_M, at, STEP);
            if (A_HALVES) {
                coopMatLoadTensorNV(u, a_halves, a_first, slice);
            } else {
                coopMatLoadTensorNV(u, a, a_first, slice, rounded);
            }
        }
        load_b(v, at, column);
        sums = coopMatMulAdd(u, v, sums);
#ifdef PAIRED
        load_b(v, at, column + distance);
        second = coopMatMulAdd(u, v, second);
#endif
    }

#ifdef PAIRED
    // Gate and up as C has them, and what they come to.
    tensorLayoutNV<2, ZEROS> gate_layout = createTensorLayoutNV(2, ZEROS);
    gate_layout = setTensorLayoutDimensionNV(gate_layout, m, distance);
    tensorLayoutNV<2, ZEROS> act_layout = sliceTensorLayoutNV(gate_layout, row, TILE_M, column, COLUMNS);
    tensorLayoutNV<2, EDGE> bias_layout = createTensorLayoutNV(2, EDGE);
    bias_layout = setTensorLayoutDimensionNV(bias_layout, 1, distance);
    bias_layout = sliceTensorLayoutNV(bias_layout, row, TILE_M, column, COLUMNS);
    SUMS more;
    if ((epilogue & ADD_BIAS) != 0) {
        coopMatLoadTensorNV(more, bias, bias0, bias_layout);
        sums += more;
        coopMatLoadTensorNV(more, bias, bias0 + distance, bias_layout);
        second += more;
    }
    if (PAIRS == SWIGLU_KEPT) {
        gate_layout = setTensorLayoutStrideNV(gate_layout, ldc, 1);
        gate_layout = sliceTensorLayoutNV(gate_layout, row, TILE_M, column, COLUMNS);
        coopMatStoreTensorNV(sums, c, c0, gate_layout);
        coopMatStoreTensorNV(second, c, c0 + distance, gate_layout);
    }
    coopMatPerElementNV(sums, sums, act_of, second, row, column);
    if (!ACT_HALVES) {
        coopMatStoreTensorNV(sums, act, act0, act_layout);
    }
#else
    tensorLayoutNV<2, ZEROS> c_layout = createTensorLayoutNV(2, ZEROS);
    tensorLayoutNV<2, EDGE> bias_layout = createTensorLayoutNV(2, EDGE);
    c_layout = setTensorLayoutDimensionNV(c_layout, m, n);
    bias_layout = setTensorLayoutDimensionNV(bias_layout, 1, n); // every row the same: below the first lies the first
    c_layout = setTensorLayoutStrideNV(c_layout, ldc, 1);
    c_layout = sliceTensorLayoutNV(c_layout, row, TILE_M, column, COLUMNS);
    bias_layout = sliceTensorLayoutNV(bias_layout, row, TILE_M, column, COLUMNS);
    const uint to = c0 + gl_WorkGroupID.z * c_plane;
    SUMS more;
    if ((epilogue & ADD_BIAS) != 0) {
        coopMatLoadTensorNV(more, bias, bias0, bias_layout);
        sums += more;
    }
    if ((epilogue & ADD_MATRIX) != 0) {
        coopMatLoadTensorNV(more, add, add0, c_layout);
        sums += more;
    }
    if ((epilogue & ADD_C) != 0) {
        coopMatLoadTensorNV(more, c, to, c_layout);
        sums += more;
    }
    coopMatStoreTensorNV(sums, c, to, c_layout);
#endif
}

#endif
