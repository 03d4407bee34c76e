/* Font: text on images, in a font of the system or a built-in one.
 *
 *     Font     *font  = font_open(FONT_PROPORTIONAL);
 *     FontStyle style = {.size = 16, .bold = true, .colour = {0, 0, 0, 1}};
 *     font_draw(font, image, 20, 40, &style, "mean reward");
 *     font_free(font);
 *
 * The environment variable RLSP_FONT names a font file (.ttf, .ttc) to use instead of the system's. If that file,
 * or all of the system's, are missing or damaged, the built-in font (stb_easy_font: ASCII, plain, readable) is used, so
 * that text is always there. Characters that a font lacks come from other fonts of the system, else a box stands for
 * them. Text may be any bytes: broken UTF-8 is shown as U+FFFD, control characters as blanks.
 */
#ifndef RLSP_TUI_FONT_H
#define RLSP_TUI_FONT_H

#include "tui/image/image.h"

typedef enum FontKind { FONT_MONOSPACED, FONT_PROPORTIONAL } FontKind;

typedef struct Font Font;

typedef struct FontStyle {
    double size; /* pixels per em, FONT_MIN_SIZE to FONT_MAX_SIZE; others are taken as the nearest */
    bool   bold;
    bool   upwards; /* from bottom to top, turned by a quarter: labels of y axes */
    Colour colour;
} FontStyle;

#define FONT_MIN_SIZE 4.0
#define FONT_MAX_SIZE 400.0

Font *font_open(FontKind kind); /* NULL when out of memory */
void  font_free(Font *font);    /* NULL is allowed */

/* Pixels above and below the baseline, and the height of a capital letter. */
double font_ascent(const Font *font, double size);
double font_descent(const Font *font, double size);
double font_capital(const Font *font, double size);

/* Pixels that a text takes along its line. */
double font_width(Font *font, const FontStyle *style, const char *text);
double font_code_width(Font *font, const FontStyle *style, uint32_t code);

/* Draws with the start of the baseline at (x, y); returns the width. A glyph for which there is no memory is left
 * out and remembered in the image. */
double font_draw(Font *font, Image *image, double x, double y, const FontStyle *style, const char *text);
double font_draw_code(Font *font, Image *image, double x, double y, const FontStyle *style, uint32_t code);

#endif
