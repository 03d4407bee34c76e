#include "tui/draw/chart_parts.h"

#include <stdlib.h>

void dots_of_cell(Glyphs glyphs, int *across, int *down)
{
    *across = glyphs == GLYPHS_BRAILLE ? 2 : 1;
    *down   = glyphs == GLYPHS_BRAILLE ? 4 : glyphs == GLYPHS_BLOCKS ? 2 : 3;
}

bool dots_new(Dots *dots, Area area, Glyphs glyphs)
{
    *dots = (Dots){.area = area, .glyphs = glyphs};
    dots_of_cell(glyphs, &dots->across, &dots->down);
    dots->width  = area.width * dots->across;
    dots->height = area.height * dots->down;
    if (area.width < 1 || area.height < 1) {
        return false;
    }
    dots->cells = calloc((size_t)area.width * (size_t)area.height, sizeof *dots->cells);
    return dots->cells != NULL;
}

void dots_free(Dots *dots)
{
    free(dots->cells);
    dots->cells = NULL;
}

static uint8_t bit_of(const Dots *dots, int x, int y)
{
    static const uint8_t braille[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
    return (uint8_t)(dots->glyphs == GLYPHS_BRAILLE ? braille[x][y] : 1 << y);
}

static void set_dots(Dots *dots, int column, int row, uint8_t mask, Pen pen)
{
    DotCell *cell = &dots->cells[row * dots->area.width + column];
    if (mask == 0 || pen.layer < cell->layer) {
        return;
    }
    *cell = (DotCell){.code  = pen.code,
                      .mask  = (uint8_t)(pen.layer == cell->layer ? cell->mask | mask : mask),
                      .layer = (uint8_t)pen.layer,
                      .ink   = (uint8_t)pen.ink,
                      .attrs = (uint8_t)pen.attrs};
}

/* A band is thin: two dots of a braille cell. */
static bool is_stippled(const Dots *dots, int x, int y)
{
    return dots->glyphs != GLYPHS_BRAILLE || y == (x == 0 ? 1 : 3);
}

void dots_run(Dots *dots, int column, int top, int bottom, Pen pen)
{
    if (column < 0 || column >= dots->width) {
        return;
    }
    const int x = column % dots->across;
    top         = top > 0 ? top : 0;
    bottom      = bottom < dots->height ? bottom : dots->height - 1;
    while (top <= bottom) {
        const int row  = top / dots->down;
        uint8_t   mask = 0;
        for (; top <= bottom && top / dots->down == row; top++) {
            if (pen.layer != LAYER_BAND || is_stippled(dots, x, top % dots->down)) {
                mask |= bit_of(dots, x, top % dots->down);
            }
        }
        set_dots(dots, column / dots->across, row, mask, pen);
    }
}

void dots_point(Dots *dots, int column, int row, Pen pen)
{
    if (column < 0 || column >= dots->width || row < 0 || row >= dots->height) {
        return;
    }
    /* in braille the four dots of one half of the cell */
    const int     x = column % dots->across, y = row % dots->down;
    const uint8_t mask = dots->glyphs != GLYPHS_BRAILLE ? bit_of(dots, x, y) : y < 2 ? 0x1B : 0xE4;
    set_dots(dots, column / dots->across, row / dots->down, mask, pen);
}

/* Blocks are those of the oldest consoles: halves and shades. */
static uint32_t code_of(const Dots *dots, const DotCell *cell)
{
    static const uint32_t halves[] = {' ', 0x2580, 0x2584, 0x2588};
    static const char     ascii[]  = " '-|_|||"; /* top, middle, bottom */
    if (cell->code != 0) {
        return cell->code;
    }
    switch (dots->glyphs) {
    case GLYPHS_BRAILLE: return 0x2800u + cell->mask;
    case GLYPHS_BLOCKS: return cell->layer == LAYER_BAND ? 0x2591 : halves[cell->mask & 3];
    default: return cell->layer == LAYER_BAND ? ':' : cell->layer == LAYER_RAW ? '.' : (uint32_t)ascii[cell->mask & 7];
    }
}

void dots_draw(const Dots *dots)
{
    for (int y = 0; y < dots->area.height; y++) {
        for (int x = 0; x < dots->area.width; x++) {
            const DotCell *cell = &dots->cells[y * dots->area.width + x];
            if (cell->mask != 0) {
                area_put(dots->area, x, y, code_of(dots, cell), (Ink)cell->ink, cell->attrs);
            }
        }
    }
}
