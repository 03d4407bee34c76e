/* Plots: nothing overlaps at any size, and curves are where their values say. */
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
#include "tests/support/png.h"
#include "tui/image/plot.h"
#include "tui/image/plot_parts.h"
#include "tui/draw/theme.h"

enum { POINTS = 300, WHITE = 0xFFFFFF };

static double steps[POINTS];
static float  rising[POINTS], noisy[POINTS], spread[POINTS], powers[POINTS], gaps[POINTS];

static int fill_data(void **state)
{
    (void)state;
    Random random = random_stream(3, RANDOM_TEST, 0, 0);
    for (int i = 0; i < POINTS; i++) {
        steps[i]  = i;
        rising[i] = (float)i / (POINTS - 1);
        noisy[i]  = 0.5f + 0.4f * (float)(random_uniform(&random) - 0.5);
        spread[i] = 0.2f;
        powers[i] = powf(10, -4 + 4 * (float)i / (POINTS - 1));
        gaps[i]   = i >= 100 && i < 200 ? NAN : 0.5f;
    }
    return 0;
}

static uint32_t paper(Ink ink)
{
    const ThemeInk *look = theme_ink(ink);
    return (uint32_t)look->paper_red << 16 | (uint32_t)look->paper_green << 8 | look->paper_blue;
}

/* A written plot and where things lie on it. */
typedef struct Sheet {
    Png        png;
    PlotLayout layout;
    Font      *font;
} Sheet;

static Sheet write_sheet(const Plot *plot)
{
    const char *path  = fixture_path(fixture_directory(), "plot.png");
    Sheet       sheet = {.font = font_open(FONT_PROPORTIONAL)};
    Error       error = {0};
    if (plot_write(plot, path, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    sheet.png = png_read(path);
    assert_true(plot_lay_out(plot, sheet.font, &sheet.layout));
    assert_int_equal(sheet.png.width, sheet.layout.width);
    assert_int_equal(sheet.png.height, sheet.layout.height);
    assert_int_equal(png_pixel(&sheet.png, 0, 0), WHITE);
    assert_int_equal(png_pixel(&sheet.png, sheet.png.width - 1, sheet.png.height - 1), WHITE);
    return sheet;
}

static void free_sheet(Sheet *sheet)
{
    plot_layout_free(&sheet->layout);
    png_free(&sheet->png);
    font_free(sheet->font);
}

static uint32_t at(const Sheet *sheet, int panel, double x, double y)
{
    const PlotAxes *axes = &sheet->layout.axes[panel];
    return png_pixel(&sheet->png, (int)plot_axes_x(axes, x), (int)plot_axes_y(axes, y));
}

/* Edges are smooth, so that a line's pixels are nearly of its colour. */
static bool is_near(uint32_t colour, uint32_t wanted)
{
    for (int shift = 0; shift <= 16; shift += 8) {
        if (abs((int)(colour >> shift & 0xFF) - (int)(wanted >> shift & 0xFF)) > 24) {
            return false;
        }
    }
    return true;
}

static const PlotText *find_text(const PlotLayout *layout, PlotTextKind kind, const char *text)
{
    for (size_t i = 0; i < layout->text_count; i++) {
        if (layout->texts[i].kind == kind && (text == NULL || strcmp(layout->texts[i].text, text) == 0)) {
            return &layout->texts[i];
        }
    }
    return NULL;
}

static void test_curves_lie_where_their_values_say(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"rising", steps, rising, NULL, POINTS, INK_SERIES_0},
                                  {"gaps", steps, gaps, NULL, POINTS, INK_SERIES_1}};
    const PlotPanel panel = {{.title = "t", .series = series, .series_count = 2, .y_min = 0, .y_max = 1}, "step", "y"};
    Sheet           sheet = write_sheet(&(Plot){.title = "two curves", .panels = &panel, .panel_count = 1});
    assert_int_equal(sheet.png.width, 900);
    assert_int_equal(sheet.png.height, 560);
    const PlotAxes *axes = &sheet.layout.axes[0]; /* values rise upwards and to the right */
    assert_true(fabs(plot_axes_y(axes, 1) - axes->box.y) < 1e-6);
    assert_true(fabs(plot_axes_y(axes, 0) - axes->box.y - axes->box.height) < 1e-6);
    assert_true(fabs(plot_axes_x(axes, 0) - axes->box.x) < 1e-6);
    assert_true(fabs(plot_axes_x(axes, POINTS - 1) - axes->box.x - axes->box.width) < 1e-6);
    for (int i = 10; i < 290; i += 20) {
        if (abs(i - 150) > 5) {
            assert_true(is_near(at(&sheet, 0, i, (double)rising[i]), paper(INK_SERIES_0)));
        }
        const bool gap = i > 100 && i < 200;
        if (i != 150) { /* where the other curve crosses */
            assert_int_equal(is_near(at(&sheet, 0, i, 0.5), paper(INK_SERIES_1)), !gap);
        }
        assert_false(is_near(at(&sheet, 0, i, (double)rising[i] + 0.05), paper(INK_SERIES_0)));
    }
    assert_int_equal(at(&sheet, 0, 30, 0.77), WHITE);
    free_sheet(&sheet);
}

