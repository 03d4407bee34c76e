/* Outline: what a glyph is drawn from. */
#ifndef RLSP_TUI_OUTLINE_H
#define RLSP_TUI_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/image/image.h"

/* Rings of points, as image_polygon takes them: pixels, y downwards, from the glyph's origin on the baseline. */
typedef struct Outline {
    Point  *points;
    size_t *sizes;
    size_t  count, capacity;             /* of points */
    size_t  contours, contours_capacity; /* of sizes  */
} Outline;

/* A new ring, and a point of the last one. False when out of memory. */
bool outline_add_ring(Outline *outline);
bool outline_add_point(Outline *outline, Point point);
void outline_free(Outline *outline);

#endif
