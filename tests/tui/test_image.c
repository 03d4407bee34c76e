/* Images: shapes cover what they should, PNGs read back, fonts that are missing or damaged do no harm. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/random.h"
#include "tests/support/fixture.h"
#include "tests/support/png.h"
#include "tui/image/font.h"
#include "tui/image/font_file.h"
#include "tui/image/font_find.h"
#include "tui/image/image.h"

static const Colour white = {255, 255, 255, 1}, black = {0, 0, 0, 1}, half_black = {0, 0, 0, 0.5f};

static void assert_near(double found, double wanted, double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance)) {
        fail_msg("%g, wanted %g", found, wanted);
    }
}

static int grey(const Image *image, int x, int y)
{
    return image->pixels[3 * ((size_t)y * (size_t)image->width + (size_t)x)];
}

/* How much of the image is black, in pixels. */
static double ink(const Image *image)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height; i++) {
        sum += (255 - image->pixels[3 * i]) / 255.0;
    }
    return sum;
}

static void test_rectangles_cover_their_share(void **state)
{
    (void)state;
    Image *image = image_new(40, 200, white);
    image_rectangle(image, 10, 20, 5, 150, black); /* longer than a strip */
    assert_int_equal(grey(image, 9, 20), 255);
    assert_int_equal(grey(image, 10, 20), 0);
    assert_int_equal(grey(image, 14, 169), 0);
    assert_int_equal(grey(image, 15, 169), 255);
    assert_int_equal(grey(image, 12, 19), 255);
    assert_int_equal(grey(image, 12, 170), 255);
    assert_near(ink(image), 5 * 150, 1e-6);
    image_rectangle(image, 30.5, 3.25, 2, 1.5, black); /* a quarter, three quarters … of each pixel */
    assert_int_equal(grey(image, 30, 3), 159);
    assert_int_equal(grey(image, 31, 3), 64);
    assert_int_equal(grey(image, 32, 4), 159);
    image_rectangle(image, 20, 100, 4, 4, half_black);
    assert_int_equal(grey(image, 21, 101), 128);
    image_free(image);
}

static void test_polygons_have_holes_and_their_area(void **state)
{
    (void)state;
    Image       *image   = image_new(100, 100, white);
    const Point  rings[] = {{10, 10}, {90, 10}, {90, 90}, {10, 90}, {30, 30}, {30, 70}, {70, 70}, {70, 30}};
    const size_t sizes[] = {4, 4};
    image_polygon(image, rings, sizes, 2, black);
    assert_int_equal(grey(image, 50, 50), 255);
    assert_int_equal(grey(image, 20, 50), 0);
    assert_near(ink(image), 80 * 80 - 40 * 40, 1e-6);
    image_free(image);

    image = image_new(100, 100, white);
    Point        circle[200];
    const size_t size = 200;
    for (int i = 0; i < 200; i++) {
        circle[i] = (Point){50 + 40 * cos(i * 6.283185307 / 200), 50 + 40 * sin(i * 6.283185307 / 200)};
    }
    image_polygon(image, circle, &size, 1, black);
    assert_near(ink(image), 3.14159265 * 1600, 12); /* rounded to 256 greys at its edge */
    image_free(image);
}

static void test_lines_have_their_width_and_are_one_shape(void **state)
{
    (void)state;
    Image *image = image_new(120, 120, white);
    image_line(image, 10, 30.5, 110, 30.5, 3, black);
    for (int y = 29; y <= 31; y++) {
        assert_int_equal(grey(image, 60, y), 0);
    }
    assert_int_equal(grey(image, 60, 28), 255);
    assert_int_equal(grey(image, 60, 32), 255);
    image_free(image);

    image = image_new(120, 120, white);
    image_line(image, 10, 10, 110, 110, 4, black);
    assert_near(ink(image), 4 * 100 * sqrt(2) + 3.1416 * 4, 12); /* and its round ends */
    image_free(image);

    image                  = image_new(120, 120, white);
    const Point crossing[] = {{10, 60.5}, {110, 60.5}, {60.5, 10}, {60.5, 110}};
    image_polyline(image, crossing, 4, 5, half_black);
    assert_int_equal(grey(image, 60, 60), 128); /* no darker where it crosses itself */
    assert_int_equal(grey(image, 30, 60), 128);
    image_free(image);

    /* A line is as smooth in a thousand pieces as in one. */
    Image *whole = image_new(120, 120, white), *pieces = image_new(120, 120, white);
    Point  along[1001];
    for (int i = 0; i <= 1000; i++) {
        along[i] = (Point){10 + i * 0.1, 20 + i * 0.037};
    }
    image_line(whole, 10, 20, 110, 57, 2.5, black);
    image_polyline(pieces, along, 1001, 2.5, black);
    for (int i = 0; i < 120 * 120; i++) {
        assert_in_range(grey(whole, i % 120, i / 120) - grey(pieces, i % 120, i / 120) + 10, 8, 12);
    }
    image_free(whole);
    image_free(pieces);

    image              = image_new(40, 40, white);
    const Point gaps[] = {{5, 20.5}, {10, 20.5}, {NAN, 20}, {20.5, 20.5}, {25, INFINITY}, {30, 20.5}, {35, 20.5}};
    image_polyline(image, gaps, 7, 3, black);
    assert_int_equal(grey(image, 8, 20), 0);
    assert_int_equal(grey(image, 14, 20), 255);
    assert_int_equal(grey(image, 20, 20), 0); /* a point alone is a dot */
    assert_int_equal(grey(image, 25, 20), 255);
    assert_int_equal(grey(image, 33, 20), 0);
    image_free(image);
}

