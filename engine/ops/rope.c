#include "engine/ops/rope.h"

#include <math.h>

#include "engine/ops/matmul_parts.h"
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

/* YaRN's range of pairs (equation 16 of Peng et al. 2023 solved for the pair): those before *low turn beta_fast times
 * or more in the original context and are kept, those behind *high beta_slow times or less and are slowed. */
static void yarn_range(const RopeConfig *rope, uint32_t head_dim, double *low, double *high)
{
    const double context = rope->original_max_position_embeddings / two_pi, scale = head_dim / (2 * log(rope->theta));
    *low  = scale * log(context / rope->beta_fast);
    *high = scale * log(context / rope->beta_slow);
    if (!rope->exact_range) {
        *low  = floor(*low);
        *high = ceil(*high);
    }
    *low  = fmax(*low, 0);
    *high = fmin(*high, head_dim - 1.0);
    *high += *low == *high ? 0.001 : 0;
}

static double yarn_frequency(const RopeConfig *rope, uint32_t head_dim, uint32_t pair, double frequency)
{
    double low, high;
    yarn_range(rope, head_dim, &low, &high);
    const double slowed = fmin(fmax((pair - low) / (high - low), 0), 1);
    return slowed * frequency / rope->factor + (1 - slowed) * frequency;
}

double rope_frequency(const RopeConfig *rope, uint32_t head_dim, uint32_t pair)
{
    const double frequency = pow(rope->theta, -2.0 * pair / head_dim);
    switch (rope->type) {
    case ROPE_LINEAR: return frequency / rope->factor;
    case ROPE_LLAMA3: return llama3_frequency(rope, frequency);
    case ROPE_YARN: return yarn_frequency(rope, head_dim, pair, frequency);
    default: return frequency;
    }
}

uint64_t rope_table_bytes(uint32_t positions, uint32_t head_dim)
{
    return (uint64_t)positions * head_dim * sizeof(float);
}

void rope_table_fill(float *table, const RopeConfig *rope, uint32_t positions, uint32_t head_dim)
{
    const uint32_t half = head_dim / 2;
    const double   size = rope->type == ROPE_YARN ? rope->attention_factor : 1;
    for (uint32_t i = 0; i < half; i++) {
        const double frequency = rope_frequency(rope, head_dim, i);
        for (uint32_t position = 0; position < positions; position++) {
            float *turn = table + ((size_t)position * half + i) * 2;
            turn[0]     = (float)(size * cos(position * frequency));
            turn[1]     = (float)(size * sin(position * frequency));
        }
    }
}

/* shaders/rope_address.comp, if it takes such heads. */
static bool dispatch_by_address(GpuStream *stream, bool inverse, GpuSpan qkv, GpuSpan table, GpuSpan position,
                                uint32_t tokens, uint32_t rotated_heads, uint32_t token_stride, uint32_t half,
                                uint32_t positions)
{
    enum { UNROLLED = 16 }; /* registers of low halves in a turn of its loop over the heads */
    const GpuInfo *info  = gpu_info(gpu_stream_gpu(stream));
    const uint32_t lanes = info->subgroup_size;
    if (!matmul_has_lanes(info) || half % lanes != 0 || half / lanes > UNROLLED || gpu_span_address(qkv) % 16 != 0 ||
        gpu_span_address(table) % 16 != 0) {
        return false;
    }
    uint32_t turn = UNROLLED / (half / lanes);
    turn          = turn < rotated_heads ? turn : rotated_heads;
    while (rotated_heads % turn != 0) {
        turn--;
    }
    const struct {
        uint64_t qkv, table, position;
        uint32_t tokens, rotated_heads, token_stride, positions;
    } push = {gpu_span_address(qkv),
              gpu_span_address(table),
              gpu_span_address(position),
              tokens,
              rotated_heads,
              token_stride,
              positions};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "rope_address",
                                        .spec       = {lanes, inverse, half, turn, turn == rotated_heads},
                                        .spec_count = 5,
                                        .bind = {gpu_by_address(qkv, GPU_READ_WRITE), gpu_by_address(table, GPU_READ),
                                                 gpu_by_address(position, GPU_READ)},
                                        .push = &push,
                                        .push_size = sizeof push,
                                        .groups    = gpu_groups(tokens, 1)});
    return true;
}

static void dispatch(GpuStream *stream, uint32_t inverse, GpuSpan qkv, GpuSpan table, GpuSpan position, uint32_t tokens,
                     uint32_t heads, uint32_t kv_heads, uint32_t head_dim, uint32_t positions)
{
    if (dispatch_by_address(stream, inverse, qkv, table, position, tokens, heads + kv_heads,
                            (heads + 2 * kv_heads) * head_dim, head_dim / 2, positions)) {
        return;
    }
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
