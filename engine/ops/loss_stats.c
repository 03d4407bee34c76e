#include "engine/ops/loss_stats.h"

static uint32_t block_count(uint32_t tokens)
{
    return tokens / LOSS_BLOCK + (tokens % LOSS_BLOCK != 0);
}

uint64_t loss_stats_bytes(uint32_t tokens)
{
    return gpu_align(((uint64_t)block_count(tokens) + 1) * LOSS_STATS * sizeof(float));
}

void loss_stats_add(GpuStream *stream, GpuSpan stats, GpuSpan partial, uint32_t max_entry, uint32_t tokens)
{
    uint32_t blocks = block_count(tokens);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "loss_stats",
                                        .spec       = {ops_group_row(stream), max_entry},
                                        .spec_count = 2,
                                        .bind       = {gpu_read_write(stats), gpu_read(partial)},
                                        .push       = &blocks,
                                        .push_size  = sizeof blocks,
                                        .groups     = {LOSS_STATS, 1, 1}});
}
