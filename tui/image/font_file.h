/* FontFile: the outlines of one TrueType font, read from a file that may be damaged.
 *
 *     FontFile *file = font_file_open("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 0);
 *     int       glyph = font_file_glyph(file, 'a');
 *     Outline   outline = {0};
 *     if (font_file_outline(file, glyph, 16, &outline)) …
 *     outline_free(&outline);
 *     font_file_close(file);
 *
 * stb_truetype does the reading, and believes what a font says; so everything that could lead it astray is checked
 * before. Only fonts with TrueType outlines (.ttf, .ttc) are taken.
 */
#ifndef RLSP_TUI_FONT_FILE_H
#define RLSP_TUI_FONT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/image/outline.h"

typedef struct FontFile FontFile;

/* NULL if the file is missing, too large, damaged or of another kind, or when out of memory. `index`: which
 * font of a collection; one that is not there is the first. */
FontFile *font_file_open(const char *path, int index);
void      font_file_close(FontFile *file); /* NULL is allowed */

/* Above and below the baseline, both positive, and the advance of a glyph: shares of an em. */
double font_file_ascent(const FontFile *file);
double font_file_descent(const FontFile *file);
double font_file_advance(const FontFile *file, int glyph);

/* The glyph of a character; 0: the font has none. */
int font_file_glyph(const FontFile *file, uint32_t code);

/* Appends a glyph set in `pixels` per em to *outline (which starts out as zeros); false, with nothing
 * appended, if it is damaged or memory ran out. An empty glyph (a blank) appends nothing. */
bool font_file_outline(const FontFile *file, int glyph, double pixels, Outline *outline);

#endif
