/* Canvas: nothing is drawn outside of its area, no cell holds what a terminal obeys, no character is half there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/utf8.h"
#include "tui/draw/canvas.h"

#define WIDE "\xE4\xBD\xA0" /* two columns */

static char *written(const Canvas *canvas)
{
    char  *text = NULL;
    size_t bytes;
    FILE  *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    canvas_write_text(canvas, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_canvas(const Canvas *canvas, const char *expected)
{
    char *text = written(canvas);
    assert_string_equal(text, expected);
    free(text);
}

static Canvas *new_canvas(int width, int height)
{
    Canvas *canvas = canvas_new(width, height);
    assert_non_null(canvas);
    return canvas;
}

/* What holds of every canvas. */
static void check_cells(const Canvas *canvas)
{
    for (int y = 0; y < canvas->height; y++) {
        const Cell *row = canvas->cells + (size_t)y * (size_t)canvas->width;
        for (int x = 0; x < canvas->width; x++) {
            if (row[x].width == 0) {
                assert_true(x > 0 && row[x - 1].width == 2);
                assert_true(row[x].codes[0] == 0 && row[x].codes[1] == 0);
                continue;
            }
            assert_int_equal(text_code_width(row[x].codes[0]), row[x].width); /* printable, and as wide as it says */
            assert_true(row[x].width == 1 || (x + 1 < canvas->width && row[x + 1].width == 0));
            for (int i = 1; i < CELL_CODES; i++) {
                assert_true(row[x].codes[i] == 0 || row[x].codes[i] >= 0x300);
            }
        }
    }
}

static void test_text(void **state)
{
    (void)state;
    Canvas *canvas = new_canvas(10, 3);
    Area    area   = canvas_area(canvas);
    assert_int_equal(area_text(area, 1, 0, INK_GOOD, ATTR_BOLD, "step 12", SIZE_MAX), 7);
    assert_int_equal(area_text(area, 7, 1, INK_TEXT, 0, "abcdef", SIZE_MAX), 3);
    assert_int_equal(area_text(area, 0, 2, INK_TEXT, 0, "abcdef", 2), 2);
    assert_int_equal(area_text_right(area, 10, 2, INK_TEXT, 0, "x" WIDE), 3);
    assert_canvas(canvas, " step 12\n       abc\nab     x" WIDE "\n");
    assert_int_equal(canvas->cells[1].ink, INK_GOOD);
    assert_int_equal(canvas->cells[1].attrs, ATTR_BOLD);
    canvas_clear(canvas);
    assert_int_equal(area_printf(area, 0, 0, INK_TEXT, 0, "%d%%|%s", 42, "a\nb\tc\033"), 10);
    assert_int_equal(area_text(area, -2, 1, INK_TEXT, 0, "abcd", SIZE_MAX), 4); /* cut off on the left */
    assert_int_equal(area_text_right(area, 2, 2, INK_TEXT, 0, "abcd"), 4);
    assert_canvas(canvas, "42%|a b c^\ncd\ncd\n");
    assert_int_equal(area_text(area, 10, 0, INK_TEXT, 0, "a", SIZE_MAX), 0);
    assert_int_equal(area_text(area, 0, 3, INK_TEXT, 0, "a", SIZE_MAX), 0);
    assert_int_equal(area_text(area, 0, -1, INK_TEXT, 0, "a", SIZE_MAX), 0);
    assert_int_equal(area_text(area, 0, 0, INK_TEXT, 0, "", SIZE_MAX), 0);
    assert_int_equal(area_text(area, 0, 0, INK_TEXT, 0, "ab\0cd", 5), 2); /* up to a NUL */
    check_cells(canvas);
    canvas_free(canvas);
    canvas_free(NULL);
}

/* A text longer than the room that area_printf has at hand. */
static void test_long_printf(void **state)
{
    (void)state;
    char word[1500];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    Canvas *canvas        = new_canvas(2000, 1);
    assert_int_equal(area_printf(canvas_area(canvas), 0, 0, INK_TEXT, 0, "%s!", word), 1500);
    assert_int_equal(canvas->cells[1499].codes[0], '!');
    canvas_free(canvas);
}

static void test_wide(void **state)
{
    (void)state;
    Canvas *canvas = new_canvas(6, 1);
    Area    area   = canvas_area(canvas);
    assert_int_equal(area_text(area, 0, 0, INK_TEXT, 0, WIDE WIDE WIDE, SIZE_MAX), 6);
    area_put(area, 1, 0, 'x', INK_TEXT, 0); /* the right half of the first */
    assert_canvas(canvas, " x" WIDE WIDE "\n");
    area_put(area, 2, 0, 'y', INK_TEXT, 0); /* the left half of the second */
    assert_canvas(canvas, " xy " WIDE "\n");
    area_put(area, 3, 0, 0x4F60, INK_TEXT, 0); /* over the left half of the third */
    assert_canvas(canvas, " xy" WIDE "\n");
    area_put(area, 2, 0, 0x4F60, INK_TEXT, 0);
    assert_canvas(canvas, " x" WIDE "\n");
    check_cells(canvas);
    canvas_clear(canvas);
    assert_int_equal(area_text(area, 1, 0, INK_TEXT, 0, WIDE WIDE WIDE, SIZE_MAX), 4); /* the third does not fit */
    area_put(area, 5, 0, 0x4F60, INK_TEXT, 0);
    area_put(area, -1, 0, 0x4F60, INK_TEXT, 0);
    assert_canvas(canvas, " " WIDE WIDE "\n");
    area_fill(area_part(area, 0, 0, 5, 1), 0x4F60, INK_TEXT, 0); /* an odd width ends in a blank */
    assert_canvas(canvas, WIDE WIDE "\n");
    check_cells(canvas);
    canvas_free(canvas);
}

static void test_put_unprintable(void **state)
{
    (void)state;
    Canvas        *canvas  = new_canvas(12, 1);
    const uint32_t codes[] = {0, 7, '\n', 0x1B, 0x7F, 0x9B, 0x202E, 0x301, 0xD800, 0x110000, 0xFFFFFFFF, 0x378};
    for (int i = 0; i < 12; i++) {
        area_put(canvas_area(canvas), i, 0, codes[i], INK_TEXT, 0);
        assert_int_equal(canvas->cells[i].codes[0], 0xFFFD);
    }
    check_cells(canvas);
    canvas_free(canvas);
}

static void test_parts(void **state)
{
    (void)state;
    Canvas *canvas = new_canvas(10, 5);
    Area    area   = area_part(canvas_area(canvas), 2, 1, 6, 3);
    Area    part   = area_part(area, 1, 1, 100, 100);
    assert_true(part.x == 3 && part.y == 2 && part.width == 5 && part.height == 2);
    part = area_part(area, -3, -1, 5, 2);
    assert_true(part.x == 2 && part.y == 1 && part.width == 2 && part.height == 1);
    const int odd[][4] = {{6, 0, 1, 1},         {0, 3, 1, 1},         {0, 0, -1, 2},
                          {0, 0, 0, 2},         {-9, -9, 9, 9},       {INT32_MAX, 0, INT32_MAX, 1},
                          {INT32_MIN, 0, 9, 9}, {0, INT32_MIN, 9, 1}, {3, INT32_MAX, INT32_MAX, INT32_MAX}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        part = area_part(area, odd[i][0], odd[i][1], odd[i][2], odd[i][3]);
        assert_true(part.width == 0 || part.height == 0);
        assert_true(part.x >= 2 && part.x <= 8 && part.y >= 1 && part.y <= 4);
        area_fill(part, 'x', INK_TEXT, 0);
        area_text(part, 0, 0, INK_TEXT, 0, "x", SIZE_MAX);
        area_put(part, 0, 0, 'x', INK_TEXT, 0);
        assert_canvas(canvas, "\n\n\n\n\n");
    }
    canvas_free(canvas);
}

static void test_frame(void **state)
{
    (void)state;
    Canvas *canvas = new_canvas(14, 3);
    Area    inner  = area_frame(canvas_area(canvas), "log", false, GLYPHS_ASCII);
    assert_true(inner.x == 1 && inner.y == 1 && inner.width == 12 && inner.height == 1);
    assert_canvas(canvas, "+- log ------+\n|            |\n+------------+\n");
    assert_int_equal(canvas->cells[0].ink, INK_BORDER);
    assert_int_equal(canvas->cells[3].ink, INK_TITLE);
    area_frame(canvas_area(canvas), "a title too long", true, GLYPHS_ASCII);
    assert_canvas(canvas, "#= a title t #\n|            |\n#============#\n"); /* the focus without colours */
    assert_int_equal(canvas->cells[0].ink, INK_FOCUS);
    area_frame(canvas_area(canvas), "\033" WIDE WIDE WIDE WIDE, false, GLYPHS_BRAILLE);
    check_cells(canvas);
    area_frame(canvas_area(canvas), NULL, false, GLYPHS_ASCII);
    assert_canvas(canvas, "+------------+\n|            |\n+------------+\n");
    canvas_clear(canvas);
    Area small = area_frame(area_part(canvas_area(canvas), 0, 0, 7, 3), "log", false, GLYPHS_ASCII);
    assert_int_equal(small.width, 7);
    small = area_frame(area_part(canvas_area(canvas), 0, 0, 14, 2), "log", false, GLYPHS_ASCII);
    assert_int_equal(small.height, 2);
    assert_canvas(canvas, "\n\n\n");
    canvas_free(canvas);
}

static void test_sizes(void **state)
{
    (void)state;
    Canvas *canvas = new_canvas(0, -5);
    assert_true(canvas->width == 1 && canvas->height == 1);
    canvas_free(canvas);
    assert_null(canvas_new(INT32_MAX, INT32_MAX));
}

/* Even what is put into cells past the functions above does not reach a terminal. */
static void test_writing_trusts_no_cell(void **state)
{
    (void)state;
    Canvas        *canvas  = new_canvas(8, 1);
    const uint32_t codes[] = {0x1B, 0x07, 0x9B, 0x7F, 0xD800, 0xFFFFFFFF, '\n', 'a'};
    for (int i = 0; i < 8; i++) {
        canvas->cells[i].codes[0] = codes[i];
        canvas->cells[i].ink      = i == 7 ? 200 : INK_TEXT; /* nor any ink */
    }
    char *text = written(canvas);
    assert_int_equal(utf8_check(text, strlen(text)), strlen(text));
    assert_int_equal(strcspn(text, "\033\a\177\n"), strlen(text) - 1);
    free(text);
    canvas_free(canvas);
}

/* --- any bytes into any area */

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

static int between(uint32_t *random, int low, int high)
{
    return low + (int)(next_random(random) % (uint32_t)(high - low + 1));
}

static void draw_random(uint32_t *random, Area area)
{
    static const uint32_t codes[] = {'x', 0x4F60, 0x1F600, 0x1B, 0x301, 0x2588, 0x202E};
    char                  text[64];
    const size_t          length = next_random(random) % (sizeof text - 4);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)(1 + next_random(random) % 255);
        if (i + 3 < sizeof text && next_random(random) % 3 == 0) {
            memcpy(text + i, WIDE, 3);
            i += i + 3 <= length ? 2 : 0;
        }
    }
    text[length]     = '\0';
    const int column = between(random, -6, area.width + 3), row = between(random, -2, area.height + 1);
    const Ink ink = (Ink)(next_random(random) % INK_COUNT);
    switch (next_random(random) % 6) {
    case 0: area_text_right(area, column, row, ink, 0, text); break;
    case 1: area_printf(area, column, row, ink, 0, "%s|%s", text, text); break;
    case 2: area_put(area, column, row, codes[next_random(random) % 7], ink, 0); break;
    case 3: area_fill(area, codes[next_random(random) % 7], ink, 0); break;
    case 4: area_frame(area, text, row > 0, (Glyphs)(next_random(random) % 3)); break;
    default: {
        const int took = area_text(area, column, row, ink, 0, text, length);
        assert_true(took >= 0 && (took == 0 || column + took <= area.width));
        break;
    }
    }
}

