/* A model that emits escape sequences, control bytes, broken UTF-8, bidirectional overrides, zero-width and wide
 * characters and lines of 100,000 characters, in a run whose other texts are no better: what is shown of it stays in
 * its area, and no byte that a terminal would obey is ever written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/utf8.h"
#include "tests/support/hostile.h"
#include "tests/support/run_fixture.h"
#include "tui/draw/text.h"
#include "tui/pane/pane_curves_parts.h"
#include "tui/pane/pane_log.h"
#include "tui/pane/pane_machine.h"
#include "tui/pane/pane_traces.h"

enum { MARGIN = 4 };

/* --- what holds of every canvas */

/* Only characters, and ends of lines. */
static void check_bytes(const char *bytes, size_t length)
{
    assert_int_equal(utf8_check(bytes, length), length);
    for (size_t at = 0; at < length;) {
        const uint32_t code = utf8_next(bytes, length, &at);
        if (code == '\n') {
            continue;
        }
        if (code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
            (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) || code == 0x61C ||
            code == 0xFEFF || (code >= 0xE0000 && code <= 0xE0FFF)) {
            fail_msg("U+%04X was written", code);
        }
    }
}

static void check_written(const Canvas *canvas)
{
    static char *bytes;
    size_t       length;
    FILE        *out = open_memstream(&bytes, &length);
    assert_non_null(out);
    canvas_write_text(canvas, out);
    assert_int_equal(fclose(out), 0);
    check_bytes(bytes, length);
    int lines = 0;
    for (const char *line = bytes; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(text_width(line, (size_t)(end - line)) <= canvas->width);
        lines++;
    }
    assert_int_equal(lines, canvas->height);
    free(bytes);
}

/* A canvas with a margin of dots around an area for a pane. */
static Area new_area(int width, int height)
{
    Canvas *canvas = canvas_new(width + 2 * MARGIN, height + 2 * MARGIN);
    assert_non_null(canvas);
    area_fill(canvas_area(canvas), '.', INK_FAINT, 0);
    return area_part(canvas_area(canvas), MARGIN, MARGIN, width, height);
}

static void check_area(Area area)
{
    const Canvas *canvas = area.canvas;
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            const Cell *cell   = &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
            const bool  inside = x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height;
            if (!inside) {
                assert_true(cell->codes[0] == '.' && cell->codes[1] == 0 && cell->ink == INK_FAINT);
            }
            assert_true(cell->width == 0 ? x > 0 && cell[-1].width == 2
                                         : text_code_width(cell->codes[0]) == cell->width);
        }
    }
    check_written(canvas);
}

static void test_canvas_text(void **state)
{
    (void)state;
    HostileText texts[HOSTILE_TEXTS];
    const int   count = hostile_texts(texts);
    for (int i = 0; i < count; i++) {
        for (int width = 1; width <= 33; width += 8) {
            Area area = new_area(width, 6);
            area_text(area, 0, 0, INK_TEXT, 0, texts[i].bytes, texts[i].length);
            area_text(area, -5, 1, INK_GOOD, ATTR_BOLD, texts[i].bytes, SIZE_MAX);
            area_text_right(area, width, 2, INK_BAD, 0, texts[i].bytes);
            area_printf(area, width / 2, 3, INK_TEXT, ATTR_REVERSE, "%s", texts[i].bytes);
            area_text(area, 0, 4, INK_TEXT, 0, texts[i].bytes + texts[i].length / 2, texts[i].length / 3);
            check_area(area);
            area_frame(area, texts[i].bytes, width % 2 == 0, (Glyphs)(width % 3));
            check_area(area);
            canvas_free(area.canvas);
        }
    }
    hostile_free(texts, count);
}

/* --- panes of a run */

