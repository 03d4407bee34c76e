#include "tui/draw/text.h"

#include <limits.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "engine/utf8.h"

enum {
    REPLACEMENT   = 0xFFFD,
    DOTTED_CIRCLE = 0x25CC, /* carries a combining character that has nothing to join */
    MARKS_MAX     = CELL_CODES - 1,
};

TextReader text_reader(const char *bytes, size_t length)
{
    return (TextReader){.bytes = bytes, .length = length};
}

/* The code point at the reader's offset, and its bytes; false if they are not UTF-8. */
static bool decode(const TextReader *reader, uint32_t *code, size_t *bytes)
{
    const char         *text   = reader->bytes + reader->offset;
    const unsigned char lead   = (unsigned char)text[0];
    const size_t        length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > reader->length - reader->offset || utf8_check(text, length) < length) {
        return false;
    }
    *bytes = 0;
    *code  = utf8_next(text, length, bytes);
    return true;
}

/* These only choose how the character before them looks, and terminals disagree about the width that makes. */
static bool is_variation_selector(uint32_t code)
{
    return (code >= 0xFE00 && code <= 0xFE0F) || (code >= 0xE0100 && code <= 0xE01EF);
}

/* What a terminal would obey, hide or not know the width of. */
static bool is_unprintable(uint32_t code)
{
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return false;
    }
}

static bool is_mark(uint32_t code)
{
    return !is_unprintable(code) && utf8proc_charwidth((utf8proc_int32_t)code) == 0;
}

int text_code_width(uint32_t code)
{
    if (code < 0x7F) {
        return code >= 0x20;
    }
    if (code > 0x10FFFF || is_unprintable(code) || is_mark(code)) {
        return 0;
    }
    return utf8proc_charwidth((utf8proc_int32_t)code) == 2 ? 2 : 1;
}

/* Takes the combining characters at the reader's offset into the glyph: no more than fit into a cell. */
static void join_marks(TextReader *reader, TextGlyph *glyph)
{
    uint32_t code;
    size_t   bytes;
    int      stored = 1, marks = 0;
    while (marks < MARKS_MAX && reader->offset < reader->length &&
           (unsigned char)reader->bytes[reader->offset] >= 0x80 && decode(reader, &code, &bytes) && is_mark(code)) {
        if (!is_variation_selector(code)) {
            glyph->codes[stored++] = code;
        }
        marks++;
        reader->offset += bytes;
    }
}

static void next_control(TextReader *reader, TextGlyph *glyph, unsigned char byte)
{
    reader->offset++;
    glyph->width    = 1;
    glyph->codes[0] = ' ';
    if (byte == '\r' && reader->offset < reader->length && reader->bytes[reader->offset] == '\n') {
        reader->offset++;
        byte = '\n';
    }
    if (byte == '\n') {
        glyph->newline  = true;
        glyph->width    = 0;
        glyph->codes[0] = 0;
    } else if (byte != '\t') {
        glyph->escaped  = true;
        glyph->codes[0] = '^';
        reader->pending = byte ^ 0x40;
    }
}

static void next_character(TextReader *reader, TextGlyph *glyph)
{
    uint32_t code;
    size_t   bytes;
    glyph->width = 1;
    if (!decode(reader, &code, &bytes)) {
        glyph->codes[0] = REPLACEMENT;
        reader->offset++;
        return;
    }
    if (is_unprintable(code) || is_variation_selector(code)) {
        glyph->codes[0] = REPLACEMENT;
        reader->offset += bytes;
        return;
    }
    if (is_mark(code)) {
        glyph->codes[0] = DOTTED_CIRCLE;
        join_marks(reader, glyph);
        return;
    }
    glyph->codes[0] = code;
    glyph->width    = text_code_width(code);
    reader->offset += bytes;
    join_marks(reader, glyph);
}

bool text_next(TextReader *reader, TextGlyph *glyph)
{
    *glyph = (TextGlyph){.offset = reader->offset};
    if (reader->pending != 0) {
        *glyph = (TextGlyph){
            .codes = {reader->pending}, .width = 1, .escaped = true, .offset = reader->offset - 1, .length = 1};
        reader->pending = 0;
        return true;
    }
    if (reader->offset >= reader->length) {
        return false;
    }
    const unsigned char byte = (unsigned char)reader->bytes[reader->offset];
    if (byte < 0x20 || byte == 0x7F) {
        next_control(reader, glyph, byte);
    } else {
        next_character(reader, glyph);
    }
    glyph->length = reader->offset - glyph->offset;
    return true;
}

int text_width(const char *bytes, size_t length)
{
    TextReader reader = text_reader(bytes, length);
    int        width  = 0;
    for (TextGlyph glyph; width < INT_MAX - 2 && text_next(&reader, &glyph);) {
        width += glyph.newline ? 1 : glyph.width;
    }
    return width;
}

/* --- lines */

typedef struct Lines {
    size_t *starts;
    size_t  count, capacity;
} Lines;

static bool add_start(Lines *lines, size_t start)
{
    if (lines->count == lines->capacity) {
        const size_t capacity = lines->capacity > 0 ? 2 * lines->capacity : 16;
        size_t      *more     = realloc(lines->starts, capacity * sizeof *more);
        if (more == NULL) {
            return false;
        }
        lines->starts   = more;
        lines->capacity = capacity;
    }
    lines->starts[lines->count++] = start;
    return true;
}

/* A line that is being filled. */
typedef struct Line {
    size_t start, space;           /* its first byte; the one behind its last space, or `start` */
    int    columns, space_columns; /* of what is in it; of what is before `space` */
} Line;

/* A space may stand past the last column, where it is not seen: the word before it filled the line. */
static bool has_room(const Line *line, int width, int columns, bool blank)
{
    return line->columns + columns <= width || (blank && line->columns == width);
}

size_t *text_wrap(const char *bytes, size_t length, int width, size_t *count)
{
    TextReader reader = text_reader(bytes, length);
    Lines      lines  = {NULL, 0, 0};
    Line       line   = {0, 0, 0, 0};
    bool       ok     = add_start(&lines, 0);
    for (TextGlyph glyph; ok && text_next(&reader, &glyph);) {
        const size_t end = glyph.offset + glyph.length;
        if (glyph.newline) {
            line = (Line){end, end, 0, 0};
            ok   = end == length || add_start(&lines, end);
            continue;
        }
        const bool blank   = glyph.codes[0] == ' ' && glyph.codes[1] == 0;
        int        columns = glyph.width;
        if (reader.pending != 0) { /* both glyphs of a control byte stay together */
            text_next(&reader, &glyph);
            columns += glyph.width;
        }
        while (ok && glyph.offset > line.start && !has_room(&line, width, columns, blank)) {
            const bool at_space = line.space > line.start;
            line                = at_space ? (Line){line.space, line.space, line.columns - line.space_columns, 0}
                                           : (Line){glyph.offset, glyph.offset, 0, 0};
            ok                  = add_start(&lines, line.start);
        }
        line.columns += columns;
        if (blank) {
            line.space         = end;
            line.space_columns = line.columns;
        }
    }
    *count = lines.count;
    if (!ok || !add_start(&lines, length)) {
        free(lines.starts);
        *count = 0;
        return NULL;
    }
    return lines.starts;
}
