/* What is sent to a terminal: a small terminal that obeys it shows what was wanted, frame after frame, whatever the
 * cells hold; and only what changed is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/terminal/terminal_parts.h"

/* --- a terminal ------------------------------------------------------------------------- */

enum { WIDTH = 37, HEIGHT = 11, LOOK_BYTES = 96 };

typedef struct Spot {
    uint32_t codes[CELL_CODES];
    int      width;
    char     look[LOOK_BYTES]; /* the sequences since the last that ended all of them */
} Spot;

static struct {
    Spot  spots[HEIGHT][WIDTH];
    int   x, y; /* x WIDTH: behind the last column */
    bool  simple;
    bool  can_wrap; /* writing the very last cell scrolls */
    Spot *last;     /* what a combining character joins */
    char  look[LOOK_BYTES];
} terminal;

/* Full of something else. */
static void reset_terminal(const TerminalCaps *caps)
{
    memset(&terminal, 0, sizeof terminal);
    terminal.can_wrap = caps->corner != CORNER_PLAIN;
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        terminal.spots[i / WIDTH][i % WIDTH] = (Spot){.codes = {'#'}, .width = 1};
    }
}

static bool starts(const char *bytes, size_t length, const CapText *text)
{
    return text->length > 0 && length >= text->length && memcmp(bytes, text->bytes, text->length) == 0;
}

/* Overwriting half of a wide character leaves a hole where the other half was. */
static void break_wide(int y, int x)
{
    Spot *row = terminal.spots[y];
    if (row[x].width == 2 && x + 1 < WIDTH) {
        row[x + 1] = (Spot){.codes = {'#'}, .width = 1};
    }
    if (row[x].width == 0 && x > 0) {
        row[x - 1] = (Spot){.codes = {'#'}, .width = 1};
    }
}

/* Of a terminal that knows less of Unicode, `simple`, each character takes one cell. */
static int width_of(uint32_t code)
{
    return terminal.simple ? 1 : code >= 0x300 && code < 0x370 ? 0 : code >= 0x4E00 && code < 0xA000 ? 2 : 1;
}

static void write_code(uint32_t code)
{
    const int width = width_of(code);
    if (width == 0) {
        int i = 0;
        while (i < CELL_CODES && terminal.last->codes[i] != 0) {
            i++;
        }
        assert_true(i < CELL_CODES);
        terminal.last->codes[i] = code;
        return;
    }
    if (terminal.simple && terminal.x == WIDTH) {
        return;
    }
    assert_true(terminal.y < HEIGHT && terminal.x + width <= WIDTH); /* nothing is left to wrapping */
    assert_false(terminal.can_wrap && terminal.y == HEIGHT - 1 && terminal.x + width == WIDTH);
    Spot *spot = &terminal.spots[terminal.y][terminal.x];
    for (int i = 0; i < width; i++) {
        break_wide(terminal.y, terminal.x + i);
        spot[i] = (Spot){.codes = {i == 0 ? code : 0}, .width = i == 0 ? width : 0};
        memcpy(spot[i].look, terminal.look, sizeof terminal.look);
    }
    terminal.last = spot;
    terminal.x += width;
}