static void test_log_axis(void **state)
{
    (void)state;
    const ChartSeries series = {"powers", steps, powers, NULL, POINTS, INK_SERIES_2};
    const PlotPanel   panel  = {{.series = &series, .series_count = 1, .log_y = true}, "step", "KL"};
    Sheet             sheet  = write_sheet(&(Plot){.panels = &panel, .panel_count = 1});
    for (int i = 10; i < 290; i += 20) {
        assert_true(is_near(at(&sheet, 0, i, (double)powers[i]), paper(INK_SERIES_2)));
    }
    /* The middle of the values is the middle of the axis. */
    const PlotAxes *axes = &sheet.layout.axes[0];
    assert_true(fabs(plot_axes_y(axes, 1e-2) - (axes->box.y + axes->box.height / 2)) < 2);
    for (double tick = 1e-4; tick <= 1; tick *= 10) {
        char label[16];
        snprintf(label, sizeof label, "%g", tick);
        assert_non_null(find_text(&sheet.layout, PLOT_Y_TICK, label));
    }
    free_sheet(&sheet);
}

/* Bands are translucent, raw curves faint, and the smoothed one is on top in full colour. */
static void test_bands_and_raw_curves_are_faint(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"mean", steps, noisy, spread, POINTS, INK_SERIES_0}};
    const PlotPanel   panel    = {
             {.series = series, .series_count = 1, .y_min = 0, .y_max = 1, .smoothing = 0.95}, "step", "y"};
    Sheet sheet = write_sheet(&(Plot){.panels = &panel, .panel_count = 1});
    float smooth[POINTS];
    chart_smooth(noisy, POINTS, 0.95, smooth);
    const uint32_t blue = paper(INK_SERIES_0);
    int            full = 0, raw = 0;
    for (int i = 60; i < 280; i++) {
        full += is_near(at(&sheet, 0, i, (double)smooth[i]), blue);
        const uint32_t band = at(&sheet, 0, i + 0.5, (double)smooth[i] - 0.195);
        assert_true(band != WHITE && !is_near(band, blue));
        if (fabsf(noisy[i] - smooth[i]) > 0.1f) {
            const uint32_t faint = at(&sheet, 0, i, (double)noisy[i]);
            assert_false(is_near(faint, blue));
            raw += (faint & 0xFF0000) < (band & 0xFF0000);
        }
    }
    assert_true(full >= 215);
    assert_true(raw > 40);
    assert_int_equal(at(&sheet, 0, 100.7, (double)smooth[100] + 0.26), WHITE);
    assert_non_null(find_text(&sheet.layout, PLOT_NOTE, NULL)); /* says what they mean */
    free_sheet(&sheet);
}

