/* Panes of curves: the cursor, zoom, sets of metrics, the list of all, several runs, every stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/curve_panes.h"
#include "tests/support/run_fixture.h"
#include "tui/pane/pane_curves_parts.h"

/* What a pane of curves shows in so many cells, its title on top; to be freed. */
static char *curves_text(PaneCurves *pane, int width, int height)
{
    char    title[128];
    Canvas *canvas = canvas_new(width, height);
    assert_non_null(canvas);
    pane_curves_title(pane, GLYPHS_ASCII, title, sizeof title);
    pane_curves_draw(pane, area_frame(canvas_area(canvas), title, false, GLYPHS_ASCII), GLYPHS_ASCII);
    char *text = run_fixture_text(canvas);
    canvas_free(canvas);
    return text;
}

static void assert_curves_show(PaneCurves *pane, const char *what, bool shown)
{
    char *text = curves_text(pane, 90, 16);
    if ((strstr(text, what) != NULL) != shown) {
        fail_msg("\"%s\" is %s:\n%s", what, shown ? "missing" : "there", text);
    }
    free(text);
}

static void press(PaneCurves *pane, const char *keys)
{
    for (const char *key = keys; *key != '\0'; key++) {
        pane_curves_key(pane, (TerminalKey){.code = *key});
    }
}

static bool press_code(PaneCurves *pane, int code)
{
    return pane_curves_key(pane, (TerminalKey){.code = code});
}

static bool is_step(const History *run, double step)
{
    const HistorySeries series = history_series(run, HISTORY_RL, history_metric(run, HISTORY_RL, "reward"));
    for (size_t i = 0; i < series.count; i++) {
        if (series.step[i] == step) {
            return true;
        }
    }
    return false;
}

static void test_cursor(void **state)
{
    (void)state;
    History       *run    = run_fixture_rl("cursor", "cursor");
    const History *runs[] = {run};
    CurvePanes     panes;
    curve_panes_open(&panes, runs, 1);
    PaneCurves *pane = panes.curves[0];
    for (int width = 10; width < 100; width += 30) {
        free(curves_text(pane, width, 10));
        panes.view.has_cursor = false;
        press(pane, "h");
        assert_true(panes.view.cursor_step == RUN_FIXTURE_STEPS); /* begins at the newest */
        for (int i = 0; i < RUN_FIXTURE_STEPS + 5; i++) {
            const double before = panes.view.cursor_step;
            assert_true(press_code(pane, KEY_CODE_LEFT));
            assert_true(is_step(run, panes.view.cursor_step));
            assert_true(panes.view.cursor_step < before || before == 1);
        }
        assert_true(panes.view.cursor_step == 1);
        press(pane, "l");
        assert_true(panes.view.cursor_step > 1 && is_step(run, panes.view.cursor_step));
        press_code(pane, KEY_CODE_END);
        assert_true(panes.view.cursor_step == RUN_FIXTURE_STEPS);
        press_code(pane, KEY_CODE_HOME);
        assert_true(panes.view.cursor_step == 1);
    }
    panes.view.cursor_step = 30; /* shared: reads in all panes */
    panes.view.smoothing   = 0;
    assert_curves_show(panes.curves[0], "total 0.5", true);
    assert_curves_show(panes.curves[3], "KL per trace 0.5", true);
    assert_true(press_code(pane, KEY_CODE_ESCAPE));
    assert_false(panes.view.has_cursor);
    assert_false(press_code(pane, KEY_CODE_ESCAPE));
    assert_curves_show(panes.curves[3], "KL per trace 1", true); /* the newest again */
    curve_panes_close(&panes);
    history_close(run);
}

