/* Canvas: what the screen shows, as cells in memory.
 *
 *     Canvas *canvas = canvas_new(80, 24);
 *     Area    all = canvas_area(canvas), inner = area_frame(all, "rewards", true, GLYPHS_BRAILLE);
 *     area_text(inner, 0, 0, INK_TEXT, 0, "step 12", SIZE_MAX);
 *     terminal_show(canvas);               // or canvas_write_text, picture_write
 *     canvas_free(canvas);
 *
 * Panes draw into an Area, a rectangle of the canvas; whatever lies outside of it
 * is cut off, so that no pane can reach another. Text may be any bytes (see
 * text.h): what a terminal would obey is shown, never kept. Colours are named by
 * what they mean; theme.h says what they look like.
 */
#ifndef RLSP_TUI_CANVAS_H
#define RLSP_TUI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tui/draw/text.h"

/* What drawing may use: braille and lines, blocks and lines, or ASCII alone. */
typedef enum Glyphs { GLYPHS_BRAILLE, GLYPHS_BLOCKS, GLYPHS_ASCII } Glyphs;

typedef enum Ink {
    INK_TEXT,
    INK_FAINT, /* secondary text, axes, raw curves behind smoothed ones */
    INK_TITLE,
    INK_BORDER,
    INK_FOCUS, /* border and title of the pane with the focus */
    INK_GOOD,  /* correct */
    INK_BAD,   /* wrong, errors */
    INK_WARN,
    INK_ACCENT, /* keys in help, the cursor's readings */
    INK_SERIES_0,
    INK_SERIES_1,
    INK_SERIES_2,
    INK_SERIES_3,
    INK_SERIES_4,
    INK_SERIES_5, /* curves, in order; six that stay apart for the colour-blind */
    INK_ATTEMPT,
    INK_REPEAT,
    INK_BACKTRACK,
    INK_CHECK,
    INK_VERDICT,
    INK_ANSWER,
    INK_WORDS, /* phrases that prove nothing */
    INK_MATCH, /* what a search found */
    INK_COUNT
} Ink;

enum { SERIES_INKS = 6 };

/* Beside the ink; any of them together. */
enum { ATTR_BOLD = 1, ATTR_DIM = 2, ATTR_REVERSE = 4, ATTR_UNDERLINE = 8 };

typedef struct Cell {
    uint32_t codes[CELL_CODES]; /* Unicode, 0-terminated if shorter; all 0 in the right half of a wide one */
    uint8_t  width;             /* columns: 1, 2; 0: right half of a wide character */
    uint8_t  ink;
    uint8_t  attrs;
} Cell;

typedef struct Canvas {
    int   width, height; /* at least 1 each */
    Cell *cells;         /* [height, width] */
} Canvas;

Canvas *canvas_new(int width, int height); /* blank; NULL when out of memory or far too large */
void    canvas_free(Canvas *canvas);       /* NULL is allowed */
void    canvas_clear(Canvas *canvas);

/* As text, `height` lines without trailing blanks. */
void canvas_write_text(const Canvas *canvas, FILE *out);

/* A rectangle of a canvas, wholly inside it; may be empty. */
typedef struct Area {
    Canvas *canvas;
    int     x, y, width, height;
} Area;

Area canvas_area(Canvas *canvas);
/* A part, in the area's own coordinates, cut to it. */
Area area_part(Area area, int x, int y, int width, int height);
/* Draws a border with a title into it and returns the inside. An area of fewer than 3 rows or 8 columns gets no
 * border: the area itself is the inside. A title that does not fit is cut. */
Area area_frame(Area area, const char *title, bool focused, Glyphs glyphs);

/* Writes text (sanitised, at most `bytes` of it, up to a NUL) on one row; a newline or
 * tab is a space. Returns the columns it took; stops at the right edge, where a wide
 * character that does not fit is left out. */
int area_text(Area area, int column, int row, Ink ink, int attrs, const char *text, size_t bytes);
/* The same, right-aligned: its last column is `column` - 1. */
int area_text_right(Area area, int column, int row, Ink ink, int attrs, const char *text);
int area_printf(Area area, int column, int row, Ink ink, int attrs, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* One character. A wide one needs two columns. Codes that are not printable are shown as U+FFFD or "?". */
void area_put(Area area, int column, int row, uint32_t code, Ink ink, int attrs);
void area_fill(Area area, uint32_t code, Ink ink, int attrs);

#endif