/* Few points are marked; a smoothed curve has none; a point between gaps would be lost without its mark. */
static void test_points_are_marked(void **state)
{
    (void)state;
    const double x[]    = {0, 1, 2, 3, 4};
    const float  flat[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f}, alone[] = {NAN, NAN, 0.25f, NAN, NAN};
    for (int smooth = 0; smooth < 2; smooth++) {
        const ChartSeries series[] = {{"flat", x, flat, NULL, 5, INK_SERIES_0},
                                      {"alone", x, alone, NULL, 5, INK_SERIES_1}};
        const PlotPanel   panel    = {
                 {.series = series, .series_count = 2, .y_min = 0, .y_max = 1, .smoothing = 0.9 * smooth}, "step", "y"};
        Sheet           sheet = write_sheet(&(Plot){.panels = &panel, .panel_count = 1});
        const PlotAxes *axes  = &sheet.layout.axes[0];
        const int       above = (int)plot_axes_y(axes, 0.5) - 2;
        for (int i = 1; i < 4; i++) {
            const bool marked = is_near(png_pixel(&sheet.png, (int)plot_axes_x(axes, i), above), paper(INK_SERIES_0));
            assert_int_equal(marked, !smooth);
            assert_false(is_near(png_pixel(&sheet.png, (int)plot_axes_x(axes, i - 0.5), above), paper(INK_SERIES_0)));
        }
        assert_true(is_near(at(&sheet, 0, 2, 0.25), paper(INK_SERIES_1)));
        free_sheet(&sheet);
    }
}

static void test_texts_say_what_is_shown(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"with effort", steps, rising, NULL, POINTS, INK_SERIES_0},
                                  {"without", steps, noisy, NULL, POINTS, INK_SERIES_1}};
    const PlotPanel   panels[] = {
          {{.title = "Length", .unit = "tokens", .series = series, .series_count = 2}, "step", "mean length"},
          {{.title = "Accuracy", .unit = "%", .series = series, .series_count = 1, .legend = true}, "step", "accuracy"}};
    Sheet             sheet  = write_sheet(&(Plot){.title = "Runs", .panels = panels, .panel_count = 2});
    const PlotLayout *layout = &sheet.layout;
    assert_non_null(find_text(layout, PLOT_TITLE, "Runs"));
    assert_non_null(find_text(layout, PLOT_PANEL_TITLE, "Length"));
    assert_non_null(find_text(layout, PLOT_Y_LABEL, "mean length (tokens)"));
    assert_non_null(find_text(layout, PLOT_Y_LABEL, "accuracy"));
    assert_non_null(find_text(layout, PLOT_X_LABEL, "step"));
    assert_non_null(find_text(layout, PLOT_LEGEND, "with effort"));
    assert_non_null(find_text(layout, PLOT_LEGEND, "without"));
    assert_non_null(find_text(layout, PLOT_X_TICK, "100"));
    assert_int_equal(layout->key_count, 3);
    /* The samples have their curves' colours. */
    assert_int_equal(
        png_pixel(&sheet.png, (int)(layout->keys[1].x + layout->keys[1].length / 2), (int)layout->keys[1].y),
        paper(INK_SERIES_1));
    /* Each tick has its label beside it, and its line in the grid. */
    const PlotAxes *axes = &layout->axes[0];
    assert_true(axes->y_ticks.count >= 4);
    for (int i = 0; i < axes->y_ticks.count; i++) {
        const PlotText *label = NULL;
        for (size_t j = 0; j < layout->text_count && label == NULL; j++) {
            const PlotText *text = &layout->texts[j];
            label = text->kind == PLOT_Y_TICK && text->panel == 0 && strcmp(text->text, axes->y_ticks.labels[i]) == 0
                        ? text
                        : NULL;
        }
        assert_non_null(label);
        const double middle = label->box.y + label->box.height / 2;
        assert_true(fabs(middle - plot_axes_y(axes, axes->y_ticks.values[i])) < 2);
        assert_true(label->box.x + label->box.width < axes->box.x);
    }
    free_sheet(&sheet);

    /* One legend for panels that show the same runs. */
    const PlotPanel same[] = {panels[0], panels[0], panels[0]};
    sheet                  = write_sheet(&(Plot){.title = "Runs", .panels = same, .panel_count = 3, .columns = 3});
    assert_int_equal(sheet.layout.key_count, 2);
    assert_int_equal(sheet.png.width, 1800);
    free_sheet(&sheet);
}

