#extension GL_GOOGLE_include_directive : require
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 32;
layout(constant_id = 1) const bool BARRIER = true;
layout(std430, binding = 0) readonly buffer A { TYPE a[]; };
layout(std430, binding = 1) readonly buffer B { uvec4 b[]; };
layout(std430, binding = 2) buffer C { float c[]; };
shared uvec4 tile[16 * 3];

void main()
{
    for (uint i = gl_LocalInvocationIndex; i < 32; i += LANES)
        tile[i / 2 * 3 + i % 2] = b[i];
    if (BARRIER)
        barrier();
    coopmat<TYPE, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> u;
    coopmat<TYPE, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB> v;
    coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> sums;
    coopMatLoad(u, a, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(v, tile, 0, 3, gl_CooperativeMatrixLayoutColumnMajor);
    coopMatLoad(sums, c, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
    sums = coopMatMulAdd(u, v, sums);
    for (int i = 0; i < sums.length(); i++)
        sums[i] *= 0.5;
    coopMatStore(sums, c, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
}
