/* Charts: expected screens, properties over sizes and hostile data, smoothing against a float64 reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "tui/chart.h"

enum { POINTS = 41 };

static double xs[POINTS];
static float  rise[POINTS], fall[POINTS], spread[POINTS];

/* Curves of exact arithmetic, so that the screens are the same everywhere. */
static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < POINTS; i++) {
        xs[i]     = i;
        rise[i]   = (float)(i * i) / 1600.0f + (i % 4 == 1 ? 0.125f : 0);
        fall[i]   = 0.75f - (float)i / 64.0f;
        spread[i] = 0.0625f + (float)i / 256.0f;
    }
    return 0;
}

static char *text_of(const Canvas *canvas)
{
    char  *text  = NULL;
    size_t bytes = 0;
    FILE  *out   = open_memstream(&text, &bytes);
    assert_non_null(out);
    canvas_write_text(canvas, out);
    fclose(out);
    return text;
}

static void expect(const Canvas *canvas, const char *expected)
{
    char *text = text_of(canvas);
    if (strcmp(text, expected) != 0) {
        print_message("shown:\n%sexpected:\n%s", text, expected);
    }
    assert_string_equal(text, expected);
    free(text);
}

static void expect_chart(int width, int height, Chart chart, Glyphs glyphs, const char *expected)
{
    Canvas *canvas = canvas_new(width, height);
    assert_non_null(canvas);
    chart_draw(canvas_area(canvas), &chart, glyphs);
    expect(canvas, expected);
    canvas_free(canvas);
}

/* --- expected screens */

