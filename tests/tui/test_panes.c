/* All panes, on a recorded run and on made ones: at every size, and as whole screens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/curve_panes.h"
#include "tests/support/fixture.h"
#include "tests/support/run_fixture.h"
#include "tui/pane/pane_behaviour.h"
#include "tui/pane/pane_lengths.h"
#include "tui/pane/pane_machine.h"

enum { PANE_DRAWINGS = CURVE_PANES + 3 };

typedef struct Panes {
    CurvePanes    of;
    PaneBehaviour behaviour;
} Panes;

static void draw_pane(Panes *panes, int which, const History *run, Area area, Glyphs glyphs)
{
    switch (which - CURVE_PANES) {
    case 0: pane_behaviour_draw(&panes->behaviour, run, area, glyphs); break;
    case 1: pane_lengths_draw(run, area, glyphs); break;
    case 2: pane_machine_draw(run, area, glyphs); break;
    default: pane_curves_draw(panes->of.curves[which], area, glyphs); break;
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
    Panes            panes     = {.behaviour = {0}};
    curve_panes_open(&panes.of, &run, 1);
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
                pane_curves_key(panes.of.curves[i], (TerminalKey){.code = *key});
            }
        }
        panes.behaviour.per_tokens = true;
        panes.behaviour.scroll     = 100;
    }
    curve_panes_close(&panes.of);
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
    Panes                    panes    = {.behaviour = {0}};
    Canvas                  *canvas   = canvas_new(width, height);
    assert_non_null(canvas);
    curve_panes_open(&panes.of, runs, 1);
    for (int i = 0; i < PANE_DRAWINGS; i++) {
        char title[128];
        if (i < CURVE_PANES) {
            pane_curves_title(panes.of.curves[i], GLYPHS_BRAILLE, title, sizeof title);
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
    curve_panes_close(&panes.of);
    history_close(run);
}

static void test_screens(void **state)
{
    (void)state;
    check_screen(120, 56, TEST_DATA "/screens/panes-120x56.txt");
    check_screen(72, 32, TEST_DATA "/screens/panes-72x32.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_screens),
    };
    return cmocka_run_group_tests_name("panes", tests, NULL, NULL);
}
