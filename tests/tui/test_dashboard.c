/* The dashboard without a terminal: a recorded run drawn once, at all sizes and with keys pressed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/fixture.h"
#include "tui/dashboard/dashboard.h"
#include "tui/draw/text.h"

static const char recorded[] = TEST_DATA "/run-recorded";

/* The screen as text, to be freed; NULL and *error if there is none. */
static char *screen(const char *const *runs, int run_count, int width, int height, const char *keys, Error *error)
{
    static const char *directory;
    directory             = directory != NULL ? directory : fixture_directory();
    const char      *path = fixture_path(directory, "screen.txt");
    DashboardEnd     end;
    DashboardOptions options = {.runs      = runs,
                                .run_count = run_count,
                                .control   = -1,
                                .output    = -1,
                                .text      = path,
                                .width     = width,
                                .height    = height,
                                .keys      = keys};
    if (dashboard_run(&options, &end, error) != STATUS_OK) {
        return NULL;
    }
    return fixture_text(path, NULL);
}

static char *recorded_screen(int width, int height, const char *keys)
{
    const char *runs[] = {recorded};
    Error       error  = {0};
    char       *text   = screen(runs, 1, width, height, keys, &error);
    if (text == NULL) {
        fail_msg("%s", error.text);
    }
    return text;
}

/* `height` lines of at most `width` columns, and nothing in them that a terminal would obey. */
static void check_form(const char *text, int width, int height)
{
    int lines = 0;
    for (const char *line = text; *line != '\0'; lines++) {
        const size_t bytes = strcspn(line, "\n");
        assert_true(text_width(line, bytes) <= width);
        for (size_t i = 0; i < bytes; i++) {
            assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
        }
        line += bytes + (line[bytes] == '\n');
    }
    assert_int_equal(lines, height);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        int width, height;
    } sizes[]                       = {{1, 1},  {2, 3},   {7, 4},    {10, 2},   {20, 5},   {33, 7},   {40, 12},
                                       {61, 9}, {80, 24}, {100, 30}, {133, 50}, {160, 48}, {200, 60}, {300, 100}};
    static const char *const keys[] = {"",   "?",        "?jjj G", "O",        "Ojj\r", "1e", "2",  "3z", "4m",
                                       "5f", "5fcb\\eL", "5v",     "5/box\\r", "6t",    "7",  "8z", "9kk"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            char *text = recorded_screen(sizes[i].width, sizes[i].height, keys[k]);
            check_form(text, sizes[i].width, sizes[i].height);
            free(text);
        }
    }
}

static void expect(int width, int height, const char *keys, const char *wanted, bool there)
{
    char *text = recorded_screen(width, height, keys);
    if ((strstr(text, wanted) != NULL) != there) {
        fail_msg("keys \"%s\" at %dx%d: \"%s\" is %s:\n%s", keys, width, height, wanted, there ? "not there" : "there",
                 text);
    }
    free(text);
}

static void test_head_and_panes(void **state)
{
    (void)state;
    expect(160, 48, "", "pick-three-recorded", true);
    expect(160, 48, "", "step 40/40", true);
    expect(160, 48, "", "ended: done", true);
    expect(160, 48, "", "1 reward", true);
    for (int pane = 1; pane <= 9; pane++) { /* the number of a pane brings it up wherever there was no room for it */
        char keys[2] = {(char)('0' + pane)}, title[4] = {(char)('0' + pane), ' '};
        expect(40, 12, keys, title, true);
    }
    expect(40, 12, "\\t", "6 ", true); /* from the traces to the next */
    expect(160, 48, "z", "1 reward", false);
    expect(160, 48, "z\\e", "1 reward", true);
}

static void test_keys_reach_their_pane(void **state)
{
    (void)state;
    expect(160, 48, "1fcb\\e", "correct, has backtrack", true); /* the filter, while a curve has the focus */
    expect(160, 48, "fcb\\eL", "the longest that passes the filter", true);
    expect(160, 48, "z/box\\r", "box", true);
    expect(40, 12, "1L", "5 traces", true); /* a pane that is not to be seen comes up */
    expect(160, 48, "6t", "1,000", true);
    expect(160, 48, " ", "only watched", true);
    expect(160, 48, "o", "only watched", true);
    expect(160, 48, "c", "only watched", true);
}

static void test_help_and_options(void **state)
{
    (void)state;
    static const char *const keys[] = {"Tab, Shift-Tab", "[ ]",
                                       "the longest",    "filter; then letters",
                                       "has backtrack",  "rlsp-NAME-STEP.png",
                                       "Ctrl-L",         "Ctrl-C",
                                       "F2, O",          "log scale",
                                       "smoothing",      "side by side",
                                       "checkpoint",     "a phrase of reasoning"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        expect(200, 60, "?", keys[i], true);
    }
    expect(200, 60, "?\\e", "Ctrl-L", false);
    expect(80, 24, "?", "Ctrl-L", false); /* further down */
    expect(80, 24, "?G", "repeated text", true);
    expect(40, 12, "?", "Panes", true);
    expect(80, 24, "O", "smoothing", true);
    expect(80, 24, "Ojjl", "as the terminal can", true);
    expect(80, 24, "Ojjhq", "\xE2\x94\x80", false); /* glyphs: ASCII, so no lines */
    expect(80, 24, "", "\xE2\x94\x80", true);
}

