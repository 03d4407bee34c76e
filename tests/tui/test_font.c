/* Fonts: of the system and the built-in one; damaged files do no harm. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/random.h"
#include "tests/support/fixture.h"
#include "tests/support/image_ink.h"
#include "tui/image/font.h"
#include "tui/image/font_builtin.h"
#include "tui/image/font_file.h"
#include "tui/image/font_find.h"

static double text_ink(Font *font, const FontStyle *style, const char *text, double *width)
{
    Image *image     = image_new(600, 600, image_white);
    *width           = font_draw(font, image, 100, 300, style, text);
    const double sum = image_ink(image);
    assert_false(image->out_of_memory);
    image_free(image);
    return sum;
}

static void check_font(FontKind kind)
{
    Font        *font  = font_open(kind);
    FontStyle    style = {.size = 24, .colour = image_black}, bold = {.size = 24, .colour = image_black, .bold = true};
    double       width, bold_width, up_width;
    const char  *text  = "reward 0.25";
    const double plain = text_ink(font, &style, text, &width), thick = text_ink(font, &bold, text, &bold_width);
    assert_true(plain > 200 && thick > 1.15 * plain);
    assert_near(width, font_width(font, &style, text), 1e-6);
    assert_true(width > 80 && width < 240);
    assert_true(font_ascent(font, 24) > font_capital(font, 24) && font_capital(font, 24) > 8);
    assert_true(font_descent(font, 24) > 0);
    if (kind == FONT_MONOSPACED) {
        assert_near(font_code_width(font, &style, 'i'), font_code_width(font, &style, 'W'), 1e-6);
        assert_near(width, bold_width, 0.51);
    }
    style.upwards = true;
    assert_near(text_ink(font, &style, text, &up_width), plain, 0.02 * plain);
    assert_near(up_width, width, 1e-6);
    /* Anything may be asked for. */
    style.upwards = false;
    text_ink(font, &style, "\xff\xfe\x1b[31m\t\xe6\xbc\xa2 e\xcc\x81 \xf0\x9f\x99\x82 \xc2\xb7 \xe2\x80\x93", &width);
    style.size = NAN;
    text_ink(font, &style, text, &width);
    style.size = 1e9;
    text_ink(font, &style, text, &width);
    style.size = -3;
    text_ink(font, &style, text, &width);
    font_free(font);
}

static void test_fonts_of_the_system_and_the_built_in_one(void **state)
{
    (void)state;
    unsetenv("RLSP_FONT");
    check_font(FONT_MONOSPACED);
    check_font(FONT_PROPORTIONAL);
    setenv("RLSP_FONT", "/nowhere/none.ttf", 1);
    Font *font = font_open(FONT_MONOSPACED);
    assert_near(font_ascent(font, 24), FONT_BUILTIN_ABOVE * font_builtin_unit(24), 1e-9);
    font_free(font);
    check_font(FONT_MONOSPACED);
    check_font(FONT_PROPORTIONAL);
    unsetenv("RLSP_FONT");
}

static void test_text_stands_on_its_baseline(void **state)
{
    (void)state;
    for (int builtin = 0; builtin < 2; builtin++) {
        if (builtin) {
            setenv("RLSP_FONT", "/nowhere/none.ttf", 1);
        }
        Font  *font  = font_open(FONT_PROPORTIONAL);
        Image *image = image_new(200, 200, image_white);
        font_draw(font, image, 100, 100, &(FontStyle){.size = 40, .colour = image_black}, "H");
        int top = 200, bottom = -1, left = 200;
        for (int y = 0; y < 200; y++) {
            for (int x = 0; x < 200; x++) {
                if (image_grey(image, x, y) < 128) {
                    top    = y < top ? y : top;
                    bottom = y > bottom ? y : bottom;
                    left   = x < left ? x : left;
                }
            }
        }
        assert_in_range(bottom, 98, 100);
        assert_near(100 - top, font_capital(font, 40), 2);
        assert_in_range(left, 99, 108);
        image_free(image);
        font_free(font);
    }
    unsetenv("RLSP_FONT");
}

/* A TrueType font of this machine; the test is skipped where there is none. */
static char *some_font(size_t *bytes)
{
    const char *const names[] = {"DejaVuSans.ttf", "DejaVuSansMono.ttf", "LiberationSans-Regular.ttf", "Arial.ttf"};
    char             *paths[4], *text = NULL;
    font_find(names, 4, paths);
    for (int i = 0; i < 4; i++) {
        if (paths[i] != NULL && text == NULL) {
            text = fixture_text(paths[i], bytes);
        }
        free(paths[i]);
    }
    if (text == NULL) {
        skip();
    }
    return text;
}

/* Every glyph, and what every kind of character leads to. */
static void use_font(const char *path)
{
    FontFile *file = font_file_open(path, 0);
    if (file == NULL) {
        return;
    }
    Outline outline = {0};
    for (int glyph = 0; glyph < 400; glyph++) {
        font_file_advance(file, glyph);
        font_file_outline(file, glyph * 13, 30, &outline);
    }
    for (uint32_t code = 0; code < 0x11000; code += code < 0x500 ? 1 : 97) {
        font_file_glyph(file, code);
    }
    font_file_glyph(file, 0xFFFFFFFF);
    outline_free(&outline);
    font_file_close(file);
    setenv("RLSP_FONT", path, 1);
    Font     *font  = font_open(FONT_PROPORTIONAL);
    Image    *image = image_new(120, 40, image_white);
    FontStyle style = {.size = 20, .colour = image_black, .bold = true};
    font_draw(font, image, 5, 25, &style, "Hxgj0.5%\xc3\xa9\xc3\xa4\xe2\x88\x92");
    image_free(image);
    font_free(font);
    unsetenv("RLSP_FONT");
}