static size_t obey(const TerminalCaps *caps, const char *bytes, size_t length)
{
    if (starts(bytes, length, &caps->plain)) {
        terminal.look[0] = '\0';
        return caps->plain.length;
    }
    if (starts(bytes, length, &caps->clear_line)) {
        assert_int_equal(terminal.look[0], 0);
        for (int x = terminal.x; x < WIDTH; x++) {
            break_wide(terminal.y, x);
            terminal.spots[terminal.y][x] = (Spot){.codes = {' '}, .width = 1};
        }
        return caps->clear_line.length;
    }
    if (starts(bytes, length, &caps->insert)) {
        Spot *row = terminal.spots[terminal.y];
        memmove(row + terminal.x + 1, row + terminal.x, (size_t)(WIDTH - 1 - terminal.x) * sizeof *row);
        row[terminal.x] = (Spot){.codes = {' '}, .width = 1};
        return caps->insert.length;
    }
    size_t end = 2;
    assert_true(length > 2 && bytes[1] == '[');
    while (end < length && (unsigned char)bytes[end] < 0x40) {
        end++;
    }
    assert_true(end < length);
    if (bytes[end] == 'H') {
        char *next;
        terminal.y = (int)strtol(bytes + 2, &next, 10) - 1;
        terminal.x = (int)strtol(next + 1, NULL, 10) - 1;
        assert_true(terminal.y >= 0 && terminal.y < HEIGHT && terminal.x >= 0 && terminal.x < WIDTH);
    } else {
        assert_int_equal(bytes[end], 'm');
        strncat(terminal.look, bytes, end + 1);
    }
    return end + 1;
}

static void feed(const TerminalCaps *caps, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        const unsigned char first = (unsigned char)bytes[i];
        if (first == 27) {
            i += obey(caps, bytes + i, length - i);
            continue;
        }
        assert_true(first >= 0x20 && first != 0x7f); /* no other control byte */
        const size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        assert_true(i + size <= length && (caps->utf8 || size == 1));
        uint32_t code = size == 1 ? first : first & (0x7Fu >> size);
        for (size_t k = 1; k < size; k++) {
            code = code << 6 | ((unsigned char)bytes[i + k] & 0x3Fu);
        }
        assert_true(code < 0x80 || code >= 0xA0);
        write_code(code);
        i += size;
    }
}

/* --- what it should show ------------------------------------------------------------------- */

static void check_spot(const TerminalCaps *caps, const Cell *cell, const Spot *spot)
{
    assert_int_equal(spot->width, cell->width);
    assert_memory_equal(spot->codes, cell->codes, sizeof cell->codes);
    if (cell->width == 0) {
        return;
    }
    char      look[LOOK_BYTES] = "";
    const int attrs            = (cell->attrs | caps->ink_attrs[cell->ink]) & ~caps->ink_without[cell->ink];
    for (int i = 0; i < ATTR_COUNT; i++) {
        if ((attrs & 1 << i) != 0) {
            strncat(look, caps->attrs[i].bytes, caps->attrs[i].length);
        }
    }
    strncat(look, caps->inks[cell->ink].bytes, caps->inks[cell->ink].length);
    assert_string_equal(spot->look, look);
}

static void check_all(const TerminalCaps *caps, const TerminalScreen *screen, bool corner)
{
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            if (corner || y < HEIGHT - 1 || x < WIDTH - 2) {
                check_spot(caps, &screen->shown[y * WIDTH + x], &terminal.spots[y][x]);
            }
        }
    }
}

/* What well-made cells hold is what is shown. */
static void check_canvas(const TerminalScreen *screen, const Canvas *canvas)
{
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            const Cell *given = &canvas->cells[y * WIDTH + x], *shown = &screen->shown[y * WIDTH + x];
            if (given->codes[0] != 0) {
                assert_memory_equal(given->codes, shown->codes, sizeof given->codes);
            }
            assert_int_equal(given->width, shown->width);
        }
    }
}

static uint32_t random_code(void)
{
    static const uint32_t codes[] = {'a', 'b', ' ', ' ', ' ', 0xE9, 0x28FF, 0x2500, 0x65E5, 0x672C};
    return codes[(size_t)rand() % (sizeof codes / sizeof *codes)];
}

