/* The pane of behaviours: rates, the odds with and without, and what it shows of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/run_fixture.h"
#include "tui/pane/pane_behaviour.h"
#include "tui/pane/pane_behaviour_rows.h"

static const BehaviourKind *kind_of(const char *share)
{
    for (int i = 0; i < behaviour_kind_count; i++) {
        if (strcmp(behaviour_kinds[i].share, share) == 0) {
            return &behaviour_kinds[i];
        }
    }
    fail();
    return NULL;
}

static void test_odds_are_of_traces(void **state)
{
    (void)state;
    /* 100 traces a step; what few traces do says little, a null nothing */
    History *run = run_fixture_make(
        "odds",
        "{\"event\":\"rl_step\",\"step\":1,\"length\":10,\"search\":1,\"backtrack\":0.5,\"correct_with_search\":0}\n"
        "{\"event\":\"rl_step\",\"step\":2,\"length\":10,\"search\":1,\"backtrack\":0.5,\"correct_with_search\":0}\n"
        "{\"event\":\"rl_step\",\"step\":3,\"length\":30,\"search\":1,\"backtrack\":0,\"backtracks\":3,"
        "\"correct_with_search\":0}\n"
        "{\"event\":\"rl_step\",\"step\":4,\"length\":10,\"response_tokens\":1000,\"search\":0,\"backtrack\":1,"
        "\"backtracks\":1,\"correct_with_search\":null,\"correct_without_search\":0.5}\n"
        "{\"event\":\"rl_step\",\"step\":5,\"length\":10,\"response_tokens\":1000,\"search\":0.1,"
        "\"correct_with_search\":0,\"correct_without_search\":0.2}\n"
        "{\"event\":\"rl_step\",\"step\":6,\"length\":10,\"response_tokens\":1000,\"search\":0.9,"
        "\"correct_with_search\":1,\"correct_without_search\":0}\n");
    const BehaviourOdds odds = behaviour_odds(run, kind_of("search")); /* the newest three steps */
    assert_true(fabs(odds.with - 90.0 / 100) < 1e-6);
    assert_true(fabs(odds.without - (100 * 0.5 + 90 * 0.2) / 200) < 1e-6);
    assert_true(fabs(odds.traces_with - 100) < 1e-3 && fabs(odds.traces_without - 200) < 1e-3);
    assert_false(odds.held_out);
    assert_int_equal(behaviour_verdict(&odds), 1);
    const BehaviourOdds unknown = behaviour_odds(run, kind_of("backtrack"));
    assert_true(isnan(unknown.with) && isnan(unknown.without));
    assert_int_equal(behaviour_verdict(&unknown), 0);
    assert_true(fabs(behaviour_rate(run, kind_of("backtrack"), false, 0, 4) - 0.5) < 1e-6);
    assert_true(fabs(behaviour_rate(run, kind_of("backtrack"), true, 0, 4) - 1000.0 * 4 / 40) < 1e-3);
    assert_true(isnan(behaviour_rate(run, kind_of("check"), false, 0, 4)));
    history_close(run);
}

static void test_verdict_is_careful(void **state)
{
    (void)state;
    assert_int_equal(
        behaviour_verdict(&(BehaviourOdds){.with = 1, .without = 0, .traces_with = 1, .traces_without = 100}), 0);
    assert_int_equal(
        behaviour_verdict(&(BehaviourOdds){.with = 0.6, .without = 0.5, .traces_with = 50, .traces_without = 50}), 0);
    assert_int_equal(
        behaviour_verdict(&(BehaviourOdds){.with = 0.6, .without = 0.5, .traces_with = 900, .traces_without = 900}), 1);
    assert_int_equal(
        behaviour_verdict(&(BehaviourOdds){.with = 0.4, .without = 0.5, .traces_with = 900, .traces_without = 900}),
        -1);
    assert_int_equal(
        behaviour_verdict(&(BehaviourOdds){.with = 0.4, .without = 0.5, .traces_with = NAN, .traces_without = NAN}), 0);
}

