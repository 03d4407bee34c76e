/* Plots: curves are where their values say, texts say what is shown, and anything may be asked for. */
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
#include "tests/support/plot_sheet.h"

static void test_curves_lie_where_their_values_say(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"rising", plot_steps, plot_rising, NULL, POINTS, INK_SERIES_0},
                                  {"gaps", plot_steps, plot_gaps, NULL, POINTS, INK_SERIES_1}};
    const PlotPanel panel = {{.title = "t", .series = series, .series_count = 2, .y_min = 0, .y_max = 1}, "step", "y"};
    Sheet           sheet = sheet_write(&(Plot){.title = "two curves", .panels = &panel, .panel_count = 1});
    assert_int_equal(sheet.png.width, 900);
    assert_int_equal(sheet.png.height, 560);
    const PlotAxes *axes = &sheet.layout.axes[0]; /* values rise upwards and to the right */
    assert_true(fabs(plot_axes_y(axes, 1) - axes->box.y) < 1e-6);
    assert_true(fabs(plot_axes_y(axes, 0) - axes->box.y - axes->box.height) < 1e-6);
    assert_true(fabs(plot_axes_x(axes, 0) - axes->box.x) < 1e-6);
    assert_true(fabs(plot_axes_x(axes, POINTS - 1) - axes->box.x - axes->box.width) < 1e-6);
    for (int i = 10; i < 290; i += 20) {
        if (abs(i - 150) > 5) {
            assert_true(sheet_is_near(sheet_at(&sheet, 0, i, (double)plot_rising[i]), sheet_paper(INK_SERIES_0)));
        }
        const bool gap = i > 100 && i < 200;
        if (i != 150) { /* where the other curve crosses */
            assert_int_equal(sheet_is_near(sheet_at(&sheet, 0, i, 0.5), sheet_paper(INK_SERIES_1)), !gap);
        }
        assert_false(sheet_is_near(sheet_at(&sheet, 0, i, (double)plot_rising[i] + 0.05), sheet_paper(INK_SERIES_0)));
    }
    assert_int_equal(sheet_at(&sheet, 0, 30, 0.77), WHITE);
    sheet_free(&sheet);
}

static void test_log_axis(void **state)
{
    (void)state;
    const ChartSeries series = {"powers", plot_steps, plot_powers, NULL, POINTS, INK_SERIES_2};
    const PlotPanel   panel  = {{.series = &series, .series_count = 1, .log_y = true}, "step", "KL"};
    Sheet             sheet  = sheet_write(&(Plot){.panels = &panel, .panel_count = 1});
    for (int i = 10; i < 290; i += 20) {
        assert_true(sheet_is_near(sheet_at(&sheet, 0, i, (double)plot_powers[i]), sheet_paper(INK_SERIES_2)));
    }
    /* The middle of the values is the middle of the axis. */
    const PlotAxes *axes = &sheet.layout.axes[0];
    assert_true(fabs(plot_axes_y(axes, 1e-2) - (axes->box.y + axes->box.height / 2)) < 2);
    for (double tick = 1e-4; tick <= 1; tick *= 10) {
        char label[16];
        snprintf(label, sizeof label, "%g", tick);
        assert_non_null(sheet_find(&sheet.layout, PLOT_Y_TICK, label));
    }
    sheet_free(&sheet);
}

/* Bands are translucent, raw curves faint, and the smoothed one is on top in full colour. */
static void test_bands_and_raw_curves_are_faint(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"mean", plot_steps, plot_noisy, plot_spread, POINTS, INK_SERIES_0}};
    const PlotPanel   panel    = {
             {.series = series, .series_count = 1, .y_min = 0, .y_max = 1, .smoothing = 0.95}, "step", "y"};
    Sheet sheet = sheet_write(&(Plot){.panels = &panel, .panel_count = 1});
    float smooth[POINTS];
    chart_smooth(plot_noisy, POINTS, 0.95, smooth);
    const uint32_t blue = sheet_paper(INK_SERIES_0);
    int            full = 0, raw = 0;
    for (int i = 60; i < 280; i++) {
        full += sheet_is_near(sheet_at(&sheet, 0, i, (double)smooth[i]), blue);
        const uint32_t band = sheet_at(&sheet, 0, i + 0.5, (double)smooth[i] - 0.195);
        assert_true(band != WHITE && !sheet_is_near(band, blue));
        if (fabsf(plot_noisy[i] - smooth[i]) > 0.1f) {
            const uint32_t faint = sheet_at(&sheet, 0, i, (double)plot_noisy[i]);
            assert_false(sheet_is_near(faint, blue));
            raw += (faint & 0xFF0000) < (band & 0xFF0000);
        }
    }
    assert_true(full >= 215);
    assert_true(raw > 40);
    assert_int_equal(sheet_at(&sheet, 0, 100.7, (double)smooth[100] + 0.26), WHITE);
    assert_non_null(sheet_find(&sheet.layout, PLOT_NOTE, NULL)); /* says what they mean */
    sheet_free(&sheet);
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
        Sheet           sheet = sheet_write(&(Plot){.panels = &panel, .panel_count = 1});
        const PlotAxes *axes  = &sheet.layout.axes[0];
        const int       above = (int)plot_axes_y(axes, 0.5) - 2;
        for (int i = 1; i < 4; i++) {
            const bool marked =
                sheet_is_near(png_pixel(&sheet.png, (int)plot_axes_x(axes, i), above), sheet_paper(INK_SERIES_0));
            assert_int_equal(marked, !smooth);
            assert_false(sheet_is_near(png_pixel(&sheet.png, (int)plot_axes_x(axes, i - 0.5), above),
                                       sheet_paper(INK_SERIES_0)));
        }
        assert_true(sheet_is_near(sheet_at(&sheet, 0, 2, 0.25), sheet_paper(INK_SERIES_1)));
        sheet_free(&sheet);
    }
}

