#include "tui/image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shapes are rasterised in strips of so many rows: the coverage of a whole image would be four times its size. */
#define STRIP_ROWS 64
/* Coordinates beyond this are cut: far outside of every image, and safe to turn into an int. */
#define FAR_AWAY 1e8

/* The share of each pixel of a strip that a shape covers. */
typedef struct Strip {
    int    x, y, width, height;
    size_t stride; /* width + 2: an edge at the right side has somewhere to write */
    float *cells;  /* [height, stride] */
} Strip;

Image *image_new(int width, int height, Colour ground)
{
    if (width < 1 || height < 1 || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE ||
        (size_t)width * (size_t)height > IMAGE_MAX_PIXELS) {
        return NULL;
    }
    Image       *image  = calloc(1, sizeof *image);
    const size_t pixels = (size_t)width * (size_t)height;
    if (image == NULL || (image->pixels = malloc(pixels * 3)) == NULL) {
        free(image);
        return NULL;
    }
    image->width  = width;
    image->height = height;
    for (size_t i = 0; i < pixels; i++) {
        image->pixels[3 * i]     = ground.red;
        image->pixels[3 * i + 1] = ground.green;
        image->pixels[3 * i + 2] = ground.blue;
    }
    image_unclip(image);
    return image;
}

void image_free(Image *image)
{
    if (image != NULL) {
        free(image->pixels);
        free(image);
    }
}