/* Outside of an area nothing changes, but for the other half of a wide character whose one half was overwritten:
 * that is blank then. */
static void check_outside(const Canvas *before, const Canvas *canvas, Area area)
{
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            const size_t at     = (size_t)y * (size_t)canvas->width + (size_t)x;
            const bool   inside = x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height;
            if (inside || memcmp(&before->cells[at], &canvas->cells[at], sizeof(Cell)) == 0) {
                continue;
            }
            assert_true(area.width > 0 && y >= area.y && y < area.y + area.height);
            assert_true((x == area.x - 1 && before->cells[at].width == 2) ||
                        (x == area.x + area.width && before->cells[at].width == 0));
            assert_int_equal(canvas->cells[at].codes[0], ' ');
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    uint32_t random = 11;
    for (int round = 0; round < 2000; round++) {
        Canvas *canvas = new_canvas(between(&random, 1, 30), between(&random, 1, 8));
        Canvas *before = new_canvas(canvas->width, canvas->height);
        for (int draw = 0; draw < 20; draw++) {
            Area area =
                area_part(canvas_area(canvas), between(&random, -3, canvas->width + 1),
                          between(&random, -2, canvas->height + 1), between(&random, -1, 32), between(&random, -1, 9));
            memcpy(before->cells, canvas->cells, sizeof(Cell) * (size_t)canvas->width * (size_t)canvas->height);
            draw_random(&random, area);
            check_cells(canvas);
            check_outside(before, canvas, area);
        }
        char *text = written(canvas);
        assert_int_equal(utf8_check(text, strlen(text)), strlen(text));
        for (const char *at = text; *at != '\0'; at++) {
            assert_true((unsigned char)*at >= 0x20 || *at == '\n');
        }
        free(text);
        canvas_free(canvas);
        canvas_free(before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_long_printf),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_put_unprintable),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_writing_trusts_no_cell),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("canvas", tests, NULL, NULL);
}
