/* Plots: nothing overlaps at any size, and what is drawn lies where it was laid out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/plot_sheet.h"

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
        large[i] = plot_noisy[i] * 1e7f;
        small[i] = -3e-6f + plot_noisy[i] * 1e-8f;
    }
    const ChartSeries series[] = {
        {"countdown with the effort reward, seed 1, a name that is much too long for a legend", plot_steps, plot_noisy,
         plot_spread, POINTS, INK_SERIES_0},
        {"漢字 \xff\x1b[31m", plot_steps, large, NULL, POINTS, INK_SERIES_1},
        {"small", plot_steps, small, NULL, POINTS, INK_SERIES_2},
        {"powers", plot_steps, plot_powers, NULL, POINTS, INK_SERIES_3},
        {"five", plot_steps, plot_rising, NULL, POINTS, INK_SERIES_4},
        {NULL, plot_steps, plot_rising, NULL, POINTS, INK_SERIES_5},
        {"seven", plot_steps, plot_rising, NULL, 1, INK_SERIES_0},
        {"eight", plot_steps, plot_rising, NULL, POINTS, INK_SERIES_0},
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
                    assert_non_null(sheet_find(&layout, PLOT_TITLE, NULL));
                    assert_true((panels[first].chart.title == NULL) ==
                                (sheet_find(&layout, PLOT_PANEL_TITLE, NULL) == NULL));
                    assert_true(panels[first].chart.series_count == 0 ||
                                sheet_find(&layout, PLOT_X_TICK, NULL) != NULL);
                    assert_true(panels[first].chart.series_count == 0 ||
                                sheet_find(&layout, PLOT_Y_TICK, NULL) != NULL);
                    assert_true(panels[first].chart.series_count != 8 ||
                                sheet_find(&layout, PLOT_LEGEND, NULL) != NULL);
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
    const ChartSeries series = {"late", late, plot_rising, NULL, POINTS, INK_SERIES_0};
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
    const ChartSeries series[] = {{"a run", plot_steps, plot_noisy, plot_spread, POINTS, INK_SERIES_0},
                                  {"another", plot_steps, plot_powers, NULL, POINTS, INK_SERIES_1}};
    const PlotPanel   panel    = {
             {.title = "Reward (gjpqy)", .series = series, .series_count = 2, .smoothing = 0.5}, "step", "yield"};
    for (int builtin = 0; builtin < 2; builtin++) {
        if (builtin) {
            setenv("RLSP_FONT", "/nowhere/none.ttf", 1);
        }
        Sheet sheet =
            sheet_write(&(Plot){.title = "Joy", .panels = &panel, .panel_count = 1, .width = 450, .height = 300});
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
        sheet_free(&sheet);
    }
    unsetenv("RLSP_FONT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tick_has_its_label),
        cmocka_unit_test(test_nothing_overlaps_at_any_size),
        cmocka_unit_test(test_ink_stays_in_its_boxes),
    };
    return cmocka_run_group_tests_name("plot layout", tests, sheet_data, NULL);
}