static int clamp_int(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

void image_clip(Image *image, int x, int y, int width, int height)
{
    image->clip_x0 = clamp_int(x, 0, image->width);
    image->clip_y0 = clamp_int(y, 0, image->height);
    image->clip_x1 = clamp_int(x + width, image->clip_x0, image->width);
    image->clip_y1 = clamp_int(y + height, image->clip_y0, image->height);
}

void image_unclip(Image *image)
{
    image_clip(image, 0, 0, image->width, image->height);
}

static uint8_t mix(uint8_t under, uint8_t over, float share)
{
    return (uint8_t)((float)under + ((float)over - (float)under) * share + 0.5f);
}

/* `coverage` 0 to 1; (x, y) lies inside the image. */
static void blend(Image *image, int x, int y, Colour colour, float coverage)
{
    const float share = coverage * colour.alpha;
    uint8_t    *pixel = image->pixels + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
    pixel[0]          = mix(pixel[0], colour.red, share);
    pixel[1]          = mix(pixel[1], colour.green, share);
    pixel[2]          = mix(pixel[2], colour.blue, share);
}

/* --- strips */

/* Bounds of finite points, widened by `reach`; false: there is none. */
static bool bounds_of(const Point *points, size_t count, double reach, Point *low, Point *high)
{
    *low  = (Point){FAR_AWAY, FAR_AWAY};
    *high = (Point){-FAR_AWAY, -FAR_AWAY};
    for (size_t i = 0; i < count; i++) {
        if (isfinite(points[i].x) && isfinite(points[i].y)) {
            low->x  = fmin(low->x, points[i].x - reach);
            low->y  = fmin(low->y, points[i].y - reach);
            high->x = fmax(high->x, points[i].x + reach);
            high->y = fmax(high->y, points[i].y + reach);
        }
    }
    return low->x <= high->x;
}

/* The first strip of a shape with these bounds inside the clip; false: nothing of it is to be seen. */
static bool strip_start(Image *image, Point low, Point high, Strip *strip, int *bottom)
{
    const int x0 = (int)clamp(floor(low.x), image->clip_x0, image->clip_x1);
    const int y0 = (int)clamp(floor(low.y), image->clip_y0, image->clip_y1);
    const int x1 = (int)clamp(ceil(high.x), image->clip_x0, image->clip_x1);
    const int y1 = (int)clamp(ceil(high.y), image->clip_y0, image->clip_y1);
    if (x1 <= x0 || y1 <= y0) {
        return false;
    }
    const int rows = y1 - y0 < STRIP_ROWS ? y1 - y0 : STRIP_ROWS;
    *strip         = (Strip){x0, y0, x1 - x0, rows, (size_t)(x1 - x0) + 2, NULL};
    *bottom        = y1;
    strip->cells   = malloc(strip->stride * (size_t)rows * sizeof *strip->cells);
    if (strip->cells == NULL) {
        image->out_of_memory = true;
        return false;
    }
    return true;
}

static void strip_clear(Strip *strip, int bottom)
{
    if (strip->height > bottom - strip->y) {
        strip->height = bottom - strip->y;
    }
    memset(strip->cells, 0, strip->stride * (size_t)strip->height * sizeof *strip->cells);
}

static void strip_blend(Image *image, const Strip *strip, Colour colour)
{
    for (int row = 0; row < strip->height; row++) {
        const float *cells = strip->cells + (size_t)row * strip->stride;
        for (int column = 0; column < strip->width; column++) {
            if (cells[column] > 0) {
                blend(image, strip->x + column, strip->y + row, colour, cells[column]);
            }
        }
    }
}

/* --- polygons: the signed area between each edge and the right side, summed up along the rows */

/* An edge wholly inside the strip, from top to bottom, in the strip's coordinates. */
static void edge_inside(Strip *strip, double x0, double y0, double x1, double y1, double sign)
{
    const double slope = (x1 - x0) / (y1 - y0);
    const int    last  = clamp_int((int)ceil(y1) - 1, 0, strip->height - 1);
    for (int row = clamp_int((int)y0, 0, strip->height - 1); row <= last; row++) {
        const double top = fmax(y0, row), bottom = fmin(y1, row + 1);
        const double from = clamp(x0 + (top - y0) * slope, 0, strip->width);
        const double to   = clamp(x0 + (bottom - y0) * slope, 0, strip->width);
        const double left = fmin(from, to), right = fmax(from, to);
        float       *cells = strip->cells + (size_t)row * strip->stride;
        const int    first = (int)left, end = (int)right;
        for (int column = first; column <= end; column++) {
            const double a = fmax(left, column), b = fmin(right, column + 1);
            const double height = first == end ? bottom - top : (bottom - top) * (b - a) / (right - left);
            const double inside = (a + b) / 2 - column; /* the part of the pixel that lies left of the edge */
            cells[column] += (float)(sign * height * (1 - inside));
            cells[column + 1] += (float)(sign * height * inside);
        }
    }
}

/* Cuts an edge to the strip: what lies left of it counts as running along its left side, what lies right not at all. */
static void edge(Strip *strip, Point a, Point b)
{
    double sign = 1;
    if (a.y > b.y) {
        const Point swap = a;
        a                = b;
        b                = swap;
        sign             = -1;
    }
    a               = (Point){clamp(a.x, -FAR_AWAY, FAR_AWAY) - strip->x, clamp(a.y, -FAR_AWAY, FAR_AWAY) - strip->y};
    b               = (Point){clamp(b.x, -FAR_AWAY, FAR_AWAY) - strip->x, clamp(b.y, -FAR_AWAY, FAR_AWAY) - strip->y};
    const double y0 = fmax(a.y, 0), y1 = fmin(b.y, strip->height);
    if (y1 <= y0) {
        return;
    }
    const double slope = (b.x - a.x) / (b.y - a.y);
    /* Up to three pieces, parted where the edge crosses the left and the right side. */
    double cuts[4] = {y0, y0, y0, y1};
    if (slope != 0) {
        const double at_left  = clamp(a.y + (0 - a.x) / slope, y0, y1);
        const double at_right = clamp(a.y + (strip->width - a.x) / slope, y0, y1);
        cuts[1]               = fmin(at_left, at_right);
        cuts[2]               = fmax(at_left, at_right);
    }
    for (int i = 0; i < 3; i++) {
        if (cuts[i + 1] > cuts[i]) {
            const double from = a.x + (cuts[i] - a.y) * slope, to = a.x + (cuts[i + 1] - a.y) * slope;
            edge_inside(strip, clamp(from, 0, strip->width), cuts[i], clamp(to, 0, strip->width), cuts[i + 1], sign);
        }
    }
}

static void strip_polygon(Strip *strip, const Point *points, const size_t *sizes, size_t contours)
{
    for (size_t c = 0; c < contours; points += sizes[c], c++) {
        Point first = {0, 0}, previous = {0, 0};
        bool  started = false;
        for (size_t i = 0; i < sizes[c]; i++) {
            if (!isfinite(points[i].x) || !isfinite(points[i].y)) {
                continue;
            }
            if (started) {
                edge(strip, previous, points[i]);
            } else {
                first   = points[i];
                started = true;
            }
            previous = points[i];
        }
        if (started) {
            edge(strip, previous, first);
        }
    }
    for (int row = 0; row < strip->height; row++) {
        float *cells = strip->cells + (size_t)row * strip->stride;
        float  sum   = 0;
        for (int column = 0; column < strip->width; column++) {
            sum += cells[column];
            cells[column] = fminf(fabsf(sum), 1);
        }
    }
}

void image_polygon(Image *image, const Point *points, const size_t *sizes, size_t contours, Colour colour)
{
    size_t count = 0;
    for (size_t c = 0; c < contours; c++) {
        count += sizes[c];
    }
    Point low, high;
    Strip strip;
    int   bottom;
    if (!bounds_of(points, count, 0, &low, &high) || !strip_start(image, low, high, &strip, &bottom)) {
        return;
    }
    for (; strip.y < bottom; strip.y += STRIP_ROWS) {
        strip_clear(&strip, bottom);
        strip_polygon(&strip, points, sizes, contours);
        strip_blend(image, &strip, colour);
    }
    free(strip.cells);
}

bool image_polygon_mask(const Point *points, const size_t *sizes, size_t contours, int width, int height, uint8_t *mask)
{
    Strip strip = {0, 0, width, height, (size_t)width + 2, NULL};
    strip.cells = calloc(strip.stride * (size_t)height, sizeof *strip.cells);
    if (strip.cells == NULL) {
        return false;
    }
    strip_polygon(&strip, points, sizes, contours);
    for (int row = 0; row < height; row++) {
        for (int column = 0; column < width; column++) {
            const float coverage = strip.cells[(size_t)row * strip.stride + (size_t)column];
            mask[(size_t)row * (size_t)width + (size_t)column] = (uint8_t)(coverage * 255 + 0.5f);
        }
    }
    free(strip.cells);
    return true;
}

void image_rectangle(Image *image, double x, double y, double width, double height, Colour colour)
{
    if (width > 0 && height > 0) {
        const Point  corners[] = {{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}};
        const size_t size      = 4;
        image_polygon(image, corners, &size, 1, colour);
    }
}

/* --- lines: by the distance of a pixel's middle to the nearest piece, which gives round joins and ends */

static void strip_segment(Strip *strip, Point a, Point b, double half, float strength)
{
    const double reach = half + 0.5;
    a                  = (Point){a.x - strip->x, a.y - strip->y};
    b                  = (Point){b.x - strip->x, b.y - strip->y};
    const double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
    const int    first = (int)clamp(floor(fmin(a.y, b.y) - reach), 0, strip->height);
    const int    last  = (int)clamp(ceil(fmax(a.y, b.y) + reach), 0, strip->height);
    for (int row = first; row < last; row++) {
        /* Only the part of the line that is near this row can reach it. */
        const double y    = row + 0.5;
        double       from = a.x, to = b.x;
        if (fabs(dy) > 1e-9) {
            const double t0 = clamp((y - reach - a.y) / dy, 0, 1), t1 = clamp((y + reach - a.y) / dy, 0, 1);
            from = a.x + t0 * dx;
            to   = a.x + t1 * dx;
        }
        const int left  = (int)clamp(floor(fmin(from, to) - reach), 0, strip->width);
        const int right = (int)clamp(ceil(fmax(from, to) + reach), 0, strip->width);
        float    *cells = strip->cells + (size_t)row * strip->stride;
        for (int column = left; column < right; column++) {
            const double x     = column + 0.5;
            const double t     = square > 0 ? clamp(((x - a.x) * dx + (y - a.y) * dy) / square, 0, 1) : 0;
            const double off_x = x - a.x - t * dx, off_y = y - a.y - t * dy;
            const double distance = sqrt(off_x * off_x + off_y * off_y);
            const float  coverage = (float)clamp(reach - distance, 0, 1) * strength;
            cells[column]         = fmaxf(cells[column], coverage);
        }
    }
}

static bool is_point(Point point)
{
    return isfinite(point.x) && isfinite(point.y) && fabs(point.x) < FAR_AWAY && fabs(point.y) < FAR_AWAY;
}

void image_polyline(Image *image, const Point *points, size_t count, double line_width, Colour colour)
{
    /* A line thinner than a pixel is a pixel wide and fainter. */
    const double half     = fmax(line_width, 1) / 2;
    const float  strength = (float)clamp(line_width, 0, 1);
    Point        low, high;
    Strip        strip;
    int          bottom;
    if (!bounds_of(points, count, half + 1, &low, &high) || !strip_start(image, low, high, &strip, &bottom)) {
        return;
    }
    for (; strip.y < bottom; strip.y += STRIP_ROWS) {
        strip_clear(&strip, bottom);
        for (size_t i = 0; i < count; i++) {
            if (!is_point(points[i])) {
                continue;
            }
            const bool joined = i > 0 && is_point(points[i - 1]), joins = i + 1 < count && is_point(points[i + 1]);
            if (joins) {
                strip_segment(&strip, points[i], points[i + 1], half, strength);
            } else if (!joined) {
                strip_segment(&strip, points[i], points[i], half, strength);
            }
        }
        strip_blend(image, &strip, colour);
    }
    free(strip.cells);
}

void image_line(Image *image, double x0, double y0, double x1, double y1, double line_width, Colour colour)
{
    const Point points[] = {{x0, y0}, {x1, y1}};
    image_polyline(image, points, 2, line_width, colour);
}

void image_disc(Image *image, double x, double y, double radius, Colour colour)
{
    const Point middle = {x, y};
    image_polyline(image, &middle, 1, 2 * radius, colour);
}

void image_mask(Image *image, int x, int y, const uint8_t *mask, int width, int height, Colour colour)
{
    for (int row = 0; row < height; row++) {
        if (y + row < image->clip_y0 || y + row >= image->clip_y1) {
            continue;
        }
        for (int column = 0; column < width; column++) {
            const uint8_t coverage = mask[(size_t)row * (size_t)width + (size_t)column];
            if (coverage > 0 && x + column >= image->clip_x0 && x + column < image->clip_x1) {
                blend(image, x + column, y + row, colour, (float)coverage / 255);
            }
        }
    }
}
