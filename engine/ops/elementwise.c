#include "engine/ops/elementwise.h"

#include "engine/ops/ops.h"

enum { COPY = 0, AXPY = 1, SCALE = 2, ADD = 3 }; /* as in shaders/elementwise.comp */

static void dispatch(GpuStream *stream, uint32_t mode, GpuSpan y, GpuSpan x, GpuSpan z, uint32_t count, float a)
{
    const struct {
        uint32_t count;
        float    a;
    } push               = {count, a};
    const uint32_t group = ops_group_elements(stream);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "elementwise",
                                        .spec       = {group, mode},
                                        .spec_count = 2,
                                        .bind       = {gpu_read_write(y), gpu_read(x), gpu_read(z)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(count, group)});
}

void elementwise_copy(GpuStream *stream, GpuSpan y, GpuSpan x, uint32_t count)
{
    dispatch(stream, COPY, y, x, x, count, 0);
}

void elementwise_axpy(GpuStream *stream, GpuSpan y, float a, GpuSpan x, uint32_t count)
{
    dispatch(stream, AXPY, y, x, x, count, a);
}

void elementwise_scale(GpuStream *stream, GpuSpan y, float a, uint32_t count)
{
    dispatch(stream, SCALE, y, y, y, count, a);
}

void elementwise_add(GpuStream *stream, GpuSpan y, GpuSpan x, GpuSpan z, uint32_t count)
{
    dispatch(stream, ADD, y, x, z, count, 0);
}