static const int sizes[][2] = {{1, 1}, {2, 3}, {8, 3}, {30, 7}, {40, 12}, {78, 22}, {161, 40}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void draw_traces(PaneTraces *pane, int width, int height, Glyphs glyphs)
{
    char title[200];
    Area area  = new_area(width, height);
    Area inner = area;
    pane_traces_title(pane, glyphs, title, sizeof title);
    inner = area_frame(area, title, true, glyphs);
    pane_traces_draw(pane, inner, glyphs);
    check_area(area);
    canvas_free(area.canvas);
}

static void press(PaneTraces *pane, int code)
{
    pane_traces_key(pane, (TerminalKey){.code = code});
}

/* Every trace, its head, its middle and its end, at every size. */
static void test_traces(void **state)
{
    (void)state;
    HostileText  texts[HOSTILE_TEXTS];
    const int    count     = hostile_texts(texts);
    char        *directory = hostile_run("every-trace", texts, count);
    History     *history   = run_fixture_open(directory);
    const size_t traces    = history_trace_count(history);
    assert_true(traces >= (size_t)count + 2);
    for (int s = 0; s < SIZES; s++) {
        PaneTraces *pane = pane_traces_new(history);
        assert_non_null(pane);
        press(pane, KEY_CODE_HOME);
        for (size_t i = 0; i < traces; i++) {
            draw_traces(pane, sizes[s][0], sizes[s][1], (Glyphs)(i % 3));
            press(pane, KEY_CODE_PAGE_DOWN);
            draw_traces(pane, sizes[s][0], sizes[s][1], GLYPHS_BRAILLE);
            for (int k = 0; k < 400; k++) {
                press(pane, KEY_CODE_PAGE_DOWN);
            }
            draw_traces(pane, sizes[s][0], sizes[s][1], GLYPHS_BRAILLE);
            press(pane, ']');
        }
        pane_traces_free(pane);
    }
    history_close(history);
    hostile_free(texts, count);
    free(directory);
}

/* What was kept from the terminal is there to be read. */
static void test_shown(void **state)
{
    (void)state;
    static const char *const seen[] = {
        "^[[2J^[[H^[[31mred^[[0m",
        "^[]0;title^G^[]52;c;",
        "^[c^[#8^[(0lqqk^[(B^N^O",
        "a^Hb^Mc^?^K^L",
        "abc\xEF\xBF\xBD"
        "dcba\xEF\xBF\xBD\xEF\xBF\xBDx",
    };
    static const int piece_of[] = {0, 1, 2, 7, 10};
    HostileText      texts[HOSTILE_TEXTS];
    const int        count     = hostile_texts(texts);
    char            *directory = hostile_run("shown", texts, count);
    History         *history   = run_fixture_open(directory);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        PaneTraces *pane = pane_traces_new(history);
        Area        area = new_area(78, 30);
        press(pane, KEY_CODE_HOME);
        for (int next = 0; next < piece_of[i]; next++) {
            press(pane, ']');
        }
        pane_traces_draw(pane, area, GLYPHS_BRAILLE);
        char *text = run_fixture_text(area.canvas);
        if (strstr(text, seen[i]) == NULL) {
            fail_msg("%s is not in\n%s", seen[i], text);
        }
        free(text);
        canvas_free(area.canvas);
        pane_traces_free(pane);
    }
    history_close(history);
    hostile_free(texts, count);
    free(directory);
}

/* Search with what a model may write, side by side, the menu: the other ways to the screen. */
static void test_modes(void **state)
{
    (void)state;
    HostileText texts[HOSTILE_TEXTS];
    const int   count     = hostile_texts(texts);
    char       *directory = hostile_run("modes", texts, count);
    History    *history   = run_fixture_open(directory);
    const int   typed[]   = {'a', 0x4F60, 0x301, 0x202E, 0x9B, 0xD800, 'b', 0x1F600, 0x10FFFF, 0x200B};
    for (int s = 0; s < SIZES; s++) {
        const int   width = sizes[s][0], height = sizes[s][1];
        PaneTraces *pane = pane_traces_new(history);
        assert_non_null(pane);
        press(pane, '/');
        for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
            press(pane, typed[i]);
            draw_traces(pane, width, height, GLYPHS_BRAILLE);
        }
        press(pane, KEY_CODE_ESCAPE);
        press(pane, '/');
        press(pane, '[');
        press(pane, KEY_CODE_ENTER);
        while (pane_traces_work(pane, 0.05)) {
            draw_traces(pane, width, height, GLYPHS_BRAILLE);
        }
        for (int i = 0; i < 10; i++) {
            press(pane, i < 5 ? 'n' : 'N');
            while (pane_traces_work(pane, 0.05)) {
            }
            draw_traces(pane, width, height, GLYPHS_BLOCKS);
        }
        press(pane, KEY_CODE_HOME);
        press(pane, 'v');
        for (int i = 0; i < 8; i++) {
            draw_traces(pane, width, height, GLYPHS_BRAILLE);
            press(pane, i % 3 == 0 ? ']' : i % 3 == 1 ? 'l' : KEY_CODE_PAGE_DOWN);
        }
        press(pane, KEY_CODE_ESCAPE);
        press(pane, 'f');
        draw_traces(pane, width, height, GLYPHS_BRAILLE);
        press(pane, KEY_CODE_ENTER);
        draw_traces(pane, width, height, GLYPHS_BRAILLE);
        pane_traces_free(pane);
    }
    history_close(history);
    hostile_free(texts, count);
    free(directory);
}

