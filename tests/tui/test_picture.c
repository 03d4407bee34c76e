/* Pictures of a canvas: what lies in which cell is seen there, in its colours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "tests/support/fixture.h"
#include "tests/support/png.h"
#include "tui/draw/theme.h"
#include "tui/image/picture.h"

enum { CELL = 20, MARGIN = CELL / 2 };

/* A written picture, and where its cells are. */
typedef struct Shot {
    Png png;
    int cell_width;
} Shot;

static Shot shoot(const Canvas *canvas)
{
    const char *path  = fixture_path(fixture_directory(), "shot.png");
    Error       error = {0};
    if (picture_write(canvas, CELL, path, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    Shot shot       = {.png = png_read(path)};
    shot.cell_width = (shot.png.width - 2 * MARGIN) / canvas->width;
    assert_int_equal(shot.png.width, 2 * MARGIN + canvas->width * shot.cell_width);
    assert_int_equal(shot.png.height, 2 * MARGIN + canvas->height * CELL);
    assert_in_range(shot.cell_width, 8, 14);
    return shot;
}

/* The colour at a place in a cell, given in shares of its size. */
static uint32_t at(const Shot *shot, int column, int row, double x, double y)
{
    return png_pixel(&shot->png, MARGIN + column * shot->cell_width + (int)(x * shot->cell_width),
                     MARGIN + row * CELL + (int)(y * CELL));
}

static int count(const Shot *shot, int column, int row, int columns, uint32_t colour)
{
    return png_count(&shot->png, MARGIN + column * shot->cell_width, MARGIN + row * CELL, columns * shot->cell_width,
                     CELL, colour);
}

static uint32_t colour_of(Ink ink)
{
    const ThemeInk *look = theme_ink(ink);
    return (uint32_t)look->red << 16 | (uint32_t)look->green << 8 | look->blue;
}

static void test_words_have_their_colour_and_weight(void **state)
{
    (void)state;
    Canvas *canvas = canvas_new(40, 6);
    Area    all    = canvas_area(canvas);
    area_text(all, 2, 0, INK_BAD, 0, "MMMMMM", SIZE_MAX);
    area_text(all, 2, 1, INK_BAD, ATTR_BOLD, "MMMMMM", SIZE_MAX);
    area_text(all, 2, 2, INK_BAD, ATTR_DIM, "MMMMMM", SIZE_MAX);
    area_text(all, 2, 3, INK_BAD, ATTR_REVERSE, "      ", SIZE_MAX);
    area_text(all, 2, 4, INK_BAD, ATTR_UNDERLINE, "      ", SIZE_MAX);
    const Shot     shot   = shoot(canvas);
    const uint32_t ground = png_pixel(&shot.png, 0, 0), red = colour_of(INK_BAD);
    assert_true((ground >> 16) < 0x30 && (ground & 0xFF) < 0x30); /* dark */
    const int plain = count(&shot, 2, 0, 6, red), bold = count(&shot, 2, 1, 6, red);
    assert_true(plain > 30);
    assert_true(bold > plain);
    assert_true(count(&shot, 2, 0, 6, ground) > plain);
    assert_int_equal(count(&shot, 2, 2, 6, red), 0); /* dim: darker, yet not gone */
    assert_true(count(&shot, 2, 2, 6, ground) < 6 * CELL * shot.cell_width - 100);
    assert_int_equal(count(&shot, 2, 3, 6, red), 6 * CELL * shot.cell_width);
    assert_true(count(&shot, 2, 4, 6, red) >= 6 * shot.cell_width);
    assert_int_equal(count(&shot, 2, 5, 6, ground), 6 * CELL * shot.cell_width);
    assert_int_equal(count(&shot, 8, 0, 30, ground), 30 * CELL * shot.cell_width); /* right of the words */
    Png png = shot.png;
    png_free(&png);
    canvas_free(canvas);
}

static void test_each_braille_dot_is_in_its_place(void **state)
{
    (void)state;
    static const int columns[8] = {0, 0, 0, 1, 1, 1, 0, 1}, rows[8] = {0, 1, 2, 0, 1, 2, 3, 3};
    Canvas          *canvas = canvas_new(10, 1);
    for (int i = 0; i < 8; i++) {
        area_put(canvas_area(canvas), i, 0, 0x2800u + (1u << i), INK_SERIES_0, 0);
    }
    const Shot     shot   = shoot(canvas);
    const uint32_t ground = png_pixel(&shot.png, 0, 0), blue = colour_of(INK_SERIES_0);
    for (int i = 0; i < 8; i++) {
        for (int dot = 0; dot < 8; dot++) {
            const uint32_t seen = at(&shot, i, 0, (columns[dot] + 0.5) / 2, (rows[dot] + 0.5) / 4);
            assert_int_equal(seen, dot == i ? blue : ground);
        }
    }
    Png png = shot.png;
    png_free(&png);
    canvas_free(canvas);
}

static void test_lines_join_from_cell_to_cell(void **state)
{
    (void)state;
    static const char *const rows[2][3] = {{"┌──┐", "│  │", "└──┘"}, {"╭──╮", "│  │", "╰──╯"}};
    for (int kind = 0; kind < 2; kind++) {
        Canvas *canvas = canvas_new(4, 3);
        for (int row = 0; row < 3; row++) {
            area_text(canvas_area(canvas), 0, row, INK_TEXT, 0, rows[kind][row], SIZE_MAX);
        }
        const Shot     shot = shoot(canvas);
        const uint32_t text = colour_of(INK_TEXT);
        const int      left = MARGIN + (shot.cell_width - 1) / 2, top = MARGIN + (CELL - 1) / 2;
        const int      right = left + 3 * shot.cell_width, bottom = top + 2 * CELL, bend = shot.cell_width / 2 + 1;
        for (int x = left + bend; x <= right - bend; x++) { /* straight between the corners, without a gap */
            assert_int_equal(png_pixel(&shot.png, x, top), text);
            assert_int_equal(png_pixel(&shot.png, x, bottom), text);
        }
        for (int y = top + bend; y <= bottom - bend; y++) {
            assert_int_equal(png_pixel(&shot.png, left, y), text);
            assert_int_equal(png_pixel(&shot.png, right, y), text);
        }
        assert_int_equal(png_pixel(&shot.png, left, top) == text, kind == 0); /* the round corner is cut */
        assert_int_equal(png_pixel(&shot.png, left + 4, top + 4), png_pixel(&shot.png, 0, 0)); /* empty inside */
        Png png = shot.png;
        png_free(&png);
        canvas_free(canvas);
    }
}

static void test_blocks_fill_their_part(void **state)
{
    (void)state;
    Canvas *canvas = canvas_new(6, 2);
    area_text(canvas_area(canvas), 0, 0, INK_GOOD, 0, "█▄▌▘░▁", SIZE_MAX);
    area_text(canvas_area(canvas), 0, 1, INK_GOOD, 0, "█", SIZE_MAX);
    const Shot     shot   = shoot(canvas);
    const uint32_t ground = png_pixel(&shot.png, 0, 0), green = colour_of(INK_GOOD);
    const int      whole = CELL * shot.cell_width;
    assert_int_equal(count(&shot, 0, 0, 1, green), whole);
    assert_int_equal(count(&shot, 0, 1, 1, green), whole);
    assert_int_equal(count(&shot, 1, 0, 1, green), whole / 2);
    assert_int_equal(at(&shot, 1, 0, 0.5, 0.4), ground);
    assert_int_equal(at(&shot, 1, 0, 0.5, 0.6), green);
    assert_int_equal(at(&shot, 2, 0, 0.3, 0.5), green);
    assert_int_equal(at(&shot, 2, 0, 0.7, 0.5), ground);
    assert_int_equal(at(&shot, 3, 0, 0.2, 0.2), green);
    assert_int_equal(at(&shot, 3, 0, 0.8, 0.2), ground);
    assert_int_equal(at(&shot, 3, 0, 0.2, 0.8), ground);
    const uint32_t shade = at(&shot, 4, 0, 0.5, 0.5);
    assert_true(shade != green && shade != ground);
    assert_int_equal(at(&shot, 5, 0, 0.5, 0.8), ground);
    assert_int_equal(at(&shot, 5, 0, 0.5, 0.95), green);
    Png png = shot.png;
    png_free(&png);
    canvas_free(canvas);
}

/* Every line, block, braille and many other characters stay inside their cells. */
static void test_characters_stay_in_their_cells(void **state)
{
    (void)state;
    Canvas *canvas = canvas_new(64, 32);
    for (int i = 0; i < 512; i++) {
        const uint32_t code = i < 160   ? 0x2500u + (uint32_t)i
                              : i < 416 ? 0x2800u + (uint32_t)(i - 160)
                                        : 0x2190u + (uint32_t)i;
        area_put(canvas_area(canvas), 4 * (i % 16), i / 16, code, INK_TEXT, 0);
    }
    const Shot     shot   = shoot(canvas);
    const uint32_t ground = png_pixel(&shot.png, 0, 0);
    int            drawn  = 0;
    for (int i = 0; i < 416; i++) { /* drawn by hand: not a pixel beside */
        assert_int_equal(count(&shot, 4 * (i % 16) + 1, i / 16, 3, ground), 3 * CELL * shot.cell_width);
        drawn += count(&shot, 4 * (i % 16), i / 16, 1, ground) < CELL * shot.cell_width;
    }
    assert_int_equal(drawn, 415); /* all but the empty braille cell */
    for (int i = 416; i < 512; i++) {
        assert_int_equal(count(&shot, 4 * (i % 16) + 2, i / 16, 1, ground), CELL * shot.cell_width);
    }
    Png png = shot.png;
    png_free(&png);
    canvas_free(canvas);
}

static void test_same_canvas_same_bytes_any_font(void **state)
{
    (void)state;
    Canvas *canvas = canvas_new(30, 4);
    area_text(area_frame(canvas_area(canvas), "reward", true, GLYPHS_BRAILLE), 0, 0, INK_TEXT, 0,
              "漢字 e\xcc\x81 0.25 ✓", SIZE_MAX);
    const char *directory = fixture_directory();
    for (int builtin = 0; builtin < 2; builtin++) {
        if (builtin) {
            setenv("RLSP_FONT", "/nowhere/none.ttf", 1);
        }
        size_t      bytes[2];
        char       *files[2];
        const char *names[2] = {"a.png", "b.png"};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(picture_write(canvas, 18, fixture_path(directory, names[i]), NULL), STATUS_OK);
            files[i] = fixture_text(fixture_path(directory, names[i]), &bytes[i]);
        }
        assert_int_equal(bytes[0], bytes[1]);
        assert_memory_equal(files[0], files[1], bytes[0]);
        const Shot shot = shoot(canvas);
        assert_true(count(&shot, 1, 1, 20, colour_of(INK_TEXT)) > 20); /* text is there with any font */
        Png png = shot.png;
        png_free(&png);
        free(files[0]);
        free(files[1]);
    }
    unsetenv("RLSP_FONT");
    canvas_free(canvas);
}

static void test_what_cannot_be_written_is_said(void **state)
{
    (void)state;
    const char *directory = fixture_directory();
    Canvas     *canvas    = canvas_new(10, 2);
    Error       error     = {0};
    assert_int_equal(picture_write(canvas, 20, fixture_path(directory, "none/shot.png"), &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "none/shot.png"));
    assert_int_equal(picture_write(canvas, -5, fixture_path(directory, "small.png"), NULL), STATUS_OK);
    canvas_free(canvas);
    canvas = canvas_new(2000, 500);
    error  = (Error){0};
    assert_int_equal(picture_write(canvas, 40, fixture_path(directory, "large.png"), &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "too large"));
    assert_false(file_exists(fixture_path(directory, "large.png")));
    canvas_free(canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_have_their_colour_and_weight),
        cmocka_unit_test(test_each_braille_dot_is_in_its_place),
        cmocka_unit_test(test_lines_join_from_cell_to_cell),
        cmocka_unit_test(test_blocks_fill_their_part),
        cmocka_unit_test(test_characters_stay_in_their_cells),
        cmocka_unit_test(test_same_canvas_same_bytes_any_font),
        cmocka_unit_test(test_what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