/* --- nothing overlaps */

static bool meets(PlotBox a, PlotBox b)
{
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

static bool inside(PlotBox box, const PlotLayout *layout)
{
    return box.x >= 0 && box.y >= 0 && box.x + box.width <= layout->width && box.y + box.height <= layout->height;
}

static void check_layout(const PlotLayout *layout, int panels)
{
    for (size_t i = 0; i < layout->text_count; i++) {
        const PlotText *text = &layout->texts[i];
        assert_true(inside(text->box, layout));
        for (size_t j = 0; j < i; j++) {
            if (meets(text->box, layout->texts[j].box)) {
                fail_msg("%d x %d: \"%s\" meets \"%s\"", layout->width, layout->height, text->text,
                         layout->texts[j].text);
            }
        }
        for (int p = 0; p < panels; p++) {
            if (meets(text->box, layout->axes[p].box) && !(text->kind == PLOT_NOTE && text->panel == p)) {
                fail_msg("%d x %d: \"%s\" lies over the curves", layout->width, layout->height, text->text);
            }
        }
        for (size_t k = 0; k < layout->key_count; k++) {
            const PlotKey *key = &layout->keys[k];
            assert_false(meets(text->box, (PlotBox){key->x, key->y - 1, key->length, 2}));
        }
    }
    for (int p = 0; p < panels; p++) {
        assert_true(inside(layout->axes[p].box, layout));
        for (int q = 0; q < p; q++) {
            assert_false(meets(layout->axes[p].box, layout->axes[q].box));
        }
    }
}

static void check_sizes(void)
{
    static const int sizes[][2] = {{300, 200},   {301, 900},  {333, 250},   {400, 300},   {500, 200},
                                   {640, 480},   {800, 600},  {1024, 400},  {1280, 1024}, {1920, 1080},
                                   {1000, 3000}, {4000, 700}, {4000, 3000}, {0, 0}};
    float            large[POINTS], small[POINTS];
    for (int i = 0; i < POINTS; i++) {
        large[i] = noisy[i] * 1e7f;
        small[i] = -3e-6f + noisy[i] * 1e-8f;
    }
    const ChartSeries series[] = {
        {"countdown with the effort reward, seed 1, a name that is much too long for a legend", steps, noisy, spread,
         POINTS, INK_SERIES_0},
        {"漢字 \xff\x1b[31m", steps, large, NULL, POINTS, INK_SERIES_1},
        {"small", steps, small, NULL, POINTS, INK_SERIES_2},
        {"powers", steps, powers, NULL, POINTS, INK_SERIES_3},
        {"five", steps, rising, NULL, POINTS, INK_SERIES_4},
        {NULL, steps, rising, NULL, POINTS, INK_SERIES_5},
        {"seven", steps, rising, NULL, 1, INK_SERIES_0},
        {"eight", steps, rising, NULL, POINTS, INK_SERIES_0},
    };
    const PlotPanel panels[] = {
        {{.title = "Reward", .series = series + 4, .series_count = 1}, "step", "reward"},
        {{.title        = "A panel with a title that is rather long, and more",
          .unit         = "tokens",
          .series       = series,
          .series_count = 8,
          .smoothing    = 0.9,
          .legend       = true},
         "step of the whole run, both stages",
         "a label of the y axis that has no room anywhere at all"},
        {{.title = "log", .series = series + 1, .series_count = 3, .log_y = true}, "step", "KL"},
        {{.title = "small", .unit = "%", .series = series + 2, .series_count = 1}, NULL, NULL},
        {{.title = NULL, .series = series, .series_count = 0}, "step", "nothing"},
        {{.title = "part", .series = series + 3, .series_count = 2, .x_min = 10.25, .x_max = 10.75}, "step", "y"},
    };
    Font *font = font_open(FONT_PROPORTIONAL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int first = 0; first < 6; first++) {
            for (int count = 1; count <= 6 - first; count++) {
                PlotLayout layout;
                Plot       plot = {.title       = "Runs of the flagship experiment, with a long title: 漢字",
                                   .panels      = panels + first,
                                   .panel_count = count,
                                   .columns     = count > 3 && first == 1 ? 3 : 0,
                                   .width       = sizes[i][0],
                                   .height      = sizes[i][1]};
                assert_true(plot_lay_out(&plot, font, &layout));
                check_layout(&layout, count);
                if (count == 1) { /* there is room for all that one panel has */
                    assert_non_null(find_text(&layout, PLOT_TITLE, NULL));
                    assert_true((panels[first].chart.title == NULL) ==
                                (find_text(&layout, PLOT_PANEL_TITLE, NULL) == NULL));
                    assert_true(panels[first].chart.series_count == 0 || find_text(&layout, PLOT_X_TICK, NULL) != NULL);
                    assert_true(panels[first].chart.series_count == 0 || find_text(&layout, PLOT_Y_TICK, NULL) != NULL);
                    assert_true(panels[first].chart.series_count != 8 || find_text(&layout, PLOT_LEGEND, NULL) != NULL);
                    size_t labels = 0; /* ticks are chosen so that all have room for their label */
                    for (size_t t = 0; t < layout.text_count; t++) {
                        labels += layout.texts[t].kind == PLOT_X_TICK || layout.texts[t].kind == PLOT_Y_TICK;
                    }
                    assert_int_equal(labels, layout.axes[0].x_ticks.count + layout.axes[0].y_ticks.count);
                    assert_true(layout.axes[0].box.width >= 0.45 * layout.width);
                    assert_true(layout.axes[0].box.height >= 0.35 * layout.height);
                }
                plot_layout_free(&layout);
            }
        }
    }
    font_free(font);
}

