#include <math.h>
#include <stdlib.h>

#include "tui/draw/theme.h"
#include "tui/image/plot_parts.h"

enum {
    FINENESS    = 2,  /* buckets per pixel */
    FEW_POINTS  = 40, /* so many are marked, as far as they are not too close */
    MARK_PIXELS = 9,
};

static Colour ink_colour(Ink ink, float alpha)
{
    const ThemeInk *look = theme_ink(ink);
    return (Colour){look->paper_red, look->paper_green, look->paper_blue, alpha};
}

static Point point_of(const PlotAxes *axes, double x, double value)
{
    const double low = axes->box.y - axes->box.height, high = axes->box.y + 2 * axes->box.height;
    const double y = plot_axes_y(axes, value);
    return (Point){plot_axes_x(axes, x), y < low ? low : y > high ? high : y};
}

/* Draws through each bucket's first, lowest, highest and last value; unjoined buckets start anew. `points`: scratch, of
 * five times the buckets. */
static void draw_line(Image *image, const PlotAxes *axes, const Curve *curve, Point *points, double width,
                      Colour colour)
{
    size_t count = 0;
    for (int i = 0; i < curve->count; i++) {
        const Bucket *bucket = &curve->buckets[i];
        if (!bucket->joined && count > 0) {
            points[count++] = (Point){NAN, NAN};
        }
        points[count++] = point_of(axes, bucket->x, bucket->first);
        if (bucket->low < bucket->high) {
            points[count++] = point_of(axes, bucket->x, bucket->low);
            points[count++] = point_of(axes, bucket->x, bucket->high);
            points[count++] = point_of(axes, bucket->x, bucket->last);
        }
    }
    image_polyline(image, points, count, width, colour);
}

/* A ring per run of joined buckets: along the upper edge and back along the lower. */
static void draw_band(Image *image, const PlotAxes *axes, const Curve *band, Point *points, Colour colour)
{
    for (int start = 0, end; start < band->count; start = end) {
        size_t count = 0;
        for (end = start; end < band->count && (end == start || band->buckets[end].joined); end++) {
            points[count++] = point_of(axes, band->buckets[end].x, band->buckets[end].high);
        }
        for (int i = end - 1; i >= start; i--) {
            points[count++] = point_of(axes, band->buckets[i].x, band->buckets[i].low);
        }
        image_polygon(image, points, &count, 1, colour);
    }
}

/* A curve of few points shows where they are, unless it is a smoothed one, which has none; a point alone is always
 * marked. */
static void draw_marks(Image *image, const PlotAxes *axes, const Curve *curve, double line, Colour colour)
{
    const bool few = axes->window.smoothing <= 0 && curve->count <= FEW_POINTS &&
                     curve->count * MARK_PIXELS * line <= axes->box.width;
    for (int i = 0; i < curve->count; i++) {
        const Bucket *bucket = &curve->buckets[i];
        const bool    leads  = i + 1 < curve->count && bucket[1].joined;
        if (few || (!bucket->joined && !leads)) {
            const Point point = point_of(axes, bucket->x, bucket->last);
            image_disc(image, point.x, point.y, 3.2 * line, colour);
        }
    }
}

void plot_curves(Image *image, const Chart *chart, const PlotAxes *axes, double line)
{
    const int     parts  = (int)axes->box.width * FINENESS + 1;
    SeriesCurves *curves = curves_new(1, parts);
    Point        *points = curves != NULL ? calloc(5 * (size_t)curves->drawn.capacity, sizeof *points) : NULL;
    if (points == NULL) {
        curves_free(curves);
        image->out_of_memory = true;
        return;
    }
    /* In layers, so that no band or raw curve lies over a curve. */
    for (int layer = 0; layer < 3; layer++) {
        for (int s = 0; s < chart->series_count; s++) {
            const ChartSeries *series = &chart->series[s];
            curve_reduce(series, &axes->window, curves);
            if (layer == 0) {
                draw_band(image, axes, &curves->band, points, ink_colour(series->ink, 0.15f));
            } else if (layer == 1) {
                /* A dense one is a cloud; a thin line has to be darker to be seen. */
                const bool dense = curves->raw.count > parts / 6;
                draw_line(image, axes, &curves->raw, points, line, ink_colour(series->ink, dense ? 0.28f : 0.5f));
            } else {
                draw_line(image, axes, &curves->drawn, points, 2.2 * line, ink_colour(series->ink, 1));
                draw_marks(image, axes, &curves->drawn, line, ink_colour(series->ink, 1));
            }
        }
    }
    free(points);
    curves_free(curves);
}
