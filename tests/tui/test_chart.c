/* Charts: expected screens in each set of glyphs, and whose ink lies on top. */
#include "tests/tui/chart_series.h"

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
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