static void test_screens(void **state)
{
    (void)state;
    const ChartSeries both[] = {{"total", xs, rise, NULL, POINTS, INK_SERIES_0},
                                {"correct", xs, fall, NULL, POINTS, INK_SERIES_1}};
    const ChartSeries band   = {"length", xs, fall, spread, POINTS, INK_SERIES_0};
    const Chart       two    = {.title = "reward", .series = both, .series_count = 2, .legend = true};
    const Chart       one    = {.series = &band, .series_count = 1, .legend = true, .unit = "tokens"};
    Chart             smooth = {.series = both, .series_count = 1, .smoothing = 0.9, .legend = true};
    expect_chart(40, 10, two, GLYPHS_BRAILLE,
                 "reward  total 1  correct 0.125\n"
                 "1.0┤                                ⢀⡄⢀⠔\n"
                 "   │                             ⢠ ⣀⠎⠈⠁\n"
                 "   │⠉⠑⠒⠒⠤⠤⣀⣀⡀                ⢠  ⢠⠃⠉\n"
                 "0.5┤        ⠈⠉⠑⠒⠒⠤⢄⣀⣀⡀    ⣄ ⣀⠇⠑⠊⠁\n"
                 "   │               ⡀ ⠈⡹⢖⡲⠾⠤⢍⣀⣀\n"
                 "   │    ⢀  ⢀⡄  ⡴⡀⢀⡜⠑⠤⠒⠃       ⠉⠉⠒⠒⠢⠤⢄⣀⣀\n"
                 "  0┤⡰⠣⣀⣠⠋⠢⠤⠎⠈⠒⠚ ⠈⠁                     ⠉\n"
                 "   └┬────────┬────────┬───────┬────────┬\n"
                 "    0       10       20      30       40\n");
    expect_chart(40, 10, two, GLYPHS_BLOCKS,
                 "reward  total 1  correct 0.125\n"
                 "1.0┤                                ▄ ▄▄\n"
                 "   │                             ▄  █▀\n"
                 "   │▀▀▀▀█▄▄▄▄                ▄  █ ▀▀\n"
                 "0.5┤         ▀▀▀▀▄▄▄▄▄    ▄ ▄█▀▀\n"
                 "   │               ▄  ████▄█▄▄\n"
                 "   │ ▄  ▄   ▄  █▄▄█ ▀▀▀       ▀▀▀▀▀▀▄▄▄▄\n"
                 "  0┤█▀▄▄█▄▄█ ▀▀▀\n"
                 "   └┬────────┬────────┬───────┬────────┬\n"
                 "    0       10       20      30       40\n");
    expect_chart(40, 10, two, GLYPHS_ASCII,
                 "reward  * total 1  o correct 0.125\n"
                 "1.0+                                * **\n"
                 "   |                             * ***\n"
                 "   |ooooooooo                *  ***\n"
                 "0.5+         ooooooooo    * ****\n"
                 "   |               *  oooooooo\n"
                 "   |    *   *  * ******       ooooooooo\n"
                 "  0+*************                      o\n"
                 "   ++--------+--------+-------+--------+\n"
                 "    0       10       20      30       40\n");
    expect_chart(40, 8, one, GLYPHS_BRAILLE,
                 "length 0.125 tokens\n"
                 "   │⣀⡀⢀⢀⢀⢀\n"
                 "   │ ⠈⠉⠉⠒⠒⠤⢄⣀⣀⡀⢂⢀⢀⢀⢀⢀⢀\n"
                 "0.5┤       ⠂⠂⠂⠈⠉⠒⠒⠤⠤⢄⣀⡀⢂⢂⢂⢂⢂⢀⢀⢀⢀⢀\n"
                 "   │              ⠂⠂⠂⢂⠈⠉⠉⠒⠢⠤⢄⣀⣀⢂⢂⢂⢂⢂⢂⢂⢂⢀\n"
                 "   │                    ⠂⠂⠂⢂⢂⢂⢂⠉⠉⠒⠢⠤⠤⢄⣀⢂\n"
                 "  0┤                           ⠂⠂⠂⢂⢂⢂⢂⢂⠉\n"
                 "    0       10       20      30       40\n");
    expect_chart(40, 8, one, GLYPHS_BLOCKS,
                 "length 0.125 tokens\n"
                 "   │▄░░░░░\n"
                 "   │░▀▀▀▀▄▄▄▄▄░░░░░░░░\n"
                 "0.5┤     ░░░░░▀▀▀▀▄▄▄▄▄░░░░░░░░░░\n"
                 "   │            ░░░░░░▀▀▀▀▀▄▄▄▄░░░░░░░░░\n"
                 "   │                   ░░░░░░░░▀▀▀▀▀▄▄▄▄\n"
                 "  0┤                          ░░░░░░░░░░\n"
                 "    0       10       20      30       40\n");
    expect_chart(40, 8, one, GLYPHS_ASCII,
                 "length 0.125 tokens\n"
                 "   |__:::::\n"
                 "   |::''|--____::::::::\n"
                 "0.5+     ::::::''---___::::::::::\n"
                 "   |            ::::::'''----__:::::::::\n"
                 "   |                   ::::::::'''--|__:\n"
                 "  0+                         ::::::::::'\n"
                 "    0       10       20      30       40\n");
    smooth.cursor   = true;
    smooth.cursor_x = 30;
    expect_chart(40, 8, smooth, GLYPHS_BRAILLE,
                 "total 0.373 (0.562)\n"
                 "1.0┤                          │     ⢀⢄⡠⠔\n"
                 "   │                          │  ⡴⣀⠤⠊\n"
                 "   │                         ⡰│⡠⠜   ⣀⠔⠒⠊\n"
                 "0.5┤                  ⢠⡀ ⢠⠓⠤⠒⢀●⡠⠤⠔⠉⠉\n"
                 "   │        ⡀  ⡠⡀ ⡰⠣⣀⠤⢀⣀⡠⠤⠒⠒⠒⠁│\n"
                 "  0┤⣀⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠔⠒⠒⠒⠉⠉⠉⠁       │\n"
                 "    0       10       20      30       40\n");
}

/* Axes go first, then the legend, then the title. */
static void test_small_screens(void **state)
{
    (void)state;
    const ChartSeries series = {"total", xs, fall, NULL, POINTS, INK_SERIES_0};
    const Chart       chart  = {.title = "reward", .series = &series, .series_count = 1, .legend = true};
    expect_chart(24, 5, chart, GLYPHS_BRAILLE,
                 "reward  total 0.125\n"
                 "   │⠑⠒⠤⠤⣀⣀\n"
                 "0.5┤      ⠉⠉⠒⠒⠤⠤⣀⡀\n"
                 "   │             ⠈⠉⠑⠒⠢⠤⢄\n"
                 "    0        20       40\n");
    expect_chart(24, 3, chart, GLYPHS_BRAILLE,
                 "reward  total 0.125\n"
                 "⠉⠒⠒⠒⠢⠤⠤⠤⣀⣀⣀⡀\n"
                 "           ⠈⠉⠉⠉⠉⠒⠒⠒⠢⠤⠤⠤⣀\n");
    expect_chart(12, 2, chart, GLYPHS_BRAILLE,
                 "reward\n"
                 "⠉⠙⠒⠒⠒⠒⠤⠤⠤⠤⣄⣀\n");
    expect_chart(4, 2, chart, GLYPHS_BRAILLE,
                 "rewa\n"
                 "⠙⠒⠤⣄\n");
    expect_chart(6, 1, chart, GLYPHS_BRAILLE, "⠙⠒⠒⠤⠤⣀\n");
    expect_chart(1, 1, chart, GLYPHS_BRAILLE, "⢣\n");
    expect_chart(1, 1, chart, GLYPHS_ASCII, "|\n");
}

