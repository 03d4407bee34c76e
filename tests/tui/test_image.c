/* Images: shapes cover what they should, nothing leaves its clip, and PNG files read back. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "engine/random.h"
#include "tests/support/fixture.h"
#include "tests/support/image_ink.h"
#include "tests/support/png.h"
#include "tui/image/font.h"

static const Colour half_black = {0, 0, 0, 0.5f};

static void test_rectangles_cover_their_share(void **state)
{
    (void)state;
    Image *image = image_new(40, 200, image_white);
    image_rectangle(image, 10, 20, 5, 150, image_black); /* longer than a strip */
    assert_int_equal(image_grey(image, 9, 20), 255);
    assert_int_equal(image_grey(image, 10, 20), 0);
    assert_int_equal(image_grey(image, 14, 169), 0);
    assert_int_equal(image_grey(image, 15, 169), 255);
    assert_int_equal(image_grey(image, 12, 19), 255);
    assert_int_equal(image_grey(image, 12, 170), 255);
    assert_near(image_ink(image), 5 * 150, 1e-6);
    image_rectangle(image, 30.5, 3.25, 2, 1.5, image_black); /* a quarter, three quarters … of each pixel */
    assert_int_equal(image_grey(image, 30, 3), 159);
    assert_int_equal(image_grey(image, 31, 3), 64);
    assert_int_equal(image_grey(image, 32, 4), 159);
    image_rectangle(image, 20, 100, 4, 4, half_black);
    assert_int_equal(image_grey(image, 21, 101), 128);
    image_free(image);
}

static void test_polygons_have_holes_and_their_area(void **state)
{
    (void)state;
    Image       *image   = image_new(100, 100, image_white);
    const Point  rings[] = {{10, 10}, {90, 10}, {90, 90}, {10, 90}, {30, 30}, {30, 70}, {70, 70}, {70, 30}};
    const size_t sizes[] = {4, 4};
    image_polygon(image, rings, sizes, 2, image_black);
    assert_int_equal(image_grey(image, 50, 50), 255);
    assert_int_equal(image_grey(image, 20, 50), 0);
    assert_near(image_ink(image), 80 * 80 - 40 * 40, 1e-6);
    image_free(image);

    image = image_new(100, 100, image_white);
    Point        circle[200];
    const size_t size = 200;
    for (int i = 0; i < 200; i++) {
        circle[i] = (Point){50 + 40 * cos(i * 6.283185307 / 200), 50 + 40 * sin(i * 6.283185307 / 200)};
    }
    image_polygon(image, circle, &size, 1, image_black);
    assert_near(image_ink(image), 3.14159265 * 1600, 12); /* rounded to 256 greys at its edge */
    image_free(image);
}

static void test_lines_have_their_width_and_are_one_shape(void **state)
{
    (void)state;
    Image *image = image_new(120, 120, image_white);
    image_line(image, 10, 30.5, 110, 30.5, 3, image_black);
    for (int y = 29; y <= 31; y++) {
        assert_int_equal(image_grey(image, 60, y), 0);
    }
    assert_int_equal(image_grey(image, 60, 28), 255);
    assert_int_equal(image_grey(image, 60, 32), 255);
    image_free(image);

    image = image_new(120, 120, image_white);
    image_line(image, 10, 10, 110, 110, 4, image_black);
    assert_near(image_ink(image), 4 * 100 * sqrt(2) + 3.1416 * 4, 12); /* and its round ends */
    image_free(image);

    image                  = image_new(120, 120, image_white);
    const Point crossing[] = {{10, 60.5}, {110, 60.5}, {60.5, 10}, {60.5, 110}};
    image_polyline(image, crossing, 4, 5, half_black);
    assert_int_equal(image_grey(image, 60, 60), 128); /* no darker where it crosses itself */
    assert_int_equal(image_grey(image, 30, 60), 128);
    image_free(image);

    /* A line is as smooth in a thousand pieces as in one. */
    Image *whole = image_new(120, 120, image_white), *pieces = image_new(120, 120, image_white);
    Point  along[1001];
    for (int i = 0; i <= 1000; i++) {
        along[i] = (Point){10 + i * 0.1, 20 + i * 0.037};
    }
    image_line(whole, 10, 20, 110, 57, 2.5, image_black);
    image_polyline(pieces, along, 1001, 2.5, image_black);
    for (int i = 0; i < 120 * 120; i++) {
        assert_in_range(image_grey(whole, i % 120, i / 120) - image_grey(pieces, i % 120, i / 120) + 10, 8, 12);
    }
    image_free(whole);
    image_free(pieces);

    image              = image_new(40, 40, image_white);
    const Point gaps[] = {{5, 20.5}, {10, 20.5}, {NAN, 20}, {20.5, 20.5}, {25, INFINITY}, {30, 20.5}, {35, 20.5}};
    image_polyline(image, gaps, 7, 3, image_black);
    assert_int_equal(image_grey(image, 8, 20), 0);
    assert_int_equal(image_grey(image, 14, 20), 255);
    assert_int_equal(image_grey(image, 20, 20), 0); /* a point alone is a dot */
    assert_int_equal(image_grey(image, 25, 20), 255);
    assert_int_equal(image_grey(image, 33, 20), 0);
    image_free(image);
}

static void test_nothing_is_drawn_outside_the_clip(void **state)
{
    (void)state;
    Random random = random_stream(7, RANDOM_TEST, 0, 0);
    Image *image  = image_new(64, 64, image_white);
    image_clip(image, 16, 24, 20, 10);
    for (int i = 0; i < 300; i++) {
        Point points[5];
        for (int j = 0; j < 5; j++) {
            const double reach = i % 10 == 0 ? 1e12 : i % 10 == 1 ? 1e300 : 100;
            points[j] = (Point){(random_uniform(&random) - 0.4) * reach, (random_uniform(&random) - 0.4) * reach};
        }
        const size_t  size     = 5;
        const uint8_t mask[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
        image_polygon(image, points, &size, 1, image_black);
        image_polyline(image, points, 5, random_uniform(&random) * 20, image_black);
        image_mask(image, (int)(random_uniform(&random) * 80) - 8, (int)(random_uniform(&random) * 80) - 8, mask, 4, 4,
                   image_black);
    }
    for (int y = 0; y < 64; y++) {
        for (int x = 0; x < 64; x++) {
            const bool inside = x >= 16 && x < 36 && y >= 24 && y < 34;
            assert_true(inside || image_grey(image, x, y) == 255);
        }
    }
    assert_true(image_ink(image) > 150);
    image_free(image);
    assert_null(image_new(0, 5, image_white));
    assert_null(image_new(5, IMAGE_MAX_SIDE + 1, image_white));
    assert_null(image_new(IMAGE_MAX_SIDE, IMAGE_MAX_SIDE, image_white));
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
    Image      *image = image_new(301, 97, image_white);
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
    Image      *image = image_new(1000, 600, image_white);
    Font       *font  = font_open(FONT_PROPORTIONAL);
    for (int i = 0; i < 20; i++) {
        font_draw(font, image, 20, 30 + 28 * i, &(FontStyle){.size = 16, .colour = image_black},
                  "The quick brown fox jumps");
    }
    assert_int_equal(image_write(image, path, NULL), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size < 180000); /* of 1.8 MB */
    font_free(font);
    image_free(image);
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
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