static void test_damaged_fonts_do_no_harm(void **state)
{
    (void)state;
    size_t      bytes;
    char       *whole = some_font(&bytes), *copy = malloc(bytes);
    const char *path   = fixture_path(fixture_directory(), "damaged.ttf");
    Random      random = random_stream(11, RANDOM_TEST, 0, 0);
    int         taken  = 0;
    for (int i = 0; i < 240; i++) {
        memcpy(copy, whole, bytes);
        size_t length = bytes;
        if (i % 4 == 0) { /* cut off */
            length = (size_t)(random_uniform(&random) * (double)bytes);
        } else if (i % 4 == 1) { /* in the header and the list of tables */
            for (int j = 0; j < 1 + i / 40; j++) {
                copy[(size_t)(random_uniform(&random) * 400)] = (char)(random_uniform(&random) * 256);
            }
        } else { /* anywhere */
            const int hits = i % 4 == 2 ? 2000 : 20000;
            for (int j = 0; j < hits; j++) {
                copy[400 + (size_t)(random_uniform(&random) * (double)(bytes - 400))] =
                    (char)(random_uniform(&random) * 256);
            }
        }
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(copy, 1, length, out), length);
        fclose(out);
        FontFile *file = font_file_open(path, i % 3);
        taken += file != NULL;
        font_file_close(file);
        use_font(path);
    }
    assert_true(taken > 20); /* or else the outlines have not been put to the test */
    assert_int_equal(file_write_atomic(path, whole, bytes, NULL), STATUS_OK);
    FontFile *sound = font_file_open(path, 0);
    assert_non_null(sound);
    for (uint32_t code = '!'; code <= '~'; code++) { /* checks that are too strict would leave letters out */
        Outline outline = {0};
        assert_true(font_file_outline(sound, font_file_glyph(sound, code), 20, &outline));
        assert_true(outline.count > 3);
        outline_free(&outline);
    }
    font_file_close(sound);
    free(copy);
    free(whole);
}

static uint32_t be(const char *at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | (uint8_t)at[i];
    }
    return value;
}

static size_t table(const char *font, const char *tag)
{
    for (uint32_t i = 0; i < be(font + 4, 2); i++) {
        if (memcmp(font + 12 + 16 * i, tag, 4) == 0) {
            return be(font + 12 + 16 * i + 8, 4);
        }
    }
    fail_msg("the font has no table %s", tag);
    return 0;
}

/* Random damage hardly ever meets these two: rings that end before they begin, and a glyph that is a part of itself. */
static void test_damaged_glyphs_are_refused(void **state)
{
    (void)state;
    size_t      bytes;
    char       *font = some_font(&bytes);
    const char *path = fixture_path(fixture_directory(), "glyph.ttf");
    FontFile   *file = NULL;
    assert_int_equal(file_write_atomic(path, font, bytes, NULL), STATUS_OK);
    assert_non_null(file = font_file_open(path, 0));
    const int glyph = font_file_glyph(file, 'o');
    font_file_close(file);
    const bool  wide = be(font + table(font, "head") + 50, 2) == 1;
    const char *loca = font + table(font, "loca") + (size_t)glyph * (wide ? 4 : 2);
    char       *at   = font + table(font, "glyf") + (wide ? be(loca, 4) : 2 * be(loca, 2));
    char        whole[16], *parts[] = {at + 10, at};
    /* The first ring of the two ends at point 200; or a glyph of parts, of which the first is itself, and more to come.
     */
    const char   damage[2][16] = {{0, (char)200},
                                  {-1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x22, (char)(glyph >> 8), (char)glyph, 0, 0}};
    const size_t sizes[]       = {2, 16};
    assert_int_equal(be(at, 2), 2); /* an o has two rings */
    for (int i = 0; i < 2; i++) {
        Outline outline = {0};
        memcpy(whole, parts[i], sizes[i]);
        memcpy(parts[i], damage[i], sizes[i]);
        assert_int_equal(file_write_atomic(path, font, bytes, NULL), STATUS_OK);
        memcpy(parts[i], whole, sizes[i]);
        assert_non_null(file = font_file_open(path, 0));
        assert_false(font_file_outline(file, glyph, 20, &outline));
        assert_int_equal(outline.count, 0);
        assert_true(font_file_outline(file, font_file_glyph(file, 'n'), 20, &outline)); /* the others are fine */
        outline_free(&outline);
        font_file_close(file);
    }
    free(font);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fonts_of_the_system_and_the_built_in_one),
        cmocka_unit_test(test_text_stands_on_its_baseline),
        cmocka_unit_test(test_damaged_fonts_do_no_harm),
        cmocka_unit_test(test_damaged_glyphs_are_refused),
    };
    return cmocka_run_group_tests_name("font", tests, NULL, NULL);
}
