#include "engine/ops/group_advantage.h"

void group_advantage(GpuStream *stream, GpuSpan advantage, GpuSpan score, GpuSpan group_of, GroupForm form, float eps,
                     uint32_t sequences)
{
    struct {
        uint32_t sequences;
        float    eps;
    } push = {sequences, eps};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "group_advantage",
                                        .spec       = {ops_group_lanes(stream), form},
                                        .spec_count = 2,
                                        .bind       = {gpu_write(advantage), gpu_read(score), gpu_read(group_of)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(sequences, ops_group_lanes(stream))});
}