static void test_zoom_and_view(void **state)
{
    (void)state;
    History       *run    = run_fixture_rl("zoom", "zoom");
    const History *runs[] = {run};
    CurvePanes     panes;
    curve_panes_open(&panes, runs, 1);
    PaneCurves *pane = panes.curves[0];
    for (int i = 0; i < 40; i++) {
        press(pane, "+");
        assert_true(panes.view.zoom >= 1 && panes.view.zoom <= RUN_FIXTURE_STEPS / 8.0);
    }
    assert_true(panes.view.zoom > 5);
    panes.view.smoothing = 0;
    char *text           = curves_text(pane, 90, 16);
    assert_non_null(strstr(text, "zoom"));
    assert_null(strstr(text, " 20 ")); /* steps long ago are out of sight */
    free(text);
    for (int i = 0; i < 40; i++) {
        press(pane, "-");
    }
    assert_true(panes.view.zoom == 1);
    assert_curves_show(pane, "zoom", false);
    press(pane, "r+");
    assert_true(panes.view.recent && panes.view.zoom > 1);
    press(pane, "0");
    assert_true(!panes.view.recent && panes.view.zoom == 1);

    panes.view.smoothing = 0.6;
    press(pane, "s");
    assert_true(panes.view.smoothing == 0.9);
    press(pane, "ss");
    assert_true(panes.view.smoothing == 0);
    press(pane, "s");
    assert_true(panes.view.smoothing == 0.6);
    press(pane, "y");
    assert_curves_show(pane, "- log", true);
    assert_curves_show(panes.curves[1], "- log", false); /* each pane has its own */
    assert_false(press_code(pane, 'x'));
    assert_false(press_code(pane, KEY_CODE_TAB));
    curve_panes_close(&panes);
    history_close(run);
}

static void test_sets(void **state)
{
    (void)state;
    History       *run    = run_fixture_rl("sets", "sets");
    const History *runs[] = {run};
    CurvePanes     panes;
    curve_panes_open(&panes, runs, 1);
    assert_curves_show(panes.curves[0], "reward - total, correct, explore", true);
    assert_curves_show(panes.curves[1], "held-out accuracy - sampled, greedy", true);
    assert_curves_show(panes.curves[1], "sampled 100%  + greedy 50%", true);
    assert_curves_show(panes.curves[2], "mean 29.7 tokens", true);
    press(panes.curves[3], "m");
    assert_curves_show(panes.curves[3], "PPO - entropy", true);
    press(panes.curves[3], "m");
    assert_curves_show(panes.curves[3], "clip fraction 5%", true); /* a share */
    press(panes.curves[3], "m");
    assert_curves_show(panes.curves[3], "explained variance 0.5", true); /* none */
    press(panes.curves[3], "m");
    assert_curves_show(panes.curves[3], "actor 1  o critic 2", true);
    press(panes.curves[3], "m"); /* value loss and the like are not logged: round again */
    assert_curves_show(panes.curves[3], "PPO - KL per trace", true);
    press(panes.curves[3], "M");
    assert_curves_show(panes.curves[3], "gradient norm - actor, critic", true);
    curves_toggle(panes.curves[3], HISTORY_EVAL, "accuracy");
    assert_curves_show(panes.curves[3], "eval accuracy 100%", true);
    curve_panes_close(&panes);
    history_close(run);
}

static void test_list(void **state)
{
    (void)state;
    History       *run    = run_fixture_rl("list", "list");
    const History *runs[] = {run};
    CurvePanes     panes;
    curve_panes_open(&panes, runs, 1);
    PaneCurves *pane = panes.curves[0];
    assert_false(pane_curves_captures(pane));
    press(pane, "e");
    assert_true(pane_curves_captures(pane));
    assert_curves_show(pane, "reward_sd", true);
    press(pane, "e"); /* names that begin with it come before those that have it */
    char *text = curves_text(pane, 90, 16);
    assert_non_null(strstr(text, "reward_sd"));
    assert_non_null(strstr(text, "] rl   entropy"));
    assert_true(strstr(text, "] rl   entropy") < strstr(text, "] rl   reward_sd"));
    free(text);
    press_code(pane, KEY_CODE_BACKSPACE);
    press(pane, "cLip fr");
    assert_curves_show(pane, "clip_fraction", true);
    assert_curves_show(pane, "reward_sd", false);
    press_code(pane, KEY_CODE_ENTER);
    assert_curves_show(pane, "[x] rl   clip_fraction", true);
    for (int i = 0; i < 7; i++) {
        press_code(pane, KEY_CODE_BACKSPACE);
    }
    press(pane, "eval acc");
    assert_curves_show(pane, "[ ] eval accuracy", true);
    press_code(pane, KEY_CODE_DOWN);
    press_code(pane, KEY_CODE_UP);
    press_code(pane, KEY_CODE_ENTER);
    press(pane, "zzz");
    assert_curves_show(pane, "no metric has that", true);
    press_code(pane, KEY_CODE_ENTER);  /* nothing there to choose */
    assert_false(press_code(pane, 3)); /* Ctrl-C is nobody's but the screen's */
    assert_false(press_code(pane, KEY_CODE_SIZE_CHANGED));
    assert_true(press_code(pane, KEY_CODE_ESCAPE));
    assert_false(pane_curves_captures(pane));
    assert_curves_show(pane, "clip_fraction, eval accuracy", true);
    assert_curves_show(pane, "clip_fraction 5%  o eval accuracy 100%", true);
    press(pane, "e");
    press(pane, "clip_f");
    press_code(pane, KEY_CODE_ENTER); /* off again */
    press_code(pane, KEY_CODE_ESCAPE);
    assert_curves_show(pane, "clip_fraction", false);
    press(pane, "m"); /* back to the sets */
    assert_curves_show(pane, "reward - total, correct, explore", true);
    curve_panes_close(&panes);
    history_close(run);
}