static void test_log(void **state)
{
    (void)state;
    float y[POINTS];
    for (int i = 0; i < POINTS; i++) {
        y[i] = i % 5 == 4 ? -1 : ldexpf(1, i / 3 - 10); /* negative ones are left out */
    }
    const ChartSeries series = {"kl", xs, y, NULL, POINTS, INK_SERIES_0};
    expect_chart(32, 9, (Chart){.series = &series, .series_count = 1, .log_y = true}, GLYPHS_BRAILLE,
                 "    │                        ⣀⡀⠛\n"
                 "   1┤                    ⣀⡠⠂⠊\n"
                 "    │                ⢀⡠⠒\n"
                 "    │           ⢀⠄⠠⠒⠂\n"
                 "0.01┤       ⢀⠤ ⠉⠉\n"
                 "    │   ⢀⠤⠤⠈⠉\n"
                 "    │⠤⠴⠁⠈\n"
                 "    └┬─────┬──────┬──────┬─────┬\n"
                 "     0    10     20     30    40\n");
}

static void test_gaps(void **state)
{
    (void)state;
    float y[POINTS];
    for (int i = 0; i < POINTS; i++) {
        y[i] = i < 10 || i == 20 || i > 30 ? 1 : i % 2 == 0 ? NAN : INFINITY;
    }
    const ChartSeries series = {"a", xs, y, NULL, POINTS, INK_SERIES_0};
    expect_chart(21, 1, (Chart){.series = &series, .series_count = 1}, GLYPHS_BRAILLE, "⠤⠤⠤⠤⠤     ⣤     ⠤⠤⠤⠤⠤\n");
}

static void test_without_data(void **state)
{
    (void)state;
    const float       none[3] = {NAN, INFINITY, NAN}, zero[3] = {0, 0, -1};
    const ChartSeries empty = {"a", xs, none, NULL, 3, INK_SERIES_0}, flat = {"a", xs, zero, NULL, 3, INK_SERIES_0};
    expect_chart(20, 3, (Chart){.title = "t", .series = NULL, .series_count = 0}, GLYPHS_BRAILLE,
                 "t\n    no data yet\n\n");
    expect_chart(20, 3, (Chart){.series = &empty, .series_count = 1, .legend = true}, GLYPHS_BRAILLE,
                 "\n    no data yet\n\n");
    expect_chart(20, 1, (Chart){.series = &flat, .series_count = 1, .log_y = true}, GLYPHS_ASCII,
                 " nothing above zero\n");
    expect_chart(20, 1, (Chart){.series = &flat, .series_count = 1, .x_min = 7, .x_max = 9}, GLYPHS_ASCII,
                 "    no data here\n");
}

static void test_one_point_and_constants(void **state)
{
    (void)state;
    const float       one[3] = {2.5f, 2.5f, 2.5f}, zero[3] = {0, 0, 0};
    const ChartSeries point = {"a", xs + 7, one, NULL, 1, INK_SERIES_0}, flat = {"a", xs, one, NULL, 3, INK_SERIES_0},
                      floor = {"a", xs, zero, NULL, 3, INK_SERIES_0};
    expect_chart(20, 6, (Chart){.series = &point, .series_count = 1}, GLYPHS_BRAILLE,
                 " │\n"
                 "3┤\n"
                 " │         ⣤\n"
                 "2┤\n"
                 " │\n"
                 "           7\n");
    expect_chart(20, 6, (Chart){.series = &flat, .series_count = 1}, GLYPHS_BRAILLE,
                 " │\n"
                 "3┤\n"
                 " │⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤\n"
                 "2┤\n"
                 " │\n"
                 "  0        1       2\n");
    expect_chart(20, 6, (Chart){.series = &floor, .series_count = 1}, GLYPHS_BRAILLE,
                 "1.0┤\n"
                 "   │\n"
                 "0.5┤\n"
                 "   │\n"
                 "  0┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀\n"
                 "    0       1      2\n");
}

