/* The font that is always there: stb_easy_font, ASCII made of small rectangles. */
#ifndef RLSP_TUI_FONT_BUILTIN_H
#define RLSP_TUI_FONT_BUILTIN_H

#include "tui/image/font_file.h"

/* In the font's own units: FONT_BUILTIN_ABOVE above the baseline, FONT_BUILTIN_BELOW below it. */
enum { FONT_BUILTIN_ABOVE = 9, FONT_BUILTIN_BELOW = 3, FONT_BUILTIN_CAPITAL = 7, FONT_BUILTIN_CELL = 7 };

/* Pixels per unit at a size in pixels per em: whole and half ones, so that letters stay crisp. */
double font_builtin_unit(double size);
/* Units that a character takes. Those beyond ASCII look like their nearest ASCII character, or "?". */
int font_builtin_advance(uint32_t code);
/* As font_file_outline, with `unit` pixels per unit. */
bool font_builtin_outline(uint32_t code, double unit, Outline *outline);

#endif
