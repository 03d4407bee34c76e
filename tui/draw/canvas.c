#include "tui/draw/canvas.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/utf8.h"

enum {
    REPLACEMENT = 0xFFFD,
    CELLS_MAX   = 1 << 24, /* far beyond any screen; what asks for more is a mistake */
};

static const Cell blank = {.codes = {' '}, .width = 1, .ink = INK_TEXT};

Canvas *canvas_new(int width, int height)
{
    width          = width > 1 ? width : 1;
    height         = height > 1 ? height : 1;
    Canvas *canvas = height <= CELLS_MAX / width ? calloc(1, sizeof *canvas) : NULL;
    if (canvas == NULL) {
        return NULL;
    }
    canvas->width  = width;
    canvas->height = height;
    canvas->cells  = calloc((size_t)canvas->width * (size_t)canvas->height, sizeof *canvas->cells);
    if (canvas->cells == NULL) {
        free(canvas);
        return NULL;
    }
    canvas_clear(canvas);
    return canvas;
}

void canvas_free(Canvas *canvas)
{
    if (canvas != NULL) {
        free(canvas->cells);
        free(canvas);
    }
}

void canvas_clear(Canvas *canvas)
{
    const size_t count = (size_t)canvas->width * (size_t)canvas->height;
    for (size_t i = 0; i < count; i++) {
        canvas->cells[i] = blank;
    }
}

/* --- areas */

Area canvas_area(Canvas *canvas)
{
    return (Area){canvas, 0, 0, canvas->width, canvas->height};
}

/* The overlap of [start, start + size) with [0, limit). */
static void cut(int *start, int *size, int limit)
{
    long long from = *start, to = from + (*size > 0 ? *size : 0);
    from   = from < 0 ? 0 : from > limit ? limit : from;
    to     = to > limit ? limit : to < from ? from : to;
    *start = (int)from;
    *size  = (int)(to - from);
}

Area area_part(Area area, int x, int y, int width, int height)
{
    cut(&x, &width, area.width);
    cut(&y, &height, area.height);
    return (Area){area.canvas, area.x + x, area.y + y, width, height};
}

/* A character whose other half is overwritten is gone; the half that is left is blank, even where it lies
 * outside of the area that is drawn into: half a character cannot be shown. */
static void clear_half(Canvas *canvas, int x, int y)
{
    if (x >= 0 && x < canvas->width) {
        Cell *cell = &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
        memcpy(cell->codes, blank.codes, sizeof cell->codes);
        cell->width = 1;
    }
}

/* Puts a character that is known to be printable; false: it does not lie wholly inside the area. */
static bool put(Area area, int column, int row, const Cell *cell)
{
    if (row < 0 || row >= area.height || column < 0 || column > area.width - cell->width) {
        return false;
    }
    Canvas   *canvas = area.canvas;
    const int x = area.x + column, y = area.y + row;
    Cell     *at = &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
    if (at->width == 0) {
        clear_half(canvas, x - 1, y);
    }
    if (at[cell->width - 1].width == 2) {
        clear_half(canvas, x + cell->width, y);
    }
    at[0] = *cell;
    if (cell->width == 2) {
        at[1] = (Cell){.width = 0, .ink = cell->ink, .attrs = cell->attrs};
    }
    return true;
}

static Cell cell_of(uint32_t code, Ink ink, int attrs)
{
    const int width = text_code_width(code);
    return (Cell){.codes = {width > 0 ? code : REPLACEMENT},
                  .width = (uint8_t)(width > 0 ? width : 1),
                  .ink   = (uint8_t)ink,
                  .attrs = (uint8_t)attrs};
}

void area_put(Area area, int column, int row, uint32_t code, Ink ink, int attrs)
{
    const Cell cell = cell_of(code, ink, attrs);
    put(area, column, row, &cell);
}

void area_fill(Area area, uint32_t code, Ink ink, int attrs)
{
    const Cell cell = cell_of(code, ink, attrs), rest = cell_of(' ', ink, attrs);
    for (int row = 0; row < area.height; row++) {
        for (int column = 0; column < area.width; column += cell.width) {
            put(area, column, row, column + cell.width <= area.width ? &cell : &rest);
        }
    }
}