static void test_histogram_screens(void **state)
{
    (void)state;
    const float now[8]                  = {0, 0.0625f, 0.125f, 0.375f, 0.25f, 0.125f, 0.0625f, 0},
                then[8]                 = {0.5f, 0.25f, 0.125f, 0.0625f, 0.0625f};
    const Histogram          histogram  = {now, then, 8, 0, 128, "tokens", "now", "start"};
    static const char *const expected[] = {"now  start  (tokens)\n"
                                           "   │░░░░\n"
                                           "40%┤░░░░      ▂▂▂\n"
                                           "   │░░░░      ███\n"
                                           "20%┤░░░░░░░   ███▇▇▇▇\n"
                                           "   │░░░░░░░▃▃▃███████▃▃▃\n"
                                           " 0%┤░░░░▆▆▆███───────███▆▆▆\n"
                                           "   └┬─────────┬─────────┬─────\n"
                                           "    0        50        100\n",
                                           "now  start  (tokens)\n"
                                           "   │░░░░\n"
                                           "40%┤░░░░      ▄▄▄\n"
                                           "   │░░░░      ███\n"
                                           "20%┤░░░░░░░   ███████\n"
                                           "   │░░░░░░░▄▄▄███████▄▄▄\n"
                                           " 0%┤░░░░▄▄▄███───────███▄▄▄\n"
                                           "   └┬─────────┬─────────┬─────\n"
                                           "    0        50        100\n",
                                           "now  start  (tokens)\n"
                                           "   |::::\n"
                                           "40%+::::\n"
                                           "   |::::      ###\n"
                                           "20%+:::::::   #######\n"
                                           "   |:::::::   #######\n"
                                           " 0%+::::######=======######\n"
                                           "   ++---------+---------+-----\n"
                                           "    0        50        100\n"};
    for (int glyphs = 0; glyphs < 3; glyphs++) {
        Canvas *canvas = canvas_new(30, 9);
        histogram_draw(canvas_area(canvas), &histogram, (Glyphs)glyphs);
        expect(canvas, expected[glyphs]);
        canvas_free(canvas);
    }
}

static void test_bars(void **state)
{
    (void)state;
    static const double      shares[]   = {0, 1e-9, 0.3, 0.5, 0.9999, 1, 7, -1, NAN};
    static const char *const expected[] = {"··········\n"
                                           "▏·········\n"
                                           "███·······\n"
                                           "█████·····\n"
                                           "█████████▉\n"
                                           "██████████\n"
                                           "██████████\n"
                                           "··········\n"
                                           "··········\n",
                                           "··········\n"
                                           "▌·········\n"
                                           "███·······\n"
                                           "█████·····\n"
                                           "█████████▌\n"
                                           "██████████\n"
                                           "██████████\n"
                                           "··········\n"
                                           "··········\n",
                                           "..........\n"
                                           "#.........\n"
                                           "###.......\n"
                                           "#####.....\n"
                                           "#########.\n"
                                           "##########\n"
                                           "##########\n"
                                           "..........\n"
                                           "..........\n"};
    for (int glyphs = 0; glyphs < 3; glyphs++) {
        Canvas *canvas = canvas_new(10, 9);
        for (int i = 0; i < 9; i++) {
            bar_draw(area_part(canvas_area(canvas), 0, i, 10, 1), shares[i], INK_GOOD, (Glyphs)glyphs);
        }
        expect(canvas, expected[glyphs]);
        canvas_free(canvas);
    }
}

/* --- inks */

static const Cell *cell_at(const Canvas *canvas, int x, int y)
{
    return &canvas->cells[y * canvas->width + x];
}

static void test_later_series_lies_on_top(void **state)
{
    (void)state;
    const ChartSeries both[] = {{"a", xs, fall, NULL, POINTS, INK_SERIES_0},
                                {"b", xs, fall, NULL, POINTS, INK_SERIES_1}};
    Canvas           *canvas = canvas_new(20, 2);
    chart_draw(canvas_area(canvas), &(Chart){.series = both, .series_count = 2}, GLYPHS_BRAILLE);
    int drawn = 0;
    for (int i = 0; i < 40; i++) {
        if (canvas->cells[i].codes[0] != ' ') {
            assert_int_equal(canvas->cells[i].ink, INK_SERIES_1);
            drawn++;
        }
    }
    assert_true(drawn >= 20);
    canvas_free(canvas);
}

