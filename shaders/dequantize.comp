// Rows of a frozen weight as f32, as they lie or transposed, for products whose fast kernels read f32 (CPU devices).
// An invocation takes one block of 32 columns of one row; neighbours take neighbouring rows, so that transposed
// rows are written side by side.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#define WEIGHT_FORMAT_ID 1
#define WEIGHT_BINDING 1
#include "weights.glsl"
layout(constant_id = 2) const bool TRANSPOSED = false;

layout(std430, binding = 0) writeonly buffer Values { float values[]; }; // [rows, pitch] or [columns, pitch]
layout(push_constant) uniform Push {
    uint rows, columns, blocks; // blocks of 32 columns
    uint row_words, row_scales;
    uint pitch;                 // of the values, in floats
};

void main()
{
    const uint id = linear_id(), row = id % rows, block = id / rows;
    if (block >= blocks) {
        return;
    }
    const uint at = row * row_words, scale_at = row * row_scales, last = min(32, columns - 32 * block);
    if (last == 32) {
        [[unroll]] for (uint i = 0; i < 8; i++) {
            const vec4 x = weight_quad(at, scale_at, 8 * block + i);
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const uint column = 32 * block + 4 * i + j;
                values[TRANSPOSED ? column * pitch + row : row * pitch + column] = x[j];
            }
        }
    } else {
        for (uint i = 0; i < last; i++) {
            const uint column = 32 * block + i;
            values[TRANSPOSED ? column * pitch + row : row * pitch + column] = weight_quad(at, scale_at, column >> 2)[column & 3];
        }
    }
}
