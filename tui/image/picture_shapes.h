/* Characters that a terminal draws itself, so that they join from cell to cell: lines (U+2500 to
 * U+257F), blocks (to U+259F) and braille (U+2800 to U+28FF). */
#ifndef RLSP_TUI_PICTURE_SHAPES_H
#define RLSP_TUI_PICTURE_SHAPES_H

#include "tui/image/image.h"

/* Draws `code` into the cell of width x height pixels at (x, y), cut to it; false: it is a character for a font. */
bool picture_shape(Image *image, int x, int y, int width, int height, uint32_t code, Colour colour);

#endif