/* The smoothed curve is whole; what it was made of and its band are dim and do not share its cells. */
static void test_smoothed_lies_on_raw_and_band(void **state)
{
    (void)state;
    float y[POINTS];
    for (int i = 0; i < POINTS; i++) {
        y[i] = (float)(i % 2);
    }
    const ChartSeries series = {"a", xs, y, spread, POINTS, INK_SERIES_3};
    Canvas           *canvas = canvas_new(20, 6);
    const Chart       chart  = {.series = &series, .series_count = 1, .smoothing = 0.95, .y_min = -0.1, .y_max = 2};
    /* three rows would have an axis, so the area is two of the six */
    chart_draw(area_part(canvas_area(canvas), 0, 0, 20, 2), &chart, GLYPHS_BRAILLE);
    int dim = 0;
    for (int x = 0; x < 20; x++) {
        int bright = 0;
        for (int row = 0; row < 2; row++) {
            const Cell *cell = cell_at(canvas, x, row);
            if (cell->codes[0] != ' ') {
                assert_int_equal(cell->ink, INK_SERIES_3);
                bright += (cell->attrs & ATTR_DIM) == 0;
                dim += (cell->attrs & ATTR_DIM) != 0;
            }
        }
        assert_true(bright >= 1);
    }
    assert_true(dim > 10);
    canvas_free(canvas);
}

/* --- properties */

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double random_double(void)
{
    const uint64_t bits = random_bits();
    double         value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double random_share(void)
{
    return (double)(random_bits() >> 11) * 0x1p-53;
}

/* Draws into a part of a larger canvas and looks whether the rest is as it was. Returns the cells that show something.
 */
static int check_inside(int width, int height, const Chart *chart, const Histogram *histogram, Glyphs glyphs)
{
    Canvas *canvas = canvas_new(width + 5, height + 4);
    assert_non_null(canvas);
    area_fill(canvas_area(canvas), '~', INK_BAD, 0);
    const Area area = area_part(canvas_area(canvas), 3, 2, width, height);
    area_fill(area, ' ', INK_TEXT, 0);
    if (chart != NULL) {
        chart_draw(area, chart, glyphs);
    } else {
        histogram_draw(area, histogram, glyphs);
    }
    int  shown = 0;
    bool kept = true, whole = true, ascii = true;
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            const Cell *cell   = cell_at(canvas, x, y);
            const bool  inside = x >= 3 && x < 3 + width && y >= 2 && y < 2 + height;
            kept  = kept && (inside || (cell->codes[0] == '~' && cell->ink == INK_BAD && cell->width == 1));
            whole = whole && (cell->codes[0] != 0 || cell->width == 0);
            ascii = ascii && (cell->codes[0] < 0x80 || cell->codes[0] >= 0x3000); /* those are in a name */
            shown += inside && cell->codes[0] != ' ';
        }
    }
    assert_true(kept && whole && (ascii || glyphs != GLYPHS_ASCII));
    canvas_free(canvas);
    return shown;
}

static const double hostile_x[] = {-INFINITY, -DBL_MAX, -1e300, -1, -0.0, 0, 1, 1, 1, 2, NAN, 3, 1e9, 2, 1e299, 1e308};
static const float  hostile_y[] = {0,  FLT_MAX, -FLT_MAX, NAN, INFINITY, 1e-45f, 1, -INFINITY,
                                   -1, 1,       5,        NAN, 1e30f,    2,      3, FLT_MAX};
static const float  hostile_band[] = {-1,    FLT_MAX,   0, NAN, 1, INFINITY, 1, 2,
                                      1e30f, -INFINITY, 0, 0,   1, NAN,      3, FLT_MAX};

enum { HOSTILE = sizeof hostile_y / sizeof *hostile_y };

static Chart hostile_chart(int variant, ChartSeries series[3])
{
    series[0] = (ChartSeries){"hostile \x1b[31m\xff", hostile_x, hostile_y, hostile_band, HOSTILE, INK_SERIES_0};
    series[1] = (ChartSeries){NULL, xs, hostile_y, NULL, HOSTILE, INK_SERIES_1};
    series[2] = (ChartSeries){"\xe4\xbd\xa0\xe5\xa5\xbd", xs, rise, spread, POINTS, INK_SERIES_2};
    const Chart charts[] = {
        {.series = series, .series_count = 3},
        {.title = "a title", .series = series, .series_count = 3, .legend = true, .smoothing = 0.9, .cursor = true},
        {.series = series, .series_count = 3, .legend = true, .log_y = true, .smoothing = 0.99, .unit = "%"},
        {.series = series, .series_count = 1, .x_min = 0.5, .x_max = 0.5, .y_min = 2, .y_max = 1, .unit = "tokens"},
        {.series = series + 1, .series_count = 1, .x_min = -DBL_MAX, .x_max = DBL_MAX, .cursor = true, .cursor_x = NAN},
        {.series       = series + 1,
         .series_count = 2,
         .x_min        = 3,
         .x_max        = 4.5,
         .y_min        = 1e-300,
         .y_max        = 1e300,
         .log_y        = true,
         .cursor       = true,
         .cursor_x     = 4},
        {.series       = series + 2,
         .series_count = 1,
         .x_min        = 1e-5,
         .x_max        = 2e-5,
         .cursor       = true,
         .cursor_x     = 1.5e-5,
         .legend       = true},
        {.series = series + 2, .series_count = 1, .y_min = 0.5, .y_max = 0.5000001, .smoothing = 7, .legend = true},
        {.series = series + 2, .series_count = 1, .y_min = -INFINITY, .y_max = NAN, .smoothing = NAN},
        {.series       = series,
         .series_count = 2,
         .x_min        = NAN,
         .x_max        = 1,
         .cursor       = true,
         .cursor_x     = INFINITY,
         .legend       = true},
    };
    return charts[variant % (int)(sizeof charts / sizeof *charts)];
}

