/* Image: a picture in memory, drawn with smooth edges and written as a PNG.
 *
 *     Image *image = image_new(800, 600, (Colour){255, 255, 255, 1});
 *     image_rectangle(image, 10, 10, 780, 2, (Colour){0, 0, 0, 1});
 *     image_polyline(image, points, count, 1.5, (Colour){0, 114, 178, 1});
 *     image_write(image, "reward.png", &error);
 *     image_free(image);
 *
 * Coordinates are pixels from the upper left corner; a pixel (x, y) is the square from (x, y) to (x + 1, y + 1).
 * Whatever lies outside of the clip rectangle is cut off. A shape is one shape: where a translucent line crosses
 * itself it is no darker. Drawing functions may run out of memory; the image then remembers it and image_write says so.
 */
#ifndef RLSP_TUI_IMAGE_H
#define RLSP_TUI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

enum { IMAGE_MAX_SIDE = 16384, IMAGE_MAX_PIXELS = 1 << 26 };

typedef struct Colour {
    uint8_t red, green, blue;
    float   alpha; /* 0 (nothing) to 1 (covers) */
} Colour;

typedef struct Point {
    double x, y;
} Point;

typedef struct Image {
    int      width, height;
    uint8_t *pixels;                             /* [height, width, 3]: red, green, blue */
    int      clip_x0, clip_y0, clip_x1, clip_y1; /* [x0, x1) x [y0, y1), inside the image */
    bool     out_of_memory;                      /* something could not be drawn         */
} Image;

/* Filled with `ground`. NULL when out of memory, or if a side or the number of pixels is out of range. */
Image *image_new(int width, int height, Colour ground);
void   image_free(Image *image); /* NULL is allowed */

/* What is drawn from now on is cut to this rectangle; image_unclip: to the whole image. */
void image_clip(Image *image, int x, int y, int width, int height);
void image_unclip(Image *image);

/* A filled rectangle; edges between pixels are shared out. */
void image_rectangle(Image *image, double x, double y, double width, double height, Colour colour);
/* A filled disc. */
void image_disc(Image *image, double x, double y, double radius, Colour colour);
void image_line(Image *image, double x0, double y0, double x1, double y1, double line_width, Colour colour);
/* Joined lines with round joins and ends. A point that is not finite, or 10^8 pixels away, is a gap; a point
 * alone is a dot. */
void image_polyline(Image *image, const Point *points, size_t count, double line_width, Colour colour);
/* A filled area with `contours` rings of sizes[i] points each, one after another in `points`; a ring inside another
 * that runs the other way round is a hole. Points that are not finite are left out. */
void image_polygon(Image *image, const Point *points, const size_t *sizes, size_t contours, Colour colour);
/* Colour through a mask of coverage [height, width], 0 to 255, with its upper left corner at (x, y). */
void image_mask(Image *image, int x, int y, const uint8_t *mask, int width, int height, Colour colour);

/* The coverage of a polygon as such a mask, [height, width]; false when out of memory. */
bool image_polygon_mask(const Point *points, const size_t *sizes, size_t contours, int width, int height,
                        uint8_t *mask);

/* Writes a PNG, complete or not at all. STATUS_FAILED if the file cannot be written (the text names it). */
Status image_write(const Image *image, const char *path, Error *error);

#endif