static void test_several_runs(void **state)
{
    (void)state;
    History       *run[]  = {run_fixture_rl("first", "alpha"), run_fixture_rl("second", "beta"),
                             run_fixture_rl("third", "beta"), run_fixture_sft()};
    const History *runs[] = {run[0], run[1], run[2], run[3]};
    CurvePanes     panes;
    curve_panes_open(&panes, runs, 4);
    assert_curves_show(panes.curves[0], "reward - total", true);
    assert_curves_show(panes.curves[0], "correct", false);
    assert_curves_show(panes.curves[0], "alpha 1", false); /* smoothed */
    assert_curves_show(panes.curves[0], "alpha 0.9", true);
    assert_curves_show(panes.curves[0], "second 0.9", true); /* two of the same name: their directories */
    assert_curves_show(panes.curves[0], "third 0.9", true);
    assert_curves_show(panes.curves[1], "held-out accuracy - sampled", true);
    press(panes.curves[0], "m");
    assert_curves_show(panes.curves[0], "reward - correct", true);
    press(panes.curves[0], "MM"); /* what only one of them has is there too */
    assert_curves_show(panes.curves[0], "SFT - loss", true);
    assert_curves_show(panes.curves[0], "sft 0.", true);
    curve_panes_close(&panes);
    for (int i = 0; i < 4; i++) {
        history_close(run[i]);
    }
}

static void test_stages(void **state)
{
    (void)state;
    History       *sft = run_fixture_sft(), *nothing = run_fixture_nothing(), *nan = run_fixture_not_a_number();
    const History *runs[] = {sft}, *empty[] = {nothing}, *nans[] = {nan};
    CurvePanes     panes;
    curve_panes_open(&panes, runs, 1);
    assert_curves_show(panes.curves[0], "SFT - loss", true);
    assert_curves_show(panes.curves[2], "learning rate 0.001", true);
    assert_curves_show(panes.curves[3], "gradient norm 1", true);
    curve_panes_close(&panes);
    curve_panes_open(&panes, empty, 1);
    for (int i = 0; i < CURVE_PANES; i++) {
        assert_curves_show(panes.curves[i], "no data yet", true);
        press(panes.curves[i], "hl+-mMy");
        press_code(panes.curves[i], KEY_CODE_HOME);
    }
    press(panes.curves[0], "e");
    assert_curves_show(panes.curves[0], "no metrics yet", true);
    assert_false(panes.view.has_cursor);
    curve_panes_close(&panes);
    curve_panes_open(&panes, nans, 1);
    assert_curves_show(panes.curves[0], "no data yet", true);
    curve_panes_close(&panes);
    history_close(sft);
    history_close(nothing);
    history_close(nan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor), cmocka_unit_test(test_zoom_and_view), cmocka_unit_test(test_sets),
        cmocka_unit_test(test_list),   cmocka_unit_test(test_several_runs),  cmocka_unit_test(test_stages),
    };
    return cmocka_run_group_tests_name("panes of curves", tests, NULL, NULL);
}
