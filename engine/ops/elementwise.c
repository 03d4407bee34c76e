#include "engine/ops/elementwise.h"

#include "engine/ops/ops.h"
#include "engine/ops/units.h"

void elementwise_scale(GpuStream *stream, GpuSpan y, float a, uint32_t count)
{
    const Units units = units_for(stream, count, y);
    const struct {
        uint32_t count;
        float    a;
    } push               = {count / units.size, a};
    const uint32_t group = ops_group_elements(stream);
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "elementwise",
                                        .spec       = {group, units.size, units.texels},
                                        .spec_count = 3,
                                        .bind       = {gpu_read_write(y), texels_bind(y, units.texels)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups(push.count, group)});
}