/* Long numbers get fewer ticks, not ticks without a label. */
static void test_every_tick_has_its_label(void **state)
{
    (void)state;
    double late[POINTS];
    for (int i = 0; i < POINTS; i++) {
        late[i] = 1234000 + i * 0.01;
    }
    const ChartSeries series = {"late", late, rising, NULL, POINTS, INK_SERIES_0};
    const PlotPanel   panel  = {{.series = &series, .series_count = 1}, "step", "y"};
    Font             *font   = font_open(FONT_PROPORTIONAL);
    for (int width = 300; width <= 1800; width += 50) {
        PlotLayout layout;
        size_t     labels = 0;
        assert_true(
            plot_lay_out(&(Plot){.panels = &panel, .panel_count = 1, .width = width, .height = 560}, font, &layout));
        for (size_t i = 0; i < layout.text_count; i++) {
            labels += layout.texts[i].kind == PLOT_X_TICK;
        }
        assert_true(labels >= 2);
        assert_int_equal(labels, layout.axes[0].x_ticks.count);
        plot_layout_free(&layout);
    }
    font_free(font);
}

static void test_nothing_overlaps_at_any_size(void **state)
{
    (void)state;
    check_sizes();
    setenv("RLSP_FONT", "/nowhere/none.ttf", 1);
    check_sizes();
    unsetenv("RLSP_FONT");
}

