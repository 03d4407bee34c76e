/* What tests/e2e/test_terminal.sh looks at in a real terminal: a pattern with something in every corner, the keys that
 * come in, what was written to stderr. A colon and a letter make it end in every way that there is.
 *
 * usage: terminal_probe [--keep-stderr]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tui/terminal/terminal.h"

enum { KEYS = 12, LINES = 4, REFRESH_MS = 500, FLOOD_LINES = 100000 };

static TerminalKey keys[KEYS];
static char        lines[LINES][80];
static long        line_count;

static void on_stderr(void *user, const char *line)
{
    (void)user;
    memmove(lines, lines[1], sizeof lines - sizeof lines[0]);
    snprintf(lines[LINES - 1], sizeof lines[0], "%zu: %s", strlen(line), line);
    line_count++;
}

/* --- drawing ------------------------------------------------------------------------- */

static void draw_keys(Area area)
{
    int column = area_text(area, 1, 2, INK_FAINT, 0, "keys", SIZE_MAX) + 2;
    for (int i = 0; i < KEYS; i++) {
        const TerminalKey *key = &keys[i];
        if (key->code == KEY_CODE_NONE) {
            continue;
        }
        if (key->code >= KEY_CODE_CLICK && key->code <= KEY_CODE_WHEEL_DOWN) {
            column += area_printf(area, column, 2, INK_TEXT, 0, "+%d@%d,%d ", key->code - KEY_CODE_UP, key->x, key->y);
        } else if (key->code >= KEY_CODE_UP) {
            column += area_printf(area, column, 2, INK_TEXT, 0, "+%d ", key->code - KEY_CODE_UP);
        } else {
            column += area_printf(area, column, 2, INK_TEXT, 0, "%d ", key->code);
        }
    }
}

static void draw(const Terminal *terminal, Canvas *canvas)
{
    static const char *const colours[] = {"none", "16", "256", "true"};
    static const char *const glyphs[]  = {"braille", "blocks", "ascii"};
    const Area               all       = canvas_area(canvas);
    canvas_clear(canvas);
    area_printf(all, 1, 0, INK_TITLE, 0, "probe %dx%d colours %s glyphs %s", canvas->width, canvas->height,
                colours[terminal_colours(terminal)], glyphs[terminal_glyphs(terminal)]);
    for (int i = 0; i < INK_COUNT; i++) {
        area_put(all, 1 + i, 1, (uint32_t)('a' + i), (Ink)i, 0);
    }
    draw_keys(all);
    area_printf(all, 1, 3, INK_TEXT, 0, "stderr %ld", line_count);
    for (int i = 0; i < LINES; i++) {
        area_text(all, 1, 4 + i, INK_WARN, 0, lines[i], SIZE_MAX);
    }
    /* wide, combining and braille characters, what a terminal would obey, and a wide one cut at the edge */
    area_text(all, 1, 8, INK_TEXT, 0, "wide \xe6\x97\xa5\xe6\x9c\xac e\xcc\x81 \xe2\xa0\xbf|", SIZE_MAX);
    area_text(all, 1, 9, INK_TEXT, 0, "raw \033[31mred\a|", SIZE_MAX);
    area_text(all, canvas->width - 3, 10, INK_TEXT, 0, "\xe6\x97\xa5\xe6\x9c\xac", SIZE_MAX);
    area_put(all, 0, 0, '1', INK_TEXT, 0);
    area_put(all, canvas->width - 1, 0, '2', INK_TEXT, 0);
    area_put(all, 0, canvas->height - 1, '3', INK_TEXT, 0);
    area_put(all, canvas->width - 1, canvas->height - 1, '4', INK_BAD, 0);
}

/* --- ends -------------------------------------------------------------------------------- */

static int overflow(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth == 1 << 30 ? 0 : overflow(depth + 1) + frame[0];
}

__attribute__((no_sanitize("undefined"))) static void *fault(void *nothing)
{
    (void)nothing;
    volatile int *nowhere = NULL;
    *nowhere              = 1;
    return NULL;
}

static void *leave(void *nothing)
{
    (void)nothing;
    exit(4);
}

static void *flood(void *nothing)
{
    (void)nothing;
    for (int i = 0; i < FLOOD_LINES; i++) {
        fprintf(stderr, "flood %d\n", i);
    }
    fprintf(stderr, "flood over\n");
    return NULL;
}

static void in_thread(void *(*body)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

/* More than any terminal takes that does not read. */
static void pour(Terminal *terminal, const Canvas *canvas)
{
    sleep(1);
    for (;;) {
        terminal_redraw(terminal);
        terminal_show(terminal, canvas);
    }
}

static void obey(Terminal *terminal, const Canvas *canvas, int command)
{
    static const char long_line[10000] = {0};
    switch (command) {
    case 'a': fprintf(stderr, "before the abort\n"); abort();
    case 'e': exit(3);
    case 'x': in_thread(leave); break;
    case 's': fault(NULL); break;
    case 't': in_thread(fault); break;
    case 'o': overflow(0); break;
    case 'n': fprintf(stderr, "noise\rprogress\r\n\033[2Jend\n"); break;
    case 'f': in_thread(flood); break;
    case 'g': flood(NULL); break;
    case 'l':
        for (size_t i = 0; i < sizeof long_line; i++) {
            fputc('l', stderr);
        }
        fputc('\n', stderr);
        break;
    case 'c': fclose(stderr); break;
    case 'u': fprintf(stderr, "left over"); break;
    case 'p': pour(terminal, canvas); break;
    case 'r': terminal_redraw(terminal); break;
    case 'h': /* does not look for a while */
        for (struct timespec rest = {.tv_sec = 30}; nanosleep(&rest, &rest) != 0;) {
        }
        break;
    default: break;
    }
}

int main(int argc, char **argv)
{
    Error           error   = {0};
    TerminalOptions options = {.on_stderr = on_stderr, .mouse = true};
    if (argc > 1 && strcmp(argv[1], "--keep-stderr") == 0) {
        options.on_stderr = NULL;
    }
    Terminal *terminal = terminal_open(&options, &error);
    if (terminal == NULL) {
        fprintf(stderr, "terminal_probe: %s\n", error.text);
        return error_exit_code(error.status);
    }
    Canvas *canvas = NULL;
    int     code = 0, last = 0;
    for (bool running = true; running;) {
        int width, height;
        terminal_size(terminal, &width, &height);
        if (canvas == NULL || canvas->width != width || canvas->height != height) {
            canvas_free(canvas);
            canvas = canvas_new(width, height);
            if (canvas == NULL) {
                code = 1;
                break;
            }
        }
        draw(terminal, canvas);
        terminal_show(terminal, canvas);
        TerminalKey key = terminal_read(terminal, REFRESH_MS);
        for (; key.code != KEY_CODE_NONE; key = terminal_read(terminal, 0)) {
            memmove(keys, keys + 1, sizeof keys - sizeof keys[0]);
            keys[KEYS - 1] = key;
            running        = running && key.code != 'q' && key.code != KEY_CODE_STOP && key.code != KEY_CODE_HANG_UP;
            code           = key.code == KEY_CODE_STOP ? 11 : key.code == KEY_CODE_HANG_UP ? 12 : code;
            if (last == ':') {
                obey(terminal, canvas, key.code);
            }
            last = key.code;
        }
    }
    canvas_free(canvas);
    terminal_close(terminal);
    return code;
}
