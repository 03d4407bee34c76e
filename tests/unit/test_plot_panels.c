/* plot_panels: which curves go into which panels, with which axes and bands. The command line is no library, so its
 * parts are compiled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rlsp/cli/plot_metrics.c"
#include "rlsp/cli/plot_panels.c"

static History *history;
static PlotRun  runs[PLOT_RUNS_MAX];

static int open_run(void **state)
{
    (void)state;
    Error error = {0};
    history     = history_open(TEST_DATA "/run-recorded", &error);
    if (history == NULL) {
        return 1;
    }
    while (history_update(history, 0)) {
    }
    for (int r = 0; r < PLOT_RUNS_MAX; r++) {
        static const char *const names[PLOT_RUNS_MAX] = {"a", "b", "c", "d", "e", "f"};
        runs[r]                                       = (PlotRun){history, names[r]};
    }
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    history_close(history);
    return 0;
}

static PlotPanels *panels_of(int run_count, const char *metrics, double from, double to)
{
    const PlotRequest request = {runs, run_count, metrics, NAN, from, to, false};
    Error             error   = {0};
    PlotPanels       *panels  = plot_panels_new(&request, &error);
    if (panels == NULL) {
        fail_msg("%s", error.text);
    }
    return panels;
}

static void refused(int run_count, const char *metrics, const char *word)
{
    const PlotRequest request = {runs, run_count, metrics, NAN, NAN, NAN, false};
    Error             error   = {0};
    assert_null(plot_panels_new(&request, &error));
    if (strstr(error.text, word) == NULL) {
        fail_msg("no \"%s\" in: %s", word, error.text);
    }
}

static void expect_panel(const PlotPanels *panels, int p, const char *title, const char *y_label, const char *names)
{
    const Chart *chart    = &panels->panels[p].chart;
    char         all[500] = "";
    for (int c = 0; c < chart->series_count; c++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", c > 0 ? ", " : "", chart->series[c].name);
    }
    assert_string_equal(chart->title, title);
    assert_string_equal(panels->panels[p].y_label != NULL ? panels->panels[p].y_label : "", y_label);
    assert_string_equal(all, names);
}

static void one_run(void **state)
{
    (void)state;
    PlotPanels *panels = panels_of(1, NULL, NAN, NAN);
    assert_int_equal(panels->count, 6);
    expect_panel(panels, 0, "reward", "mean of a step", "total, correct, exploration");
    expect_panel(panels, 1, "held-out accuracy", "share of responses \xC2\xB1 standard error", "sampled, greedy");
    expect_panel(panels, 2, "trace length", "tokens \xC2\xB1 standard deviation", "length");
    expect_panel(panels, 3, "what traces show", "share of traces", "backtrack, search, check");
    expect_panel(panels, 4, "KL to the reference policy", "nats per trace", "KL");
    expect_panel(panels, 5, "entropy", "nats per token", "entropy");
    for (int p = 0; p < panels->count; p++) {
        const Chart *chart = &panels->panels[p].chart;
        assert_true(chart->x_min == 0 && chart->x_max == 40); /* the evaluation before the first step too */
        assert_true(chart->smoothing == (p == 1 ? 0 : DEFAULT_SMOOTHING));
        assert_int_equal(chart->legend, chart->series_count > 1);
    }
    const ChartSeries *length = &panels->series[2][0];
    assert_non_null(length->spread);
    float top = 0;
    for (size_t i = 0; i < length->count; i++) {
        top = fmaxf(top, length->y[i] + length->spread[i]);
    }
    assert_true(panels->panels[2].chart.y_min == 0);
    assert_true(fabs(panels->panels[2].chart.y_max - 1.05 * (double)top) < 1e-3);
    assert_true(panels->panels[4].chart.y_min == 0 && panels->panels[4].chart.y_max == 0); /* KL may be below 0 */
    plot_panels_free(panels);
}

static void several_runs(void **state)
{
    (void)state;
    PlotPanels *panels = panels_of(3, NULL, NAN, NAN);
    assert_int_equal(panels->count, 6);
    expect_panel(panels, 0, "reward: total", "mean of a step", "a, b, c");
    expect_panel(panels, 1, "held-out accuracy: sampled", "share of responses", "a, b, c"); /* three bands: none */
    assert_null(panels->series[1][0].spread);
    assert_int_equal(panels->series[0][2].ink, INK_SERIES_2);
    assert_true(panels->curves[0][2].run == &runs[2]);
    plot_panels_free(panels);
}

static void metrics_by_name(void **state)
{
    (void)state;
    PlotPanels *panels = panels_of(2, "reward,eval.accuracy+rl.accuracy,lr", 5, NAN);
    assert_int_equal(panels->count, 3);
    expect_panel(panels, 0, "rl.reward", "", "a, b");
    expect_panel(panels, 1, "eval.accuracy, rl.accuracy", "",
                 "a: eval.accuracy, b: eval.accuracy, a: rl.accuracy, b: rl.accuracy");
    assert_true(panels->curves[1][0].kind == HISTORY_EVAL && panels->curves[1][2].kind == HISTORY_RL);
    assert_true(panels->panels[0].chart.x_min == 5 && panels->panels[0].chart.x_max == 40);
    assert_true(panels->panels[2].chart.smoothing == 0); /* what a config sets */
    plot_panels_free(panels);
    panels = panels_of(1, "greedy_accuracy", NAN, 20); /* there is one of evaluations alone */
    expect_panel(panels, 0, "eval.greedy_accuracy", "\xC2\xB1 standard error", "eval.greedy_accuracy");
    assert_true(panels->panels[0].chart.x_min == 0 && panels->panels[0].chart.x_max == 20);
    plot_panels_free(panels);
}

static void nothing_else(void **state)
{
    (void)state;
    refused(1, "rewrad", "no run here has a metric \"rewrad\"; the nearest: rl.reward; ");
    refused(1, "sft.loss", "the nearest: rl.policy_loss, rl.value_loss");
    refused(1, "eval.kl", "rl.kl"); /* not of this kind */
    refused(1, "qqqqqqqqqqqqqqqqqqqq", "\"qqqqqqqqqqqqqqqqqqqq\"; --list shows all");
    refused(1, "", "a name is missing");
    refused(1, "reward+", "a name is missing");
    refused(1, ",reward", "a name is missing");
    refused(4, "reward+kl", "more than 6 curves");
}

static void names_are_clean(void **state)
{
    (void)state;
    char out[12];
    plot_clean("a\033[1m\xC3\xA9\n\xFF", out, sizeof out);
    assert_string_equal(out, "a^[[1m\xC3\xA9 "); /* and no half of a character */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run),      cmocka_unit_test(several_runs),    cmocka_unit_test(metrics_by_name),
        cmocka_unit_test(nothing_else), cmocka_unit_test(names_are_clean),
    };
    return cmocka_run_group_tests(tests, open_run, close_run);
}