static void test_nothing_outside(void **state)
{
    (void)state;
    for (int width = 1; width <= 60; width++) {
        for (int height = 1; height <= 20; height++) {
            for (int variant = 0; variant < 10; variant++) {
                for (int glyphs = 0; glyphs < 3; glyphs++) {
                    ChartSeries series[3];
                    const Chart chart = hostile_chart(variant, series);
                    assert_true(check_inside(width, height, &chart, NULL, (Glyphs)glyphs) > 0);
                }
            }
        }
    }
}

static void test_histogram_nothing_outside(void **state)
{
    (void)state;
    const Histogram histograms[] = {
        {rise, fall, POINTS, 0, 4096, "tokens", "now", "start"},
        {hostile_y, hostile_band, HOSTILE, -INFINITY, NAN, NULL, "now", NULL},
        {hostile_band, NULL, HOSTILE, 1, 1, "\xff", NULL, NULL},
        {rise, NULL, 0, 0, 1, NULL, NULL, NULL},
        {NULL, NULL, 5, 0, 1, NULL, NULL, NULL},
        {rise, rise, 1, -DBL_MAX, DBL_MAX, NULL, NULL, "start"},
    };
    for (int width = 1; width <= 60; width++) {
        for (int height = 1; height <= 20; height++) {
            for (size_t i = 0; i < sizeof histograms / sizeof *histograms; i++) {
                for (int glyphs = 0; glyphs < 3; glyphs++) {
                    assert_true(check_inside(width, height, NULL, &histograms[i], (Glyphs)glyphs) > 0);
                }
            }
        }
    }
}

/* One high and one low point among many stay where there are a thousand points to a column. */
static void test_extremes_are_kept(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    double *x = calloc(MANY, sizeof *x);
    float  *y = calloc(MANY, sizeof *y);
    for (int i = 0; i < MANY; i++) {
        x[i] = i;
    }
    y[7123]                  = 1;
    y[14321]                 = -1;
    const ChartSeries series = {"a", x, y, NULL, MANY, INK_SERIES_0};
    for (int glyphs = 0; glyphs < 3; glyphs++) {
        Canvas     *canvas = canvas_new(40, 9);
        const Chart chart  = {.series = &series, .series_count = 1, .y_min = -1, .y_max = 1};
        chart_draw(canvas_area(canvas), &chart, (Glyphs)glyphs);
        int high = 0, low = 0;
        for (int column = 3; column < 40; column++) {
            high += cell_at(canvas, column, 0)->ink == INK_SERIES_0;
            low += cell_at(canvas, column, 6)->ink == INK_SERIES_0;
        }
        assert_int_equal(high, 1);
        assert_int_equal(low, 1);
        canvas_free(canvas);
    }
    free(x);
    free(y);
}

/* On the row of x labels there are at least two blanks between any two labels. */
static void test_labels_do_not_meet(void **state)
{
    (void)state;
    int labels = 0;
    for (int i = 0; i < 3000; i++) {
        double x[2]              = {random_share() * pow(10, random_share() * 12 - 3), 0};
        x[1]                     = x[0] + random_share() * pow(10, random_share() * 12 - 3);
        const float       y[]    = {0, 1};
        const ChartSeries series = {"a", x, y, NULL, 2, INK_SERIES_0};
        const Chart       chart  = {.series       = &series,
                                    .series_count = 1,
                                    .cursor       = i % 2 == 0,
                                    .cursor_x     = x[0] + (x[1] - x[0]) * random_share()};
        const int         width  = 12 + (int)(random_bits() % 150);
        Canvas           *canvas = canvas_new(width, 8);
        chart_draw(canvas_area(canvas), &chart, GLYPHS_ASCII);
        for (int column = 1; column + 1 < width; column++) {
            const bool blank  = cell_at(canvas, column, 7)->codes[0] == ' ';
            const bool begins = cell_at(canvas, column - 1, 7)->codes[0] == ' ' && !blank;
            assert_false(blank && cell_at(canvas, column - 1, 7)->codes[0] != ' ' &&
                         cell_at(canvas, column + 1, 7)->codes[0] != ' ');
            labels += begins;
        }
        canvas_free(canvas);
    }
    assert_true(labels > 3000);
}