static void test_nothing_is_drawn_outside_the_clip(void **state)
{
    (void)state;
    Random random = random_stream(7, RANDOM_TEST, 0, 0);
    Image *image  = image_new(64, 64, white);
    image_clip(image, 16, 24, 20, 10);
    for (int i = 0; i < 300; i++) {
        Point points[5];
        for (int j = 0; j < 5; j++) {
            const double reach = i % 10 == 0 ? 1e12 : i % 10 == 1 ? 1e300 : 100;
            points[j] = (Point){(random_uniform(&random) - 0.4) * reach, (random_uniform(&random) - 0.4) * reach};
        }
        const size_t  size     = 5;
        const uint8_t mask[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
        image_polygon(image, points, &size, 1, black);
        image_polyline(image, points, 5, random_uniform(&random) * 20, black);
        image_mask(image, (int)(random_uniform(&random) * 80) - 8, (int)(random_uniform(&random) * 80) - 8, mask, 4, 4,
                   black);
    }
    for (int y = 0; y < 64; y++) {
        for (int x = 0; x < 64; x++) {
            const bool inside = x >= 16 && x < 36 && y >= 24 && y < 34;
            assert_true(inside || grey(image, x, y) == 255);
        }
    }
    assert_true(ink(image) > 150);
    image_free(image);
    assert_null(image_new(0, 5, white));
    assert_null(image_new(5, IMAGE_MAX_SIDE + 1, white));
    assert_null(image_new(IMAGE_MAX_SIDE, IMAGE_MAX_SIDE, white));
}

static int entries(const char *directory)
{
    DIR *handle = opendir(directory);
    int  count  = 0;
    assert_non_null(handle);
    for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(handle);
    return count;
}

static void test_png_reads_back(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *path = fixture_path(directory, "image.png");
    Image      *image = image_new(301, 97, white);
    for (size_t i = 0; i < 301 * 97 * 3; i++) {
        image->pixels[i] = (uint8_t)(i * i >> 7);
    }
    assert_int_equal(image_write(image, path, NULL), STATUS_OK);
    Png png = png_read(path);
    assert_int_equal(png.width, 301);
    assert_int_equal(png.height, 97);
    assert_memory_equal(png.pixels, image->pixels, 301 * 97 * 3);
    png_free(&png);
    assert_int_equal(entries(directory), 1);

    Error error = {0};
    assert_int_equal(image_write(image, fixture_path(directory, "none/image.png"), &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "none/image.png"));
    error = (Error){0};
    assert_int_equal(image_write(image, directory, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "is a directory"));
    assert_int_equal(entries(directory), 1);
    image_free(image);
}

/* A flat picture with some text is small. */
static void test_png_is_packed(void **state)
{
    (void)state;
    const char *path  = fixture_path(fixture_directory(), "flat.png");
    Image      *image = image_new(1000, 600, white);
    Font       *font  = font_open(FONT_PROPORTIONAL);
    for (int i = 0; i < 20; i++) {
        font_draw(font, image, 20, 30 + 28 * i, &(FontStyle){.size = 16, .colour = black}, "The quick brown fox jumps");
    }
    assert_int_equal(image_write(image, path, NULL), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size < 180000); /* of 1.8 MB */
    font_free(font);
    image_free(image);
}

/* --- fonts */

static double text_ink(Font *font, const FontStyle *style, const char *text, double *width)
{
    Image *image     = image_new(600, 600, white);
    *width           = font_draw(font, image, 100, 300, style, text);
    const double sum = ink(image);
    assert_false(image->out_of_memory);
    image_free(image);
    return sum;
}

static void check_font(FontKind kind)
{
    Font        *font  = font_open(kind);
    FontStyle    style = {.size = 24, .colour = black}, bold = {.size = 24, .colour = black, .bold = true};
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
    assert_true(font_is_builtin(font));
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
        Image *image = image_new(200, 200, white);
        font_draw(font, image, 100, 100, &(FontStyle){.size = 40, .colour = black}, "H");
        int top = 200, bottom = -1, left = 200;
        for (int y = 0; y < 200; y++) {
            for (int x = 0; x < 200; x++) {
                if (grey(image, x, y) < 128) {
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
    Image    *image = image_new(120, 40, white);
    FontStyle style = {.size = 20, .colour = black, .bold = true};
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
        cmocka_unit_test(test_rectangles_cover_their_share),
        cmocka_unit_test(test_polygons_have_holes_and_their_area),
        cmocka_unit_test(test_lines_have_their_width_and_are_one_shape),
        cmocka_unit_test(test_nothing_is_drawn_outside_the_clip),
        cmocka_unit_test(test_png_reads_back),
        cmocka_unit_test(test_png_is_packed),
        cmocka_unit_test(test_fonts_of_the_system_and_the_built_in_one),
        cmocka_unit_test(test_text_stands_on_its_baseline),
        cmocka_unit_test(test_damaged_fonts_do_no_harm),
        cmocka_unit_test(test_damaged_glyphs_are_refused),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