/* Names of metrics, of the device and its driver, and log lines come from the run as well. */
static void test_other_panes(void **state)
{
    (void)state;
    HostileText texts[HOSTILE_TEXTS];
    const int   count     = hostile_texts(texts);
    char       *directory = hostile_run("other-panes", texts, count);
    History    *history   = run_fixture_open(directory);
    for (int i = 0; i < HOSTILE_PIECES; i++) {
        history_log_add(history, hostile_pieces[i]); /* what a driver or library prints */
    }
    for (int s = 0; s < SIZES; s++) {
        Area area = new_area(sizes[s][0], sizes[s][1]);
        pane_machine_draw(history, area, GLYPHS_BRAILLE);
        check_area(area);
        PaneLog log = {0};
        for (int i = 0; i < 3 * HOSTILE_PIECES; i++) {
            pane_log_draw(&log, history, area, GLYPHS_BRAILLE);
            check_area(area);
            pane_log_key(&log, (TerminalKey){.code = 'k'});
        }
        CurveView   view = {.zoom = 1};
        PaneCurves *pane = pane_curves_new(PANE_REWARD, (const History *const[]){history}, 1, &view);
        assert_non_null(pane);
        for (int i = 0; i <= HOSTILE_PIECES; i++) {
            char title[200];
            if (i > 0) { /* one alone; at last none */
                curves_toggle(pane, HISTORY_RL, hostile_pieces[i - 1]);
            }
            if (i < HOSTILE_PIECES) {
                curves_toggle(pane, HISTORY_RL, hostile_pieces[i]);
            }
            pane_curves_title(pane, GLYPHS_BRAILLE, title, sizeof title);
            pane_curves_draw(pane, area_frame(area, title, false, GLYPHS_BRAILLE), GLYPHS_BRAILLE);
            check_area(area);
        }
        pane_curves_key(pane, (TerminalKey){.code = 'e'});
        for (int i = 0; i < 12; i++) {
            pane_curves_draw(pane, area, GLYPHS_BRAILLE);
            check_area(area);
            pane_curves_key(pane, (TerminalKey){.code = i < 6 ? KEY_CODE_PAGE_DOWN : i == 6 ? 0x1B : 0x4F60});
        }
        pane_curves_free(pane);
        canvas_free(area.canvas);
    }
    history_close(history);
    hostile_free(texts, count);
    free(directory);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Scrolling through a line of 100,000 characters costs what scrolling through any other text does. */
static void test_long_lines_do_not_stall(void **state)
{
    (void)state;
    HostileText texts[HOSTILE_TEXTS];
    const int   count     = hostile_texts(texts);
    char       *directory = hostile_run("long-lines", texts + HOSTILE_PIECES, count - HOSTILE_PIECES);
    History    *history   = run_fixture_open(directory);
    PaneTraces *pane      = pane_traces_new(history);
    assert_non_null(pane);
    press(pane, KEY_CODE_HOME);
    Area area = new_area(78, 22);
    for (size_t i = 0; i < history_trace_count(history); i++) {
        pane_traces_draw(pane, area, GLYPHS_BRAILLE); /* reads, marks and wraps it */
        const double before = seconds();
        for (int k = 0; k < 100; k++) {
            press(pane, KEY_CODE_PAGE_DOWN);
            pane_traces_draw(pane, area, GLYPHS_BRAILLE);
        }
        assert_true(seconds() - before < 100 * 0.02); /* frames at 50 a second, on a slow machine with sanitizers */
        press(pane, ']');
    }
    check_area(area);
    canvas_free(area.canvas);
    pane_traces_free(pane);
    history_close(history);
    hostile_free(texts, count);
    free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canvas_text), cmocka_unit_test(test_traces),
        cmocka_unit_test(test_shown),       cmocka_unit_test(test_modes),
        cmocka_unit_test(test_other_panes), cmocka_unit_test(test_long_lines_do_not_stall),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
