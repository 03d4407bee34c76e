// What the kernels on matrix units have in common: how their operands are stored, and the order of their tiles.
#ifndef GEMM_MATRICES_GLSL
#define GEMM_MATRICES_GLSL

#include "gemm_general.glsl"

// OPERANDS, a specialization constant of the including shader, has bits as in engine/ops/matmul_parts.h.
const bool A_HALVES = (OPERANDS & 1) != 0, B_HALVES = (OPERANDS & 2) != 0;   // of the type that is multiplied already
const bool A_VECTORS = (OPERANDS & 4) != 0, B_VECTORS = (OPERANDS & 8) != 0; // rows start at whole vectors of 16 bytes

// The workgroup's tile, (row, column) among all tiles. Workgroups that run together take neighbouring tiles, eight rows
// of them at a time, and share them in a cache.
uvec2 tile_in_order()
{
    const uint across = (n + TILE_N - 1) / TILE_N, rows = (m + TILE_M - 1) / TILE_M; // also of a dispatch in parts
    const uint linear = gl_WorkGroupID.y * across + gl_WorkGroupID.x;
    const uint block = linear / (8 * across), down = min(rows - 8 * block, 8);
    const uint in_block = linear - block * 8 * across;
    return uvec2(8 * block + in_block % down, in_block / down);
}

#endif
