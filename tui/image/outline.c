#include "tui/image/outline.h"

#include <stdlib.h>

bool outline_add_point(Outline *outline, Point point)
{
    if (outline->count == outline->capacity) {
        const size_t capacity = outline->capacity == 0 ? 256 : 2 * outline->capacity;
        Point       *points   = realloc(outline->points, capacity * sizeof *points);
        if (points == NULL) {
            return false;
        }
        outline->points   = points;
        outline->capacity = capacity;
    }
    outline->points[outline->count++] = point;
    outline->sizes[outline->contours - 1]++;
    return true;
}

bool outline_add_ring(Outline *outline)
{
    if (outline->contours == outline->contours_capacity) {
        const size_t capacity = outline->contours_capacity == 0 ? 16 : 2 * outline->contours_capacity;
        size_t      *sizes    = realloc(outline->sizes, capacity * sizeof *sizes);
        if (sizes == NULL) {
            return false;
        }
        outline->sizes             = sizes;
        outline->contours_capacity = capacity;
    }
    outline->sizes[outline->contours++] = 0;
    return true;
}

void outline_free(Outline *outline)
{
    free(outline->points);
    free(outline->sizes);
    *outline = (Outline){0};
}