static char *behaviour_text(PaneBehaviour *pane, const History *run, int width, int height, bool *words_are_plain)
{
    Canvas *canvas = canvas_new(width, height);
    assert_non_null(canvas);
    pane_behaviour_draw(pane, run, canvas_area(canvas), GLYPHS_ASCII);
    char *text       = run_fixture_text(canvas);
    *words_are_plain = true;
    bool below       = false;
    for (int y = 0; y < height; y++) {
        const Cell *row = &canvas->cells[y * width];
        below =
            below || (width > 1 && row[0].codes[0] == 'w' && row[1].codes[0] == 'o'); /* the header of words alone */
        for (int x = 0; x < width && below; x++) {
            *words_are_plain = *words_are_plain && (row[x].codes[0] == ' ' || row[x].ink == INK_FAINT) &&
                               (row[x].attrs & ATTR_BOLD) == 0;
        }
    }
    canvas_free(canvas);
    return text;
}

static void test_behaviours(void **state)
{
    (void)state;
    History      *run  = run_fixture_rl("behaviours", "behaviours");
    PaneBehaviour pane = {.scroll = 0};
    bool          plain;
    char         *text = behaviour_text(&pane, run, 80, 20, &plain);
    assert_non_null(strstr(text, "goes back and tries again"));
    assert_non_null(strstr(text, "tries before it answers          51%   87%      80%      20%"));
    assert_non_null(strstr(text, "checks its result                 0%    0%        -      50%"));
    assert_non_null(strstr(text, "words alone: what it says, which proves nothing"));
    assert_non_null(strstr(text, "says it goes back                50%   50%      90%      10%"));
    assert_non_null(strstr(text, "says it checks                     -     -        -        -"));
    assert_true(plain); /* however large the difference is */
    free(text);
    assert_true(pane_behaviour_key(&pane, (TerminalKey){.code = 't'}));
    text = behaviour_text(&pane, run, 80, 20, &plain);
    assert_non_null(strstr(text, "goes back and tries again         49    34"));
    assert_non_null(strstr(text, "says it goes back                148   103"));
    free(text);
    for (int width = 1; width < 80; width++) { /* the rate of what is seen stays, whatever leaves */
        text = behaviour_text(&pane, run, width, 3, &plain);
        assert_true(width < 2 || strstr(text, "68") != NULL);
        free(text);
    }
    assert_true(pane_behaviour_key(&pane, (TerminalKey){.code = KEY_CODE_END}));
    text = behaviour_text(&pane, run, 80, 4, &plain);
    assert_non_null(strstr(text, "names a next step"));
    assert_null(strstr(text, "tries before"));
    free(text);
    assert_true(pane_behaviour_key(&pane, (TerminalKey){.code = KEY_CODE_HOME}));
    assert_true(pane_behaviour_key(&pane, (TerminalKey){.code = 'k'}));
    assert_int_equal(pane.scroll, 0);
    assert_false(pane_behaviour_key(&pane, (TerminalKey){.code = 'x'}));
    history_close(run);
}

/* Of an older run what its evaluations know stands in, and is marked; the rest is not known. */
static void test_behaviours_of_older_runs(void **state)
{
    (void)state;
    History *run = run_fixture_make(
        "older", "{\"event\":\"rl_step\",\"step\":1,\"length\":10,\"search\":0.5,\"words_backtrack\":2}\n"
                 "{\"event\":\"eval\",\"step\":1,\"accuracy_search\":0.75,\"accuracy_direct\":0.25}\n");
    PaneBehaviour pane = {.scroll = 0};
    bool          plain;
    char         *text = behaviour_text(&pane, run, 80, 20, &plain);
    assert_non_null(strstr(text, "75%*     25%*"));
    assert_non_null(strstr(text, "* of the last held-out evaluation"));
    assert_non_null(strstr(text, "says it goes back                  -     -        -        -"));
    free(text);
    history_close(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odds_are_of_traces),
        cmocka_unit_test(test_verdict_is_careful),
        cmocka_unit_test(test_behaviours),
        cmocka_unit_test(test_behaviours_of_older_runs),
    };
    return cmocka_run_group_tests_name("pane of behaviours", tests, NULL, NULL);
}
