#include "tui/image/picture.h"

#include <math.h>

#include <utf8proc.h>

#include "tui/draw/theme.h"
#include "tui/image/font.h"
#include "tui/image/picture_shapes.h"

enum { MIN_CELL = 6, MAX_CELL = 200 };

static const Colour ground = {0x12, 0x15, 0x1C, 1};

/* A canvas on its way to an image. */
typedef struct Painter {
    Image *image;
    Font  *font;
    double size; /* of the font, so that a line fills the cell's height */
    int    cell_width, cell_height, margin, baseline;
} Painter;

/* What an ink and its attributes come to. */
typedef struct Look {
    Colour front, back;
    bool   bold, underline, reverse;
} Look;

static uint8_t between(uint8_t a, uint8_t b, double share)
{
    return (uint8_t)(a + (b - a) * share + 0.5);
}

static Look look_of(const Cell *cell)
{
    const ThemeInk *ink   = theme_ink((Ink)cell->ink);
    const int       attrs = cell->attrs | ink->attrs;
    Colour          front = {ink->red, ink->green, ink->blue, 1};
    if (attrs & ATTR_DIM) {
        front = (Colour){between(front.red, ground.red, 0.4), between(front.green, ground.green, 0.4),
                         between(front.blue, ground.blue, 0.4), 1};
    }
    const bool reverse = attrs & ATTR_REVERSE;
    return (Look){.front     = reverse ? ground : front,
                  .back      = reverse ? front : ground,
                  .bold      = attrs & ATTR_BOLD,
                  .underline = attrs & ATTR_UNDERLINE,
                  .reverse   = reverse};
}

/* A base character and its marks as one character where Unicode has it; returns the number of codes. */
static int compose(const Cell *cell, uint32_t codes[CELL_CODES])
{
    utf8proc_int32_t buffer[CELL_CODES];
    int              count = 0;
    for (; count < CELL_CODES && cell->codes[count] != 0; count++) {
        buffer[count] = (utf8proc_int32_t)cell->codes[count];
    }
    if (count > 1) {
        const utf8proc_ssize_t composed = utf8proc_normalize_utf32(buffer, count, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        count                           = composed > 0 && composed <= count ? (int)composed : count;
    }
    for (int i = 0; i < count; i++) {
        codes[i] = (uint32_t)buffer[i];
    }
    return count;
}

static void paint_character(const Painter *painter, const Cell *cell, const Look *look, int x, int y)
{
    const int width = painter->cell_width * cell->width;
    uint32_t  codes[CELL_CODES];
    const int count = compose(cell, codes);
    if (count == 0 || codes[0] == ' ' ||
        picture_shape(painter->image, x, y, width, painter->cell_height, codes[0], look->front)) {
        return;
    }
    FontStyle    style = {.size = painter->size, .bold = look->bold, .colour = look->front};
    const double taken = font_code_width(painter->font, &style, codes[0]);
    if (taken > width + 1) { /* from another font: made to fit */
        style.size *= width / taken;
    }
    const double left = x + floor((width - fmin(taken, width)) / 2 + 0.5);
    for (int i = 0; i < count; i++) {
        /* Marks either have their place in a cell of their own, or none and look back. */
        const bool back = i > 0 && font_code_width(painter->font, &style, codes[i]) <= 0;
        font_draw_code(painter->font, painter->image, back ? left + taken : left, y + painter->baseline, &style,
                       codes[i]);
    }
}

static void paint_cell(const Painter *painter, const Canvas *canvas, int column, int row)
{
    const Cell *cell = &canvas->cells[(size_t)row * (size_t)canvas->width + (size_t)column];
    if (cell->width == 0) {
        return;
    }
    const Look look = look_of(cell);
    const int  x = painter->margin + column * painter->cell_width, y = painter->margin + row * painter->cell_height;
    const int  width = painter->cell_width * cell->width;
    if (look.reverse) {
        image_rectangle(painter->image, x, y, width, painter->cell_height, look.back);
    }
    paint_character(painter, cell, &look, x, y);
    if (look.underline) {
        const int line = painter->cell_height / 14 > 1 ? painter->cell_height / 14 : 1;
        const int at   = painter->baseline + line + 1;
        image_rectangle(painter->image, x, y + (at + line <= painter->cell_height ? at : painter->cell_height - line),
                        width, line, look.front);
    }
}

/* The size at which a line of the font is as high as a cell, and how wide that makes the cell. */
static void measure(Painter *painter, int cell_height)
{
    const double ascent = font_ascent(painter->font, 100), descent = font_descent(painter->font, 100);
    painter->size         = cell_height * 100 / (ascent + descent);
    const FontStyle style = {.size = painter->size};
    const double    width = font_code_width(painter->font, &style, 'M');
    const double    up = font_ascent(painter->font, painter->size), down = font_descent(painter->font, painter->size);
    painter->cell_height = cell_height;
    painter->cell_width  = width >= 2 ? (int)(width + 0.5) : 2;
    painter->baseline    = (int)floor((cell_height - up - down) / 2 + up + 0.5);
    painter->margin      = cell_height / 2;
}

static Status paint(Painter *painter, const Canvas *canvas, const char *path, Error *error)
{
    const long width  = (long)canvas->width * painter->cell_width + 2 * painter->margin;
    const long height = (long)canvas->height * painter->cell_height + 2 * painter->margin;
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || width * height > IMAGE_MAX_PIXELS) {
        return error_set(error, STATUS_FAILED,
                         "cannot write %s: a picture of %ld x %ld pixels is too large; use a smaller screen", path,
                         width, height);
    }
    painter->image = image_new((int)width, (int)height, ground);
    if (painter->image == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY,
                         "cannot write %s: out of memory for a picture of %ld x %ld pixels", path, width, height);
    }
    for (int row = 0; row < canvas->height; row++) {
        for (int column = 0; column < canvas->width; column++) {
            paint_cell(painter, canvas, column, row);
        }
    }
    const Status status = image_write(painter->image, path, error);
    image_free(painter->image);
    return status;
}

Status picture_write(const Canvas *canvas, int cell_height, const char *path, Error *error)
{
    Painter painter = {.font = font_open(FONT_MONOSPACED)};
    if (painter.font == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "cannot write %s: out of memory", path);
    }
    measure(&painter, cell_height < MIN_CELL ? MIN_CELL : cell_height > MAX_CELL ? MAX_CELL : cell_height);
    const Status status = paint(&painter, canvas, path, error);
    font_free(painter.font);
    return status;
}
