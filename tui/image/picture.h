/* Picture: a canvas as a PNG, cell by cell, on a dark ground, as a terminal would show it. */
#ifndef RLSP_TUI_PICTURE_H
#define RLSP_TUI_PICTURE_H

#include "engine/error.h"
#include "tui/draw/canvas.h"

/* Writes `canvas` to `path` (atomically). Text is set in a monospaced system font (stb_truetype;
 * DejaVu Sans Mono, Liberation Mono, Menlo, … or RLSP_FONT), or in a built-in one where
 * there is none; braille, blocks and lines are drawn by hand, so that they always join. `cell_height` in pixels. */
Status picture_write(const Canvas *canvas, int cell_height, const char *path, Error *error);

#endif