int area_text(Area area, int column, int row, Ink ink, int attrs, const char *text, size_t bytes)
{
    if (row < 0 || row >= area.height || column >= area.width || bytes == 0) {
        return 0;
    }
    TextReader reader = text_reader(text, strnlen(text, bytes));
    long long  at     = column;
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        Cell cell = {.width = (uint8_t)glyph.width, .ink = (uint8_t)ink, .attrs = (uint8_t)attrs};
        memcpy(cell.codes, glyph.codes, sizeof cell.codes);
        if (glyph.newline) {
            cell.codes[0] = ' ';
            cell.width    = 1;
        }
        if (at + cell.width > area.width) {
            break;
        }
        put(area, (int)at, row, &cell); /* left of the area it is cut off */
        at += cell.width;
    }
    return (int)(at - column);
}

int area_text_right(Area area, int column, int row, Ink ink, int attrs, const char *text)
{
    const long long start = (long long)column - text_width(text, strlen(text));
    return area_text(area, start < INT_MIN ? INT_MIN : (int)start, row, ink, attrs, text, SIZE_MAX);
}

int area_printf(Area area, int column, int row, Ink ink, int attrs, const char *format, ...)
{
    char    room[512], *text = room;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(room, sizeof room, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return 0;
    }
    if ((size_t)length >= sizeof room && (text = malloc((size_t)length + 1)) != NULL) {
        va_start(arguments, format);
        vsnprintf(text, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    const int columns = area_text(area, column, row, ink, attrs, text != NULL ? text : room, SIZE_MAX);
    if (text != room) {
        free(text);
    }
    return columns;
}

/* The focus shows in the lines as well, for where there are no colours. */
typedef struct Border {
    uint32_t across, down, corners[4]; /* upper left and right, lower left and right */
} Border;

static const Border borders[][2] = {
    [GLYPHS_BRAILLE] = {{0x2500, 0x2502, {0x256D, 0x256E, 0x2570, 0x256F}},
                        {0x2501, 0x2503, {0x250F, 0x2513, 0x2517, 0x251B}}},
    [GLYPHS_BLOCKS]  = {{0x2500, 0x2502, {0x250C, 0x2510, 0x2514, 0x2518}},
                        {0x2550, 0x2551, {0x2554, 0x2557, 0x255A, 0x255D}}},
    [GLYPHS_ASCII]   = {{'-', '|', {'+', '+', '+', '+'}}, {'=', '|', {'#', '#', '#', '#'}}},
};

Area area_frame(Area area, const char *title, bool focused, Glyphs glyphs)
{
    if (area.height < 3 || area.width < 8) {
        return area;
    }
    const Border *border = &borders[glyphs][focused];
    const Ink     ink    = focused ? INK_FOCUS : INK_BORDER;
    const int     right = area.width - 1, bottom = area.height - 1;
    for (int column = 1; column < right; column++) {
        area_put(area, column, 0, border->across, ink, 0);
        area_put(area, column, bottom, border->across, ink, 0);
    }
    for (int row = 1; row < bottom; row++) {
        area_put(area, 0, row, border->down, ink, 0);
        area_put(area, right, row, border->down, ink, 0);
    }
    for (int i = 0; i < 4; i++) {
        area_put(area, i % 2 == 0 ? 0 : right, i < 2 ? 0 : bottom, border->corners[i], ink, 0);
    }
    if (title != NULL && title[0] != '\0') {
        const Area room  = area_part(area, 3, 0, area.width - 5, 1);
        const int  width = area_text(room, 0, 0, focused ? INK_FOCUS : INK_TITLE, ATTR_BOLD, title, SIZE_MAX);
        area_put(area, 2, 0, ' ', ink, 0);
        area_put(area, 3 + width, 0, ' ', ink, 0);
    }
    return area_part(area, 1, 1, area.width - 2, area.height - 2);
}

/* --- writing */

static bool is_space(const Cell *cell)
{
    return cell->width == 1 && cell->codes[0] == ' ' && cell->codes[1] == 0;
}

/* Cells are open to everybody: what a terminal would obey is not written, whoever put it there. */
static void write_codes(const Cell *cell, FILE *out)
{
    for (int i = 0; i < CELL_CODES && cell->codes[i] != 0; i++) {
        const uint32_t code = cell->codes[i];
        const bool     unsafe =
            code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF;
        char bytes[4];
        fwrite(bytes, 1, utf8_encode(unsafe ? REPLACEMENT : code, bytes), out);
    }
}

void canvas_write_text(const Canvas *canvas, FILE *out)
{
    for (int y = 0; y < canvas->height; y++) {
        const Cell *row = canvas->cells + (size_t)y * (size_t)canvas->width;
        int         end = canvas->width;
        while (end > 0 && is_space(&row[end - 1])) {
            end--;
        }
        for (int x = 0; x < end; x++) {
            write_codes(&row[x], out);
        }
        fputc('\n', out);
    }
}