/* What is drawn is what was laid out: outside of the boxes the paper is white. */
static void test_ink_stays_in_its_boxes(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"a run", steps, noisy, spread, POINTS, INK_SERIES_0},
                                  {"another", steps, powers, NULL, POINTS, INK_SERIES_1}};
    const PlotPanel   panel    = {
             {.title = "Reward (gjpqy)", .series = series, .series_count = 2, .smoothing = 0.5}, "step", "yield"};
    for (int builtin = 0; builtin < 2; builtin++) {
        if (builtin) {
            setenv("RLSP_FONT", "/nowhere/none.ttf", 1);
        }
        Sheet sheet =
            write_sheet(&(Plot){.title = "Joy", .panels = &panel, .panel_count = 1, .width = 450, .height = 300});
        const PlotLayout *layout = &sheet.layout;
        const PlotBox     axes   = layout->axes[0].box;
        for (int y = 0; y < sheet.png.height; y++) {
            for (int x = 0; x < sheet.png.width; x++) {
                const PlotBox pixel = {x, y, 1, 1};
                bool          known = meets(pixel, (PlotBox){axes.x - 6, axes.y - 3, axes.width + 11, axes.height + 9});
                for (size_t i = 0; i < layout->text_count && !known; i++) {
                    const PlotBox box = layout->texts[i].box;
                    known             = meets(pixel, (PlotBox){box.x - 2, box.y - 2, box.width + 4, box.height + 4});
                }
                for (size_t i = 0; i < layout->key_count && !known; i++) {
                    const PlotKey *key = &layout->keys[i];
                    known              = meets(pixel, (PlotBox){key->x - 2, key->y - 3, key->length + 4, 6});
                }
                if (!known) {
                    assert_int_equal(png_pixel(&sheet.png, x, y), WHITE);
                }
            }
        }
        free_sheet(&sheet);
    }
    unsetenv("RLSP_FONT");
}

/* --- anything may be asked for */