static void scribble(Canvas *canvas, bool garbage)
{
    const Area all = canvas_area(canvas);
    if (rand() % 10 == 0) {
        canvas_clear(canvas);
    }
    for (int i = rand() % 40; i > 0; i--) {
        const int x = rand() % WIDTH, y = rand() % HEIGHT, attrs = rand() % 16;
        if (garbage) {
            Cell *cell = &canvas->cells[y * WIDTH + x];
            for (int k = 0; k < CELL_CODES; k++) {
                cell->codes[k] = rand() % 3 == 0 ? (uint32_t)rand() >> rand() % 30 : 0;
                if (width_of(cell->codes[k]) == 0) { /* the small terminal knows few of those */
                    cell->codes[k] = 7;
                }
            }
            cell->codes[1] = 0;
            cell->width    = 1;
            if (width_of(cell->codes[0]) == 2) {
                cell->width = 2;
            } else if (cell->codes[0] == 0) {
                cell->width = (uint8_t)(rand() % 2);
            }
            cell->ink   = (uint8_t)rand();
            cell->attrs = (uint8_t)attrs;
        } else if (rand() % 4 == 0) {
            area_text(all, x, y, (Ink)(rand() % INK_COUNT), attrs, "e\xcc\x81 \xe6\x97\xa5\xe6\x9c\xac\033[2J",
                      SIZE_MAX);
        } else {
            area_put(all, x, y, random_code(), (Ink)(rand() % INK_COUNT), attrs);
        }
    }
}

static bool read_caps(const char *term, TerminalCaps *caps)
{
    setenv("TERM", term, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("COLORTERM", strcmp(term, "xterm-256color") == 0 ? "truecolor" : "", 1);
    unsetenv("NO_COLOR");
    unsetenv("RLSP_GLYPHS");
    Error error = {0};
    if (caps_read(caps, true, 1, &error) != STATUS_OK) {
        print_message("%s: left out: %s\n", term, error.text);
        return false;
    }
    caps->utf8 = true; /* where the locale is not installed */
    return true;
}

static void play(const char *term, bool garbage)
{
    TerminalCaps caps;
    if (!read_caps(term, &caps)) {
        return;
    }
    TerminalScreen screen = {0};
    Canvas        *canvas = canvas_new(WIDTH, HEIGHT);
    assert_true(canvas != NULL && screen_resize(&screen, WIDTH, HEIGHT));
    reset_terminal(&caps);
    for (int frame = 0; frame < 400; frame++) {
        scribble(canvas, garbage);
        screen_frame(&screen, &caps, canvas);
        feed(&caps, screen.bytes, screen.length);
        /* a wide character beside the corner keeps that from being moved into place */
        check_all(&caps, &screen, caps.corner == CORNER_PLAIN);
        if (!garbage && caps.corner == CORNER_PLAIN) {
            check_canvas(&screen, canvas);
        }
        screen_frame(&screen, &caps, canvas);
        assert_int_equal(screen.length, 0);
        screen.stale = rand() % 50 == 0;
    }
    canvas_free(canvas);
    screen_free(&screen);
    caps_free();
}

static void test_random_frames(void **state)
{
    (void)state;
    static const char *const terms[] = {"xterm-256color", "xterm", "tmux-256color", "screen",
                                        "linux",          "vt100", "vt220",         "ansi"};
    srand(3);
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        play(terms[i], false);
        play(terms[i], true);
    }
}

/* A terminal with other ideas of widths: what is no wide or combined character is where it belongs all the same. */
static void test_doubtful_widths(void **state)
{
    (void)state;
    TerminalCaps caps;
    if (!read_caps("xterm-256color", &caps)) {
        return;
    }
    TerminalScreen screen = {0};
    Canvas        *canvas = canvas_new(WIDTH, HEIGHT);
    assert_true(canvas != NULL && screen_resize(&screen, WIDTH, HEIGHT));
    reset_terminal(&caps);
    for (int frame = 0; frame < 200; frame++) {
        terminal.simple = false;
        scribble(canvas, false);
        terminal.simple = true;
        screen.stale    = true;
        screen_frame(&screen, &caps, canvas);
        feed(&caps, screen.bytes, screen.length);
        for (int i = 0; i < WIDTH * HEIGHT; i++) {
            if (screen.shown[i].width == 1 && screen.shown[i].codes[1] == 0) {
                check_spot(&caps, &screen.shown[i], &terminal.spots[i / WIDTH][i % WIDTH]);
            }
        }
    }
    canvas_free(canvas);
    screen_free(&screen);
    caps_free();
}