static void test_texts_say_what_is_shown(void **state)
{
    (void)state;
    const ChartSeries series[] = {{"with effort", plot_steps, plot_rising, NULL, POINTS, INK_SERIES_0},
                                  {"without", plot_steps, plot_noisy, NULL, POINTS, INK_SERIES_1}};
    const PlotPanel   panels[] = {
          {{.title = "Length", .unit = "tokens", .series = series, .series_count = 2}, "step", "mean length"},
          {{.title = "Accuracy", .unit = "%", .series = series, .series_count = 1, .legend = true}, "step", "accuracy"}};
    Sheet             sheet  = sheet_write(&(Plot){.title = "Runs", .panels = panels, .panel_count = 2});
    const PlotLayout *layout = &sheet.layout;
    assert_non_null(sheet_find(layout, PLOT_TITLE, "Runs"));
    assert_non_null(sheet_find(layout, PLOT_PANEL_TITLE, "Length"));
    assert_non_null(sheet_find(layout, PLOT_Y_LABEL, "mean length (tokens)"));
    assert_non_null(sheet_find(layout, PLOT_Y_LABEL, "accuracy"));
    assert_non_null(sheet_find(layout, PLOT_X_LABEL, "step"));
    assert_non_null(sheet_find(layout, PLOT_LEGEND, "with effort"));
    assert_non_null(sheet_find(layout, PLOT_LEGEND, "without"));
    assert_non_null(sheet_find(layout, PLOT_X_TICK, "100"));
    assert_int_equal(layout->key_count, 3);
    /* The samples have their curves' colours. */
    assert_int_equal(
        png_pixel(&sheet.png, (int)(layout->keys[1].x + layout->keys[1].length / 2), (int)layout->keys[1].y),
        sheet_paper(INK_SERIES_1));
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
    sheet_free(&sheet);

    /* One legend for panels that show the same runs. */
    const PlotPanel same[] = {panels[0], panels[0], panels[0]};
    sheet                  = sheet_write(&(Plot){.title = "Runs", .panels = same, .panel_count = 3, .columns = 3});
    assert_int_equal(sheet.layout.key_count, 2);
    assert_int_equal(sheet.png.width, 1800);
    sheet_free(&sheet);
}

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
    const ChartSeries series[] = {{"a", plot_steps, nothing, NULL, 3, INK_SERIES_0},
                                  {"b", plot_steps, below, NULL, 3, INK_SERIES_0}};
    const PlotPanel   panels[] = {
          {{.title = "a", .series = series, .series_count = 1}, "step", "y"},
          {{.title = "b", .series = series + 1, .series_count = 1, .log_y = true}, "step", "y"},
          {{.title = "c", .series = series + 1, .series_count = 1, .x_min = 7, .x_max = 9}, "step", "y"}};
    Sheet sheet = sheet_write(&(Plot){.panels = panels, .panel_count = 3});
    assert_non_null(sheet_find(&sheet.layout, PLOT_NOTE, "no data"));
    assert_non_null(sheet_find(&sheet.layout, PLOT_NOTE, "nothing above zero"));
    assert_non_null(sheet_find(&sheet.layout, PLOT_NOTE, "no data here"));
    sheet_free(&sheet);
}

static void test_same_plot_same_bytes_and_clear_errors(void **state)
{
    (void)state;
    const ChartSeries series    = {"rising", plot_steps, plot_rising, plot_spread, POINTS, INK_SERIES_0};
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
        cmocka_unit_test(test_any_numbers_at_any_size),
        cmocka_unit_test(test_no_data_is_said),
        cmocka_unit_test(test_same_plot_same_bytes_and_clear_errors),
    };
    return cmocka_run_group_tests_name("plot", tests, sheet_data, NULL);
}
