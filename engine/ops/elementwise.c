#include "engine/ops/elementwise.h"

#include "engine/ops/ops.h"
#include "engine/ops/units.h"

enum { COPY = 0, AXPY = 1, SCALE = 2, ADD = 3 }; /* as in shaders/elementwise.comp */

static void dispatch(GpuStream *stream, uint32_t mode, GpuSpan y, GpuSpan x, GpuSpan z, uint32_t count, float a)
{
    const Units units = units_for(stream, count, y);
    const struct {
        uint32_t count;
        float    a;
    } push               = {count / units.size, a};
    const uint32_t group = ops_group_elements(stream);
    gpu_dispatch(stream,
                 &(GpuDispatch){.kernel     = "elementwise",
                                .spec       = {group, units.size, units.texels, mode},
                                .spec_count = 4,
                                .bind      = {gpu_read_write(y), gpu_read(x), gpu_read(z), texels_bind(y, units.texels),
                                              texels_bind(x, units.texels), texels_bind(z, units.texels)},
                                .push      = &push,
                                .push_size = sizeof push,
                                .groups    = gpu_groups(push.count, group)});
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
