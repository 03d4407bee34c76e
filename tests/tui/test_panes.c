/* The panes of curves, behaviours, lengths and the machine, on a recorded run and on made ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fixture.h"
#include "tests/support/run_fixture.h"
#include "tui/pane/length_bins.h"
#include "tui/pane/pane_behaviour.h"
#include "tui/pane/pane_behaviour_rows.h"
#include "tui/pane/pane_curves.h"
#include "tui/pane/pane_lengths.h"
#include "tui/pane/pane_machine.h"

enum { CURVE_PANES = 4 };

/* --- screens */

typedef struct Panes {
    PaneCurves   *curves[CURVE_PANES];
    PaneBehaviour behaviour;
    CurveView     view;
} Panes;

static void panes_open(Panes *panes, const History *const *runs, int count)
{
    *panes = (Panes){.view = {.smoothing = 0.6, .zoom = 1}};
    for (int i = 0; i < CURVE_PANES; i++) {
        panes->curves[i] = pane_curves_new((Pane)(PANE_REWARD + i), runs, count, &panes->view);
        assert_non_null(panes->curves[i]);
    }
}

static void panes_close(Panes *panes)
{
    for (int i = 0; i < CURVE_PANES; i++) {
        pane_curves_free(panes->curves[i]);
    }
}

enum { PANE_DRAWINGS = CURVE_PANES + 3 };

static void draw_pane(Panes *panes, int which, const History *run, Area area, Glyphs glyphs)
{
    switch (which - CURVE_PANES) {
    case 0: pane_behaviour_draw(&panes->behaviour, run, area, glyphs); break;
    case 1: pane_lengths_draw(run, area, glyphs); break;
    case 2: pane_machine_draw(run, area, glyphs); break;
    default: pane_curves_draw(panes->curves[which], area, glyphs); break;
    }
}

/* Draws into the middle of a canvas: all around stays blank, and something is shown. */
static void check_size(Panes *panes, const History *run, int which, int width, int height, Glyphs glyphs)
{
    Canvas *canvas = canvas_new(width + 2, height + 2);
    assert_non_null(canvas);
    draw_pane(panes, which, run, area_part(canvas_area(canvas), 1, 1, width, height), glyphs);
    bool shown = false;
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            const Cell *cell   = &canvas->cells[y * canvas->width + x];
            const bool  inside = x >= 1 && y >= 1 && x <= width && y <= height;
            const bool  blank  = cell->codes[0] == ' ' || cell->codes[0] == 0;
            shown              = shown || !blank;
            if (!inside && (!blank || cell->attrs != 0)) {
                fail_msg("pane %d of %d x %d draws outside", which, width, height);
            }
            if (glyphs == GLYPHS_ASCII && cell->codes[0] >= 128) {
                fail_msg("pane %d of %d x %d: U+%04X is not ASCII", which, width, height, (unsigned)cell->codes[0]);
            }
        }
    }
    if (!shown) {
        fail_msg("pane %d of %d x %d shows nothing", which, width, height);
    }
    canvas_free(canvas);
}

static void check_sizes(const History *run)
{
    static const int widths[]  = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 25, 30, 33, 36, 42, 50, 64, 80, 120};
    static const int heights[] = {1, 2, 3, 4, 5, 6, 8, 11, 16, 24, 40};
    Panes            panes;
    panes_open(&panes, &run, 1);
    for (int open = 0; open < 2; open++) {
        for (int which = 0; which < PANE_DRAWINGS; which++) {
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                for (size_t h = 0; h < sizeof heights / sizeof *heights; h++) {
                    check_size(&panes, run, which, widths[w], heights[h], (Glyphs)((w + h) % 3));
                }
            }
        }
        for (int i = 0; i < CURVE_PANES; i++) { /* and again with all that can be switched on */
            for (const char *key = i == 0 ? "hyr+e" : "hye"; *key != '\0'; key++) {
                pane_curves_key(panes.curves[i], (TerminalKey){.code = *key});
            }
        }
        panes.behaviour.per_tokens = true;
        panes.behaviour.scroll     = 100;
    }
    panes_close(&panes);
}

