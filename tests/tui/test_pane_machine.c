/* The pane of the machine: progress, speed, memory and the phases of a step. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/run_fixture.h"
#include "tui/pane/pane_machine.h"

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
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_machine),
    };
    return cmocka_run_group_tests_name("pane of the machine", tests, NULL, NULL);
}
