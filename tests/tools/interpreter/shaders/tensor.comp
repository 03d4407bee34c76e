// C = A · Bᵀ of a workgroup's matrices through tensor layouts: A of f32 through a function, B of f16 turned by a view, both
// ragged; what lies outside is `outside`. Each row's largest element comes to the last column.
#version 450
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint STRIDE = 24; // of A, at least K
layout(std430, binding = 0) readonly buffer A { float a[]; };
layout(std430, binding = 1) readonly buffer B { float16_t b[]; };
layout(std430, binding = 2) buffer C { float c[]; };
layout(push_constant) uniform Push { uint m, n, k, row, from; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Stored { float value; };

float16_t rounded(const in Stored stored, const in uint block[2], const in uint inside[2])
{
    return float16_t(stored.value + float(block[0]));
}
float larger(const in float x, const in float y) { return max(x, y); }
float more(const in uint i, const in uint j, const in float x) { return x + 1000.0 * i + j; }
float less(const in uint i, const in uint j, const in float x, const in float factor, const in float y) { return x - factor * y; }

void main()
{
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> a_layout = createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeClampToEdgeNV> b_layout = createTensorLayoutNV(2, gl_CooperativeMatrixClampModeClampToEdgeNV);
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> c_layout = createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    a_layout = setTensorLayoutStrideNV(setTensorLayoutDimensionNV(a_layout, m, k), STRIDE, 1);
    b_layout = setTensorLayoutDimensionNV(b_layout, n, k);
    c_layout = setTensorLayoutDimensionNV(c_layout, m, n);
    coopmat<float16_t, gl_ScopeWorkgroup, 32, 16, gl_MatrixUseA> u;
    coopmat<float16_t, gl_ScopeWorkgroup, 16, 32, gl_MatrixUseB> v;
    coopmat<float, gl_ScopeWorkgroup, 32, 32, gl_MatrixUseAccumulator> sums = coopmat<float, gl_ScopeWorkgroup, 32, 32, gl_MatrixUseAccumulator>(0.0), largest;
    for (uint at = 0; at < k; at += 16) {
        coopMatLoadTensorNV(u, a, from, sliceTensorLayoutNV(a_layout, row, 32, at, 16), rounded);
        coopMatLoadTensorNV(v, b, 0, sliceTensorLayoutNV(b_layout, 0, 32, at, 16), turned);
        sums = coopMatMulAdd(u, v, sums);
    }
    coopMatReduceNV(largest, sums, gl_CooperativeMatrixReduceRowNV, larger);
    coopmat<float, gl_ScopeWorkgroup, 32, 32, gl_MatrixUseAccumulator> twice = sums + sums;
    coopMatPerElementNV(sums, sums, more);
    coopMatPerElementNV(sums, sums, less, 2.0, twice); // - 3 sums + more
    coopMatStoreTensorNV(sums, c, 0, sliceTensorLayoutNV(c_layout, row, 32, 0, 32));
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> last = setTensorLayoutStrideNV(setTensorLayoutDimensionNV(createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV), m, 1), 1, 1);
    coopMatStoreTensorNV(largest, c, (m * n + 3) / 4 * 4, sliceTensorLayoutNV(last, row, 32, 0, 32));
}
