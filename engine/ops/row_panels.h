/* The host's side of shaders/include/row_panels.glsl: rows that CPU devices with buffer addresses read in whole panels.
 *
 *     if (row_panels_suit(info, width, spans, count)) {
 *         row_panels_turns(info, width, dispatch.spec);
 *         …
 */
#ifndef ENGINE_OPS_ROW_PANELS_H
#define ENGINE_OPS_ROW_PANELS_H

#include "engine/ops/matmul_parts.h"

/* Whether such a kernel takes rows of `width` floats of these spans: by the device, their width and where they lie. */
static inline bool row_panels_suit(const GpuInfo *info, uint32_t width, const GpuSpan *spans, uint32_t count)
{
    bool suit = matmul_has_lanes(info) && width > 0 && width % (2 * info->subgroup_size) == 0;
    for (uint32_t i = 0; suit && i < count; i++) {
        suit = gpu_span_address(spans[i]) % 16 == 0;
    }
    return suit;
}

/* Its specialization constants: the lanes, panels of a turn (up to eight if that is the row, else up to four), and
 * whether that is the row. */
static inline void row_panels_turns(const GpuInfo *info, uint32_t width, uint32_t spec[3])
{
    enum { WHOLE = 8, PART = 4 };
    const uint32_t panels = width / (2 * info->subgroup_size);
    uint32_t       turn   = panels <= WHOLE ? panels : PART;
    while (panels % turn != 0) {
        turn--;
    }
    spec[0] = info->subgroup_size;
    spec[1] = turn;
    spec[2] = turn == panels;
}

#endif
