#include "engine/ops/whiten.h"

void whiten(GpuStream *stream, GpuSpan whitened, GpuSpan moments, GpuSpan advantage, GpuSpan mask, WhitenForm form,
            uint32_t tokens)
{
    if (tokens == 0) {
        return;
    }
    bool    has_mask = mask.buffer != NULL;
    GpuBind masked   = gpu_read(has_mask ? mask : advantage);
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel = "whiten_moments",
                                .spec   = {ops_group_long_row(stream, tokens, 2), has_mask, form == WHITEN_UNBIASED},
                                .spec_count = 3,
                                .bind       = {gpu_write(moments), gpu_read(advantage), masked},
                                .push       = &tokens,
                                .push_size  = sizeof tokens,
                                .groups     = {1, 1, 1}});
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "whiten",
                                        .spec       = {ops_group_elements(stream), has_mask},
                                        .spec_count = 2,
                                        .bind = {gpu_write(whitened), gpu_read(moments), gpu_read(advantage), masked},
                                        .push = &tokens,
                                        .push_size = sizeof tokens,
                                        .groups    = gpu_groups(tokens, ops_group_elements(stream))});
}
