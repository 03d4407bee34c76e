/* Text of unknown origin, as columns of a terminal.
 *
 *     TextReader reader = text_reader(bytes, length);
 *     for (TextGlyph glyph; text_next(&reader, &glyph);) { … }
 *
 * Every byte is shown somehow and none is obeyed: control bytes become "^[" and
 * the like (two glyphs, `escaped`), C1 controls, bidirectional overrides and other format
 * characters and broken UTF-8 become U+FFFD (one per bad byte), a tab a space. Combining
 * characters join the glyph before them (at most CELL_CODES - 1); widths are
 * utf8proc's. In a locale that is not UTF-8 the terminal layer turns what is not ASCII into "?".
 */
#ifndef RLSP_TUI_TEXT_H
#define RLSP_TUI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CELL_CODES = 4 }; /* a base character and what combines with it */

typedef struct TextGlyph {
    uint32_t codes[CELL_CODES];
    int      width;          /* 1 or 2 */
    bool     newline;        /* a line break ("\n", "\r\n"); width 0 */
    bool     escaped;        /* stands for a control byte */
    size_t   offset, length; /* the bytes it stands for ("^[": both glyphs have the byte's) */
} TextGlyph;

typedef struct TextReader {
    const char *bytes;
    size_t      length, offset;
    uint32_t    pending; /* second glyph of an escaped control byte; 0: none */
} TextReader;

TextReader text_reader(const char *bytes, size_t length);
bool       text_next(TextReader *reader, TextGlyph *glyph);

/* Columns of a text on one line. */
int text_width(const char *bytes, size_t length);

/* Columns of one code point: 1 or 2; 0 where it is not printable or cannot stand alone (it combines). */
int text_code_width(uint32_t code);

/* Lines of a text in `width` columns, broken at newlines, else after the last space that
 * fits, else anywhere; a space behind a word that fills its line stays there, past the last column,
 * where area_text cuts it off. An empty text is one empty line. Line i is bytes [starts[i], starts[i + 1]);
 * starts[count] = length. Linear in the length; a new array, to be freed; NULL when out of memory. */
size_t *text_wrap(const char *bytes, size_t length, int width, size_t *count);

#endif
