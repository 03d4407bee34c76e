/* The host's side of shaders/include/units.glsl: whether a kernel takes its rows
 * four floats at a time, and whether through texel buffers. */
#ifndef ENGINE_OPS_UNITS_H
#define ENGINE_OPS_UNITS_H

#include "engine/ops/texels.h"

typedef struct Units {
    uint32_t size;   /* floats per unit: 4 or 1 */
    bool     texels; /* read as texels          */
} Units;

/* `counts`: a number that 4 divides if it divides all widths, strides and offsets
 * of the call (their bitwise or); `largest`: the largest span it reads. */
static inline Units units_for(GpuStream *stream, uint32_t counts, GpuSpan largest)
{
    const uint32_t size = counts % 4 == 0 ? 4 : 1;
    return (Units){size, size == 4 && texels_for_rows(stream) && texels_fit(stream, largest)};
}

#endif
