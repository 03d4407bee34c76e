#include <math.h>
#include <stdlib.h>

#include "tui/plot_parts.h"
#include "tui/theme.h"

enum {
    FINENESS    = 2,  /* buckets per pixel: points keep their place to half a pixel */
    FEW_POINTS  = 40, /* so many are marked, as far as they are not too close */
    MARK_PIXELS = 9,
};

/* Room for a curve or a band of so many buckets. */
typedef struct Sketch {
    CurveBuckets buckets;
    Point       *points; /* [6 * columns] */
    int          columns;
} Sketch;

static bool sketch_new(Sketch *sketch, int columns)
{
    Bucket *buckets = calloc(3 * (size_t)columns, sizeof *buckets);
    sketch->points  = calloc(6 * (size_t)columns, sizeof *sketch->points);
    sketch->buckets = (CurveBuckets){.drawn = buckets, .raw = buckets + columns, .band = buckets + 2 * columns};
    sketch->columns = columns;
    if (buckets == NULL || sketch->points == NULL) {
        free(buckets);
        free(sketch->points);
        return false;
    }
    return true;
}

static void sketch_free(Sketch *sketch)
{
    free(sketch->buckets.drawn);
    free(sketch->points);
}

static Colour ink_colour(Ink ink, float alpha)
{
    const ThemeInk *look = theme_ink(ink);
    return (Colour){look->paper_red, look->paper_green, look->paper_blue, alpha};
}

static Point point_of(const PlotAxes *axes, int columns, int column, double value)
{
    const double low = axes->box.y - axes->box.height, high = axes->box.y + 2 * axes->box.height;
    const double y = plot_axes_y(axes, value);
    return (Point){axes->box.x + axes->box.width * column / (columns - 1), y < low ? low : y > high ? high : y};
}

/* Draws through each bucket's first, lowest, highest and last value; unjoined buckets start anew. */
static void draw_line(Image *image, const PlotAxes *axes, Sketch *sketch, const Bucket *buckets, double width,
                      Colour colour)
{
    size_t count = 0;
    for (int c = 0; c < sketch->columns; c++) {
        const Bucket *bucket = &buckets[c];
        if (!bucket->filled) {
            continue;
        }
        if (!bucket->joined && count > 0) {
            sketch->points[count++] = (Point){NAN, NAN};
        }
        sketch->points[count++] = point_of(axes, sketch->columns, c, bucket->first);
        if (bucket->low < bucket->high) {
            sketch->points[count++] = point_of(axes, sketch->columns, c, bucket->low);
            sketch->points[count++] = point_of(axes, sketch->columns, c, bucket->high);
            sketch->points[count++] = point_of(axes, sketch->columns, c, bucket->last);
        }
    }
    image_polyline(image, sketch->points, count, width, colour);
}

/* A ring per run of joined buckets: along the upper edge and back along the lower. */
static void draw_band(Image *image, const PlotAxes *axes, Sketch *sketch, Colour colour)
{
    const Bucket *buckets = sketch->buckets.band;
    for (int start = 0; start < sketch->columns;) {
        if (!buckets[start].filled) {
            start++;
            continue;
        }
        size_t count = 0;
        int    end   = start;
        for (int c = start; c < sketch->columns && (!buckets[c].filled || c == start || buckets[c].joined); c++) {
            if (buckets[c].filled) {
                sketch->points[count++] = point_of(axes, sketch->columns, c, buckets[c].high);
            }
            end = c;
        }
        for (int c = end; c >= start; c--) {
            if (buckets[c].filled) {
                sketch->points[count++] = point_of(axes, sketch->columns, c, buckets[c].low);
            }
        }
        image_polygon(image, sketch->points, &count, 1, colour);
        start = end + 1;
    }
}

static int filled_of(const Sketch *sketch, const Bucket *buckets)
{
    int filled = 0;
    for (int c = 0; c < sketch->columns; c++) {
        filled += buckets[c].filled;
    }
    return filled;
}

/* A curve of few points shows where they are, unless it is a smoothed one, which has none; a point alone is always
 * marked. */
static void draw_marks(Image *image, const PlotAxes *axes, const Sketch *sketch, double line, Colour colour)
{
    const Bucket *buckets = sketch->buckets.drawn;
    const int     filled  = filled_of(sketch, buckets);
    const bool    few =
        axes->window.smoothing <= 0 && filled <= FEW_POINTS && filled * MARK_PIXELS * line <= axes->box.width;
    for (int c = 0, next = 0; c < sketch->columns; c = next) {
        for (next = c + 1; next < sketch->columns && !buckets[next].filled;) {
            next++;
        }
        const bool joins = next < sketch->columns && buckets[next].joined;
        if (buckets[c].filled && (few || (!buckets[c].joined && !joins))) {
            const Point point = point_of(axes, sketch->columns, c, buckets[c].last);
            image_disc(image, point.x, point.y, 3.2 * line, colour);
        }
    }
}

void plot_curves(Image *image, const Chart *chart, const PlotAxes *axes, double line)
{
    Sketch      sketch;
    CurveWindow window = axes->window;
    window.columns     = (int)axes->box.width * FINENESS + 1;
    if (!sketch_new(&sketch, window.columns)) {
        image->out_of_memory = true;
        return;
    }
    /* In layers, so that no band or raw curve lies over a curve. */
    for (int layer = 0; layer < 3; layer++) {
        for (int s = 0; s < chart->series_count; s++) {
            const ChartSeries *series = &chart->series[s];
            curve_reduce(series, &window, &sketch.buckets);
            if (layer == 0) {
                draw_band(image, axes, &sketch, ink_colour(series->ink, 0.15f));
            } else if (layer == 1) {
                /* A dense one is a cloud; a thin line has to be darker to be seen. */
                const bool dense = filled_of(&sketch, sketch.buckets.raw) > window.columns / 6;
                draw_line(image, axes, &sketch, sketch.buckets.raw, line,
                          ink_colour(series->ink, dense ? 0.28f : 0.5f));
            } else {
                draw_line(image, axes, &sketch, sketch.buckets.drawn, 2.2 * line, ink_colour(series->ink, 1));
                draw_marks(image, axes, &sketch, line, ink_colour(series->ink, 1));
            }
        }
    }
    sketch_free(&sketch);
}