static void test_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *file;
    } saved[] = {{"w", "rlsp-pick-three-recorded-40.png"},
                 {"w", "rlsp-pick-three-recorded-40-2.png"}, /* the first is kept */
                 {"W", "rlsp-pick-three-recorded-40-reward.png"},
                 {"2W", "rlsp-pick-three-recorded-40-accuracy.png"}};
    char        here[4096], message[128];
    const char *directory = fixture_directory();
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(directory), 0);
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++) {
        snprintf(message, sizeof message, "saved picture %s", saved[i].file);
        expect(100, 30, saved[i].keys, message, true);
        size_t bytes;
        char  *png = fixture_text(saved[i].file, &bytes);
        assert_true(bytes > 1000);
        assert_memory_equal(png, "\x89PNG", 4);
        free(png);
    }
    assert_int_equal(chdir(here), 0);
}

/* What a model may print is shown and reaches no terminal: escape sequences, control bytes, C1 controls, broken UTF-8,
 * a line of 100,000 characters, text that turns the direction of writing. */
static void test_hostile_run(void **state)
{
    (void)state;
    static const char start[] =
        "{\"event\":\"run_start\",\"step\":0,\"format\":1,\"name\":\"a\\u001b[2Jb\",\"time_device\":"
        "\"d\\u009b31m\",\"time_unix\":1}\n"
        "{\"event\":\"phase_start\",\"step\":0,\"stage\":\"rl\\u0007\",\"name\":\"\\r\\n\",\"steps\":3,\"time_unix\":2}"
        "\n"
        "{\"event\":\"rl_step\",\"step\":1,\"\\u001b]0;x\\u0007\":1,\"reward\":0.5,\"time_unix\":3}\n"
        "{\"event\":\"run_end\",\"step\":1,\"reason\":\"\\u001b[H\",\"time_unix\":4}\n";
    static const char trace[] =
        "{\"event\":\"trace\",\"step\":1,\"stage\":\"rl\",\"prompt\":\"p\\u001b[31m\\u202e\",\"response\":\"x\\u001b]"
        "52;c;eA==\\u0007"
        "\xff\xfe\\u0085\\u0000\xe2\x28\xa1\",\"verdict\":\"wrong\\u001b\",\"tokens\":3,\"reward\":0}\n";
    enum { LONG = 100000 };
    const char *directory = fixture_directory(), *runs[] = {directory};
    FILE       *events = fopen(fixture_path(directory, "events.jsonl"), "w");
    FILE       *traces = fopen(fixture_path(directory, "traces.jsonl"), "w");
    FILE       *log    = fopen(fixture_path(directory, "log.txt"), "w");
    assert_true(events != NULL && traces != NULL && log != NULL);
    fputs(start, events);
    fputs("{\"event\":\"trace\",\"step\":1,\"stage\":\"rl\",\"prompt\":\"q\",\"verdict\":\"wrong\",\"tokens\":3,"
          "\"reward\":0,\"response\":\"",
          traces);
    for (int i = 0; i < LONG; i++) {
        fputc('a' + i % 26, traces);
    }
    fputs("\"}\n", traces);
    fputs(trace, traces);
    fputs("2026-11-24T14:38:41Z warning: \033[2J\033]0;t\a\302\233m \377\r\b\n", log);
    fclose(events);
    fclose(traces);
    fclose(log);
    static const char *const keys[] = {"", "z", "[z", "[jjj", "/\\u\r", "v", "9", "8", "1e", "?", "fw\\e"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        Error error = {0};
        char *text  = screen(runs, 1, 100, 30, keys[i], &error);
        assert_non_null(text);
        check_form(text, 100, 30);
        for (const char *c = text; *c != '\0'; c++) {
            assert_false((unsigned char)c[0] == 0xC2 && (unsigned char)c[1] < 0xA0); /* C1 */
            assert_false(strncmp(c, "\xE2\x80\xAE", 3) == 0);                        /* right to left */
        }
        free(text);
    }
}

static void test_several_runs(void **state)
{
    (void)state;
    const char *runs[] = {recorded, recorded, recorded, recorded, recorded, recorded, recorded};
    Error       error  = {0};
    char       *text   = screen(runs, 6, 160, 48, NULL, &error);
    assert_non_null(text);
    assert_non_null(strstr(text, "+ 5 more"));
    free(text);
    assert_null(screen(runs, 7, 160, 48, NULL, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "7 runs"));
}

static void test_no_run(void **state)
{
    (void)state;
    const char *runs[] = {TEST_DATA "/screens"};
    Error       error  = {0};
    assert_null(screen(runs, 1, 80, 24, NULL, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_null(strchr(error.text, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_head_and_panes),
        cmocka_unit_test(test_keys_reach_their_pane),
        cmocka_unit_test(test_help_and_options),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_hostile_run),
        cmocka_unit_test(test_several_runs),
        cmocka_unit_test(test_no_run),
    };
    setenv("RLSP_GLYPHS", "braille", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