static void test_every_size(void **state)
{
    (void)state;
    History *runs[] = {run_fixture_open(TEST_DATA "/run-recorded"),
                       run_fixture_rl("sizes", "sizes"),
                       run_fixture_sft(),
                       run_fixture_nothing(),
                       run_fixture_not_a_number(),
                       run_fixture_extreme()};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        check_sizes(runs[i]);
        history_close(runs[i]);
    }
}

/* All panes on one screen, two beside each other; `expected` is a file. RLSP_UPDATE_SCREENS=1 writes it. */
static void check_screen(int width, int height, const char *expected)
{
    static const char *const titles[] = {"lengths", "machine"};
    History                 *run      = run_fixture_open(TEST_DATA "/run-recorded");
    const History           *runs[]   = {run};
    Panes                    panes;
    Canvas                  *canvas = canvas_new(width, height);
    assert_non_null(canvas);
    panes_open(&panes, runs, 1);
    for (int i = 0; i < PANE_DRAWINGS; i++) {
        char title[128];
        if (i < CURVE_PANES) {
            pane_curves_title(panes.curves[i], GLYPHS_BRAILLE, title, sizeof title);
        } else if (i == CURVE_PANES) {
            pane_behaviour_title(&panes.behaviour, GLYPHS_BRAILLE, title, sizeof title);
        } else {
            snprintf(title, sizeof title, "%s", titles[i - CURVE_PANES - 1]);
        }
        Area area = area_part(canvas_area(canvas), i % 2 * (width / 2), i / 2 * (height / 4), width / 2, height / 4);
        draw_pane(&panes, i, run, area_frame(area, title, i == 0, GLYPHS_BRAILLE), GLYPHS_BRAILLE);
    }
    char *text = run_fixture_text(canvas);
    if (getenv("RLSP_UPDATE_SCREENS") != NULL) {
        FILE *file = fopen(expected, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    char *want = fixture_text(expected, NULL);
    if (strcmp(text, want) != 0) {
        fail_msg("this is not %s:\n%s", expected, text);
    }
    free(want);
    free(text);
    canvas_free(canvas);
    panes_close(&panes);
    history_close(run);
}

static void test_screens(void **state)
{
    (void)state;
    check_screen(120, 56, TEST_DATA "/screens/panes-120x56.txt");
    check_screen(72, 32, TEST_DATA "/screens/panes-72x32.txt");
}

/* --- behaviours */

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

/* --- lengths */

static void test_length_bins(void **state)
{
    (void)state;
    History   *run = run_fixture_rl("bins", "bins");
    LengthBins start, now;
    assert_true(length_bins_read(run, &start, &now));
    assert_true(now.high == 160 && start.high == 160);
    assert_true(fabsf(start.share[1] - 0.75f) < 1e-6f && fabsf(start.share[2] - 0.25f) < 1e-6f &&
                start.share[5] == 0.0f);
    assert_true(fabsf(now.share[5] - 0.75f) < 1e-6f && now.share[1] == 0.0f);
    history_close(run);

    RunText text;
    FILE   *out = run_text_begin(&text);
    for (int step = 1; step <= 2; step++) { /* the second may be twice as long */
        fprintf(out, "{\"event\":\"rl_step\",\"step\":%d,\"length\":5,\"length_bins_high\":%d", step,
                step == 1 ? 160 : 320);
        for (int b = 0; b < LENGTH_BINS; b++) {
            fprintf(out, ",\"length_bin_%d\":%g", b, b == 3 || b == 4 || b == 15 ? 1.0 / 3 : 0.0);
        }
        fputs("}\n", out);
    }
    run = run_fixture_make("bins-change", run_text_end(&text));
    free(text.bytes);
    assert_true(length_bins_read(run, &start, &now));
    const float third = 1.0f / 3;
    assert_true(start.high == 320 && now.high == 320);
    assert_true(fabsf(start.share[1] - third) < 1e-5f && fabsf(start.share[2] - third) < 1e-5f &&
                fabsf(start.share[7] - third) < 1e-5f);
    assert_true(fabsf(now.share[3] - third) < 1e-5f && fabsf(now.share[15] - third) < 1e-5f);
    history_close(run);

    run          = run_fixture_open(TEST_DATA "/run-recorded");
    History *nan = run_fixture_not_a_number();
    assert_false(length_bins_read(nan, &start, &now));
    history_close(nan);
    history_close(run);
}

/* --- machine */

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        double      seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},        {14.4, "14s"},     {59.6, "1m 00s"},   {200, "3m 20s"},      {3599.7, "1h 00m"},
        {3720, "1h 02m"}, {183600, "2d 3h"}, {86400e3, "1000d"}, {-5, "0s"},           {NAN, ""},
        {INFINITY, ""},   {-INFINITY, ""},   {1e300, "9999d"},   {86399.4, "23h 59m"}, {86400.0 * 999.9, "999d 21h"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16];
        machine_duration(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
        assert_true(strlen(text) <= 8);
    }
}