/* Where the last cell cannot be written, it is moved there. */
static void test_corner(void **state)
{
    (void)state;
    TerminalCaps caps;
    if (!read_caps("ansi", &caps)) {
        return;
    }
    assert_int_equal(caps.corner, CORNER_INSERT);
    TerminalScreen screen = {0};
    Canvas        *canvas = canvas_new(WIDTH, HEIGHT);
    assert_true(canvas != NULL && screen_resize(&screen, WIDTH, HEIGHT));
    reset_terminal(&caps);
    area_text(canvas_area(canvas), WIDTH - 2, HEIGHT - 1, INK_BAD, 0, "xy", SIZE_MAX);
    screen_frame(&screen, &caps, canvas);
    feed(&caps, screen.bytes, screen.length);
    check_all(&caps, &screen, true);
    area_text(canvas_area(canvas), WIDTH - 1, HEIGHT - 1, INK_GOOD, 0, "z", SIZE_MAX);
    screen_frame(&screen, &caps, canvas);
    feed(&caps, screen.bytes, screen.length);
    check_all(&caps, &screen, true);
    assert_int_equal(terminal.spots[HEIGHT - 1][WIDTH - 1].codes[0], 'z');
    canvas_free(canvas);
    screen_free(&screen);
    caps_free();
}

static void test_little_is_sent(void **state)
{
    (void)state;
    TerminalCaps caps;
    if (!read_caps("xterm-256color", &caps)) {
        return;
    }
    TerminalScreen screen = {0};
    Canvas        *canvas = canvas_new(WIDTH, HEIGHT), *smaller = canvas_new(3, 2);
    assert_true(canvas != NULL && smaller != NULL && screen_resize(&screen, WIDTH, HEIGHT));
    reset_terminal(&caps);
    scribble(canvas, false);
    screen_frame(&screen, &caps, canvas);
    area_put(canvas_area(canvas), 5, 5, 'x', INK_ANSWER, ATTR_BOLD);
    screen_frame(&screen, &caps, canvas);
    area_put(canvas_area(canvas), 5, 5, 'y', INK_ANSWER, ATTR_BOLD);
    screen_frame(&screen, &caps, canvas);
    assert_in_range(screen.length, 1, 48);
    /* a canvas of another size, as after a change of it, is cut or filled up */
    screen_frame(&screen, &caps, smaller);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        assert_int_equal(screen.shown[i].codes[0], ' ');
    }
    canvas_free(canvas);
    canvas_free(smaller);
    screen_free(&screen);
    caps_free();
}

static void test_other_locale(void **state)
{
    (void)state;
    TerminalCaps caps;
    if (!read_caps("vt100", &caps)) {
        return;
    }
    caps.utf8             = false;
    TerminalScreen screen = {0};
    Canvas        *canvas = canvas_new(WIDTH, HEIGHT);
    assert_true(canvas != NULL && screen_resize(&screen, WIDTH, HEIGHT));
    reset_terminal(&caps);
    area_text(canvas_area(canvas), 0, 0, INK_TEXT, 0, "a\xc3\xa9 \xe6\x97\xa5|", SIZE_MAX);
    screen_frame(&screen, &caps, canvas);
    feed(&caps, screen.bytes, screen.length);
    check_all(&caps, &screen, true);
    static const char wanted[] = "a? ? |";
    for (int x = 0; x < (int)sizeof wanted - 1; x++) {
        assert_int_equal(terminal.spots[0][x].codes[0], wanted[x]);
    }
    canvas_free(canvas);
    screen_free(&screen);
    caps_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_frames),  cmocka_unit_test(test_doubtful_widths), cmocka_unit_test(test_corner),
        cmocka_unit_test(test_little_is_sent), cmocka_unit_test(test_other_locale),
    };
    return cmocka_run_group_tests_name("terminal screen", tests, NULL, NULL);
}
