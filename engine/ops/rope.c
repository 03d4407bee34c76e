#include "engine/ops/rope.h"

#include <math.h>

#include "engine/ops/ops.h"
#include "engine/ops/units.h"

static const double two_pi = 6.283185307179586476925286766559;

/* Llama-3's scaling: long wavelengths are divided by `factor`, short ones kept,
 * and those between interpolated. */
static double llama3_frequency(const RopeConfig *rope, double frequency)
{
    const double wavelength = two_pi / frequency;
    const double context    = rope->original_max_position_embeddings;
    if (wavelength < context / rope->high_freq_factor) {
        return frequency;
    }
    if (wavelength > context / rope->low_freq_factor) {
        return frequency / rope->factor;
    }
    const double smooth =
        (context / wavelength - rope->low_freq_factor) / (rope->high_freq_factor - rope->low_freq_factor);
    return (1 - smooth) * frequency / rope->factor + smooth * frequency;
}

uint64_t rope_table_bytes(uint32_t positions, uint32_t head_dim)
{
    return (uint64_t)positions * head_dim * sizeof(float);
}

void rope_table_fill(float *table, const RopeConfig *rope, uint32_t positions, uint32_t head_dim)
{
    const uint32_t half = head_dim / 2;
    for (uint32_t i = 0; i < half; i++) {
        double frequency = pow(rope->theta, -2.0 * i / head_dim);
        if (rope->llama3) {
            frequency = llama3_frequency(rope, frequency);
        }
        for (uint32_t position = 0; position < positions; position++) {
            float *turn = table + ((size_t)position * half + i) * 2;
            turn[0]     = (float)cos(position * frequency);
            turn[1]     = (float)sin(position * frequency);
        }
    }
}

static void dispatch(GpuStream *stream, uint32_t inverse, GpuSpan qkv, GpuSpan table, GpuSpan position, uint32_t tokens,
                     uint32_t heads, uint32_t kv_heads, uint32_t head_dim, uint32_t positions)
{
    const Units    units   = units_for(stream, head_dim / 2, qkv);
    const uint32_t push[4] = {tokens, heads + kv_heads, (heads + 2 * kv_heads) * head_dim / units.size, positions};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "rope",
                                        .spec       = {ops_group_row(stream), units.size, units.texels, inverse,
                                                       head_dim / 2 / units.size},
                                        .spec_count = 5,
                                        .bind       = {gpu_read_write(qkv), gpu_read(table), gpu_read(position),
                                                       texels_bind(qkv, units.texels), texels_bind(table, units.texels)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(tokens, 1)});
}

void rope_forward(GpuStream *stream, GpuSpan qkv, GpuSpan table, GpuSpan position, uint32_t tokens, uint32_t heads,
                  uint32_t kv_heads, uint32_t head_dim, uint32_t positions)
{
    dispatch(stream, 0, qkv, table, position, tokens, heads, kv_heads, head_dim, positions);
}

void rope_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan table, GpuSpan position, uint32_t tokens, uint32_t heads,
                   uint32_t kv_heads, uint32_t head_dim, uint32_t positions)
{
    dispatch(stream, 1, dqkv, table, position, tokens, heads, kv_heads, head_dim, positions);
}