static char *machine_text(const History *run, int width, int height)
{
    Canvas *canvas = canvas_new(width, height);
    assert_non_null(canvas);
    pane_machine_draw(run, canvas_area(canvas), GLYPHS_ASCII);
    char *text = run_fixture_text(canvas);
    canvas_free(canvas);
    return text;
}

static void assert_machine_shows(const History *run, int width, int height, const char *what, bool shown)
{
    char *text = machine_text(run, width, height);
    if ((strstr(text, what) != NULL) != shown) {
        fail_msg("\"%s\" is %s:\n%s", what, shown ? "missing" : "there", text);
    }
    free(text);
}

static void test_machine(void **state)
{
    (void)state;
    History *rl = run_fixture_rl("machine", "machine"), *sft = run_fixture_sft(), *nothing = run_fixture_nothing();
    assert_machine_shows(rl, 60, 16, "about 1m 20s of rl", true); /* 40 steps of 2 s */
    assert_machine_shows(rl, 60, 16, "after 2m 00s", true);
    assert_machine_shows(rl, 60, 16, "60/100  60%", true);
    assert_machine_shows(rl, 60, 16, "1.5k tokens/s", true);
    assert_machine_shows(rl, 60, 16, "2.0 s a step", true);
    assert_machine_shows(rl, 60, 16, "1.0 GiB of 4.0 GiB, 25%", true);
    assert_machine_shows(rl, 60, 16, "peak 2.0 GiB", true);
    assert_machine_shows(rl, 60, 16, "Some GPU", true);
    assert_machine_shows(rl, 60, 16, "no GPU", false);
    assert_machine_shows(rl, 60, 16, "1.0 s  50%", true);
    assert_machine_shows(rl, 60, 16, "other", true); /* 0.1 of 2 s is in no phase */
    assert_machine_shows(rl, 60, 16, "1.5B parameters", true);
    assert_machine_shows(rl, 60, 16, "judge", true);
    assert_machine_shows(rl, 60, 9, "judge", false); /* leaves first */
    assert_machine_shows(rl, 60, 9, "update", true);
    assert_machine_shows(rl, 18, 1, "about 1m 20s of rl", true);
    assert_machine_shows(sft, 60, 16, "about 2s of sft", true);
    assert_machine_shows(sft, 60, 16, "CPU        llvmpipe (LLVM 15)", true);
    assert_machine_shows(sft, 60, 16, "no GPU", true);
    assert_machine_shows(sft, 20, 16, "CPU llvmpipe", true);
    assert_machine_shows(nothing, 60, 16, "has not begun", true);
    history_close(rl);
    history_close(sft);
    history_close(nothing);
    History *recorded = run_fixture_open(TEST_DATA "/run-recorded");
    assert_machine_shows(recorded, 60, 16, "ended      done", true);
    assert_machine_shows(recorded, 60, 16, "475 MiB of 2.0 GiB, 23%", true);
    history_close(recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_screens),
        cmocka_unit_test(test_odds_are_of_traces),
        cmocka_unit_test(test_verdict_is_careful),
        cmocka_unit_test(test_behaviours),
        cmocka_unit_test(test_behaviours_of_older_runs),
        cmocka_unit_test(test_length_bins),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_machine),
    };
    return cmocka_run_group_tests_name("panes", tests, NULL, NULL);
}
