/* Any bytes as text: glyphs cover them end to end and hold nothing that a terminal obeys, lines fit, and what is
 * drawn into an area stays in it. The first three bytes choose the width, the area and where in it. */
#include <stdlib.h>
#include <string.h>

#include "engine/utf8.h"
#include "tui/draw/canvas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void read_glyphs(const char *text, size_t size)
{
    TextReader reader  = text_reader(text, size);
    size_t     at      = 0;
    long       columns = 0;
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        require(glyph.length > 0 && glyph.offset + glyph.length <= size);
        require(glyph.offset == at || (glyph.escaped && glyph.offset + 1 == at));
        require(glyph.newline ? glyph.width == 0 && glyph.codes[0] == 0
                              : glyph.width > 0 && text_code_width(glyph.codes[0]) == glyph.width);
        for (int i = 1; i < CELL_CODES; i++) {
            require(glyph.codes[i] == 0 || (glyph.codes[i] >= 0x300 && text_code_width(glyph.codes[i]) == 0));
        }
        columns += glyph.newline ? 1 : glyph.width;
        at = glyph.offset + glyph.length;
    }
    require(at == size && text_width(text, size) == columns);
}

static void wrap(const char *text, size_t size, int width)
{
    size_t  count;
    size_t *starts = text_wrap(text, size, width, &count);
    if (starts == NULL) {
        return;
    }
    require(count > 0 && starts[0] == 0 && starts[count] == size);
    for (size_t i = 0; i < count; i++) {
        TextReader line    = text_reader(text + starts[i], starts[i + 1] - starts[i]);
        int        columns = 0, last = 0;
        require(starts[i] < starts[i + 1] || (size == 0 && count == 1));
        for (TextGlyph glyph; text_next(&line, &glyph);) {
            require(!glyph.newline || line.offset == line.length);
            last = glyph.newline ? last : glyph.codes[0] == ' ';
            columns += glyph.width;
        }
        require(columns <= width || columns <= 2 || (columns == width + 1 && last));
    }
    free(starts);
}

static void draw(const char *text, size_t size, int x, int column)
{
    Canvas *canvas = canvas_new(24, 4);
    char   *bytes  = NULL;
    size_t  length = 0;
    if (canvas == NULL) {
        return;
    }
    area_fill(canvas_area(canvas), '.', INK_FAINT, 0);
    const Area area = area_part(canvas_area(canvas), x, 1, 9, 2);
    area_text(area, column, 0, INK_TEXT, 0, text, size);
    area_text(area, 0, 1, INK_BAD, 0, text, size);
    for (int i = 0; i < canvas->width * canvas->height; i++) {
        const int at = i % canvas->width, row = i / canvas->width;
        require((row > 0 && row < 3 && at >= area.x && at < area.x + area.width) || canvas->cells[i].codes[0] == '.');
    }
    FILE *out = open_memstream(&bytes, &length);
    if (out != NULL) {
        canvas_write_text(canvas, out);
        fclose(out);
        require(utf8_check(bytes, length) == length);
        for (size_t i = 0; i < length; i++) {
            require(((unsigned char)bytes[i] >= 0x20 && bytes[i] != 0x7F) || bytes[i] == '\n');
        }
        free(bytes);
    }
    canvas_free(canvas);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    const size_t length = size - 3;
    char        *text   = malloc(length + (length == 0)); /* exactly as long: nothing past it may be read */
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 3, length);
    read_glyphs(text, length);
    wrap(text, length, 1 + data[0] % 40);
    draw(text, length, data[1] % 30 - 3, data[2] % 16 - 5);
    free(text);
    return 0;
}