static void test_any_numbers_at_any_size(void **state)
{
    (void)state;
    static const float odd[]  = {0, -0.0f, 1e38f, -1e38f, 1e-38f, NAN, INFINITY, -INFINITY, 1, -1, 1e-45f, 3e5f};
    Random             random = random_stream(9, RANDOM_TEST, 0, 0);
    const char        *path   = fixture_path(fixture_directory(), "any.png");
    for (int round = 0; round < 150; round++) {
        double      x[40];
        float       y[3][40], band[40];
        ChartSeries series[3];
        double      along = random_uniform(&random) * 10 - 5;
        for (int i = 0; i < 40; i++) {
            along += random_below(&random, 4) == 0 ? 0 : random_uniform(&random) * (round % 7 == 0 ? 1e200 : 5);
            x[i]    = round % 11 == 0 && i % 9 == 0 ? (double)odd[random_below(&random, 12)] : along;
            band[i] = odd[random_below(&random, 12)];
            for (int s = 0; s < 3; s++) {
                y[s][i] =
                    random_below(&random, 3) == 0 ? odd[random_below(&random, 12)] : (float)random_normal(&random);
            }
        }
        for (int s = 0; s < 3; s++) {
            series[s] = (ChartSeries){s == 1 ? NULL : "name",
                                      x,
                                      y[s],
                                      s == 0 ? band : NULL,
                                      random_below(&random, 41),
                                      (Ink)random_below(&random, INK_COUNT)};
        }
        PlotPanel panels[3];
        for (int p = 0; p < 3; p++) {
            panels[p] =
                (PlotPanel){{.title        = "panel",
                             .unit         = p == 0 ? "%" : NULL,
                             .series       = series,
                             .series_count = (int)random_below(&random, 4),
                             .x_min        = random_below(&random, 3) == 0 ? (double)odd[random_below(&random, 12)] : 0,
                             .x_max        = random_below(&random, 3) == 0 ? (double)odd[random_below(&random, 12)] : 0,
                             .y_min        = random_below(&random, 3) == 0 ? (double)odd[random_below(&random, 12)] : 0,
                             .y_max        = random_below(&random, 3) == 0 ? (double)odd[random_below(&random, 12)] : 0,
                             .smoothing    = random_below(&random, 2) == 0 ? 0 : random_uniform(&random) * 1.5,
                             .log_y        = random_below(&random, 2) == 0,
                             .legend       = random_below(&random, 2) == 0},
                            "x",
                            "y"};
        }
        const Plot plot  = {.title       = random_below(&random, 2) == 0 ? NULL : "title",
                            .panels      = panels,
                            .panel_count = (int)random_below(&random, 4),
                            .columns     = (int)random_below(&random, 5),
                            .width       = 1 + (int)random_below(&random, 400),
                            .height      = 1 + (int)random_below(&random, 300)};
        Error      error = {0};
        if (plot_write(&plot, path, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
    }
}

static void test_no_data_is_said(void **state)
{
    (void)state;
    const float       nothing[3] = {NAN, NAN, INFINITY}, below[3] = {-1, 0, -2};
    const ChartSeries series[] = {{"a", steps, nothing, NULL, 3, INK_SERIES_0},
                                  {"b", steps, below, NULL, 3, INK_SERIES_0}};
    const PlotPanel   panels[] = {
          {{.title = "a", .series = series, .series_count = 1}, "step", "y"},
          {{.title = "b", .series = series + 1, .series_count = 1, .log_y = true}, "step", "y"},
          {{.title = "c", .series = series + 1, .series_count = 1, .x_min = 7, .x_max = 9}, "step", "y"}};
    Sheet sheet = write_sheet(&(Plot){.panels = panels, .panel_count = 3});
    assert_non_null(find_text(&sheet.layout, PLOT_NOTE, "no data"));
    assert_non_null(find_text(&sheet.layout, PLOT_NOTE, "nothing above zero"));
    assert_non_null(find_text(&sheet.layout, PLOT_NOTE, "no data here"));
    free_sheet(&sheet);
}

static void test_same_plot_same_bytes_and_clear_errors(void **state)
{
    (void)state;
    const ChartSeries series    = {"rising", steps, rising, spread, POINTS, INK_SERIES_0};
    const PlotPanel   panel     = {{.title = "t", .series = &series, .series_count = 1, .smoothing = 0.9}, "step", "y"};
    Plot              plot      = {.title = "T", .panels = &panel, .panel_count = 1};
    const char       *directory = fixture_directory();
    size_t            bytes[2];
    char             *files[2];
    const char       *names[2] = {"one.png", "two.png"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(plot_write(&plot, fixture_path(directory, names[i]), NULL), STATUS_OK);
        files[i] = fixture_text(fixture_path(directory, names[i]), &bytes[i]);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(files[0], files[1], bytes[0]);
    free(files[0]);
    free(files[1]);

    Error error = {0};
    assert_int_equal(plot_write(&plot, fixture_path(directory, "none/plot.png"), &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "none/plot.png"));
    plot.width  = 20000;
    plot.height = 100;
    error       = (Error){0};
    assert_int_equal(plot_write(&plot, fixture_path(directory, "large.png"), &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "too large"));
    assert_false(file_exists(fixture_path(directory, "large.png")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves_lie_where_their_values_say),
        cmocka_unit_test(test_log_axis),
        cmocka_unit_test(test_bands_and_raw_curves_are_faint),
        cmocka_unit_test(test_points_are_marked),
        cmocka_unit_test(test_texts_say_what_is_shown),
        cmocka_unit_test(test_every_tick_has_its_label),
        cmocka_unit_test(test_nothing_overlaps_at_any_size),
        cmocka_unit_test(test_ink_stays_in_its_boxes),
        cmocka_unit_test(test_any_numbers_at_any_size),
        cmocka_unit_test(test_no_data_is_said),
        cmocka_unit_test(test_same_plot_same_bytes_and_clear_errors),
    };
    return cmocka_run_group_tests_name("plot", tests, fill_data, NULL);
}
