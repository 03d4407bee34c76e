#include "tui/image/font_builtin.h"

#include <math.h>

#include <stb_easy_font.h>
#include <utf8proc.h>

/* What stb_easy_font_print writes for each corner of a rectangle. */
typedef struct Corner {
    float   x, y, z;
    uint8_t colour[4];
} Corner;

enum { MAX_RECTANGLES = 32 };

/* stb_easy_font's tables end with '~'. Of a letter with marks the letter is kept; of other signs a few have a
 * look-alike. */
static char ascii_of(uint32_t code)
{
    static const struct {
        uint32_t code;
        char     ascii;
    } alike[] = {
        {0xA0, ' '},   {0xB7, '.'},   {0xD7, 'x'},    {0x2010, '-'},  {0x2011, '-'}, {0x2012, '-'},
        {0x2013, '-'}, {0x2014, '-'}, {0x2018, '\''}, {0x2019, '\''}, {0x201C, '"'}, {0x201D, '"'},
        {0x2022, '*'}, {0x2026, '.'}, {0x2190, '<'},  {0x2192, '>'},  {0x2191, '^'}, {0x2193, 'v'},
        {0x2212, '-'}, {0x2248, '~'}, {0x25CF, '*'},  {0x25B6, '>'},  {0x2713, 'v'}, {0x2717, 'x'},
    };
    if (code >= 32 && code <= 126) {
        return (char)code;
    }
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        if (alike[i].code == code) {
            return alike[i].ascii;
        }
    }
    utf8proc_int32_t parts[8];
    int              last_class = 0;
    if (code < 0x110000 &&
        utf8proc_decompose_char((utf8proc_int32_t)code, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &last_class) >
            0 &&
        parts[0] >= 32 && parts[0] <= 126) {
        return (char)parts[0];
    }
    return '?';
}

double font_builtin_unit(double size)
{
    return fmax(1, floor(size / 9.5 * 2) / 2);
}

int font_builtin_advance(uint32_t code)
{
    char text[2] = {ascii_of(code), '\0'};
    return stb_easy_font_width(text);
}

bool font_builtin_outline(uint32_t code, double unit, Outline *outline)
{
    Corner    corners[4 * MAX_RECTANGLES];
    char      text[2]    = {ascii_of(code), '\0'};
    const int rectangles = stb_easy_font_print(0, -FONT_BUILTIN_CAPITAL, text, NULL, corners, sizeof corners);
    for (int i = 0; i < rectangles; i++) {
        if (!outline_add_ring(outline)) {
            return false;
        }
        for (int j = 0; j < 4; j++) {
            const Corner *corner = &corners[4 * i + j];
            if (!outline_add_point(outline, (Point){corner->x * unit, corner->y * unit})) {
                return false;
            }
        }
    }
    return true;
}