/* The nearest of 1, 2, 5 times a power of ten. */
static double round_near(double value)
{
    const double power    = pow(10, floor(log10(value) + 1e-6));
    const double mantissa = value / power;
    return power * (mantissa < 1.5 ? 1 : mantissa < 3.5 ? 2 : 5);
}

static bool is_round(double value)
{
    return value > 0 && fabs(value / round_near(value) - 1) < 1e-6;
}

static void check_ticks(double low, double high, int most, bool log)
{
    double    ticks[16];
    const int count = chart_ticks(low, high, most, log, ticks);
    assert_in_range(count, 1, most);
    for (int i = 0; i < count; i++) {
        assert_true(ticks[i] >= low && ticks[i] <= high);
        assert_true(i == 0 || ticks[i] > ticks[i - 1]);
    }
    const double step   = count >= 2 ? ticks[1] - ticks[0] : 1;
    bool         spaced = count == 1 || is_round(step), powers = true;
    for (int i = 0; i < count; i++) {
        const double index = ticks[i] / round_near(step);
        spaced             = spaced && (count == 1 || fabs(index - round(index)) < 1e-6);
        powers             = powers && is_round(ticks[i]);
    }
    assert_true(spaced || (log && powers));
}

static void test_ticks(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const double low  = (random_share() - 0.5) * pow(10, random_share() * 60 - 30);
        const double high = low + (fabs(low) * 1e-6 + random_share() * pow(10, random_share() * 60 - 30));
        check_ticks(low, high, 2 + (int)(random_bits() % 15), false);
    }
    for (int i = 0; i < 200000; i++) {
        const double low = pow(10, random_share() * 60 - 30);
        check_ticks(low, low * pow(10, 1e-4 + random_share() * random_share() * 40), 2 + (int)(random_bits() % 15),
                    true);
    }
    double ticks[16];
    assert_int_equal(chart_ticks(0, 1, 6, false, ticks), 6);
    assert_true(ticks[3] == 0.2 * 3 || ticks[3] == 0.6);
    assert_int_equal(chart_ticks(0, 1, 5, false, ticks), 3); /* 0 0.5 1 */
    assert_int_equal(chart_ticks(1, 1000, 4, true, ticks), 4);
    assert_true(ticks[0] == 1 && ticks[1] == 10 && ticks[3] == 1000);
    assert_int_equal(chart_ticks(1, 100, 16, true, ticks), 7); /* 1 2 5 10 20 50 100 */
    assert_true(ticks[1] == 2 && ticks[2] == 5 && ticks[5] == 50);
    assert_int_equal(chart_ticks(1, 1, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(2, 1, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(NAN, 1, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(0, INFINITY, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(-1, 10, 5, true, ticks), 0);
    for (int i = 0; i < 100000; i++) { /* any doubles: it ends, and says no more than it was asked for */
        const int most = 2 + (int)(random_bits() % 15);
        assert_in_range(chart_ticks(random_double(), random_double(), most, i % 2 == 0, ticks), 0, most);
    }
    assert_in_range(chart_ticks(-DBL_MAX, DBL_MAX, 2, false, ticks), 1, 2);
    assert_in_range(chart_ticks(DBL_TRUE_MIN, DBL_MAX, 3, true, ticks), 2, 3);
}

/* What is read back is what was written, but for rounding. */
static double number_back(const char *text)
{
    char        *end;
    const double value = strtod(text, &end), factors[] = {1e3, 1e6, 1e9, 1e12};
    const char  *unit = *end != '\0' ? strchr("kMGT", *end) : NULL;
    assert_true(*end == '\0' || (unit != NULL && end[1] == '\0'));
    return unit != NULL ? value * factors[unit - "kMGT"] : value;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double      value;
        const char *text;
    } numbers[] = {{0.25, "0.25"},
                   {1200, "1.2k"},
                   {3.4e6, "3.4M"},
                   {1e-5, "1e-05"},
                   {NAN, ""},
                   {0, "0"},
                   {-0.0, "0"},
                   {INFINITY, "inf"},
                   {-INFINITY, "-inf"},
                   {999.4, "999"},
                   {999.6, "1k"},
                   {-1234567, "-1.23M"},
                   {0.123456, "0.123"},
                   {12345, "12.3k"},
                   {1e15, "1e+15"},
                   {999.4e12, "999T"},
                   {-1.25e-300, "-1e-300"},
                   {100, "100"},
                   {0.001, "0.001"}};
    char text[16];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        chart_number(numbers[i].value, text);
        assert_string_equal(text, numbers[i].text);
    }
    for (int i = 0; i < 500000; i++) {
        const double value = i % 2 == 0 ? random_double() : (random_share() - 0.5) * pow(10, random_share() * 40 - 20);
        chart_number(value, text);
        assert_true(strlen(text) <= 8);
        if (isfinite(value)) {
            const double size = fabs(value), tolerance = size >= 1e-3 && size < 1e15 ? 0.0051 : 0.34;
            assert_true(size < 1e-300 || size > 1e307 || fabs(number_back(text) - value) <= tolerance * size);
        }
    }
}

/* The mean of all finite points so far, each weighted by smoothing^(number of finite points since). */
static void test_smoothing(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static const double smoothings[] = {0, 0.3, 0.6, 0.9, 0.97, 0.99};
    float               y[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++) {
        y[i] = i % 7 == 3 ? NAN : i % 50 == 20 ? INFINITY : (float)(random_share() * 10 - 3 + i * 0.1);
    }
    y[0] = NAN;
    for (size_t s = 0; s < sizeof smoothings / sizeof *smoothings; s++) {
        chart_smooth(y, COUNT, smoothings[s], out);
        for (int i = 0; i < COUNT; i++) {
            if (!isfinite(y[i])) {
                assert_true(isnan(out[i]));
                continue;
            }
            double sum = 0, weights = 0, weight = 1;
            for (int j = i; j >= 0; j--) {
                if (isfinite(y[j])) {
                    sum += weight * (double)y[j];
                    weights += weight;
                    weight *= smoothings[s];
                }
            }
            assert_true(fabs((double)out[i] - sum / weights) <= 1e-6 * fabs(sum / weights) + 1e-7);
        }
    }
    chart_smooth(y, 0, 0.5, NULL);
}

/* The legend reads the value that chart_smooth gives, also where only the end of a long series is shown. */
static void test_readings(void **state)
{
    (void)state;
    enum { COUNT = 9000 };
    double *x = calloc(COUNT, sizeof *x);
    float  *y = calloc(COUNT, sizeof *y), *smooth = calloc(COUNT, sizeof *smooth);
    for (int i = 0; i < COUNT; i++) {
        x[i] = i;
        y[i] = i % 7 != 0 ? NAN : (float)(i < 7000 ? 500 + random_share() : i % 500);
    }
    chart_smooth(y, COUNT, 0.99, smooth);
    const ChartSeries series = {"a", x, y, NULL, COUNT, INK_SERIES_0};
    for (int i = 7000; i < COUNT; i += 49) {
        char smoothed[16], raw[16], expected[64];
        chart_number((double)smooth[i], smoothed);
        chart_number((double)y[i], raw);
        for (int cursor = 0; cursor < 2; cursor++) {
            Chart chart    = {.series       = &series,
                              .series_count = 1,
                              .smoothing    = 0.99,
                              .legend       = true,
                              .x_min        = i - 5,
                              .x_max        = i + 3,
                              .cursor       = cursor};
            chart.cursor_x = i + 3; /* nearer to this point than to the next */
            snprintf(expected, sizeof expected, cursor ? "a %s (%s)\n" : "a %s\n", smoothed, raw);
            Canvas *canvas = canvas_new(30, 2);
            chart_draw(canvas_area(canvas), &chart, GLYPHS_BRAILLE);
            char *text = text_of(canvas);
            assert_memory_equal(text, expected, strlen(expected));
            free(text);
            canvas_free(canvas);
        }
    }
    free(x);
    free(y);
    free(smooth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens),
        cmocka_unit_test(test_small_screens),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_without_data),
        cmocka_unit_test(test_one_point_and_constants),
        cmocka_unit_test(test_histogram_screens),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_later_series_lies_on_top),
        cmocka_unit_test(test_smoothed_lies_on_raw_and_band),
        cmocka_unit_test(test_nothing_outside),
        cmocka_unit_test(test_histogram_nothing_outside),
        cmocka_unit_test(test_extremes_are_kept),
        cmocka_unit_test(test_labels_do_not_meet),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_smoothing),
        cmocka_unit_test(test_readings),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
