#include "tui/terminal/terminal_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    INPUT       = 0,
    OUTPUT      = 1,
    SIDE_MAX    = 1000, /* columns or rows that are used at most                                 */
    ESCAPE_MS   = 40,   /* after ESC alone: it is the key                                        */
    SEQUENCE_MS = 150,  /* after the start of a sequence that a slow line tore                   */
    REJOIN_MS   = 400   /* so long after that the rest of it is still known for what it is       */
};

struct Terminal {
    TerminalCaps    caps;
    TerminalOptions options;
    TerminalScreen  screen;
    bool            repair;  /* the modes too are sent again with the next frame                */
    bool            leaving; /* an end was asked for: it does not wait for the foreground        */
    bool            gone;    /* no more input                                                   */
    char            bytes[KEY_BYTES_MAX * 4];
    size_t          length;
    int64_t         arrived; /* ms; the newest of the bytes                                     */
    int64_t         escaped; /* ms; when KEY_CODE_ESCAPE was returned for want of more; 0: not   */
};

static Terminal *opened;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- opening and closing ------------------------------------------------------------- */

static int side(int system, int described, int usual)
{
    const int size = system > 0 ? system : described > 0 ? described : usual;
    return size < SIDE_MAX ? size : SIDE_MAX;
}

/* False: out of memory, the size is as it was. */
static bool take_size(Terminal *terminal)
{
    struct winsize size = {0};
    if (ioctl(OUTPUT, TIOCGWINSZ, &size) != 0) {
        memset(&size, 0, sizeof size);
    }
    const int width  = side(size.ws_col, terminal->caps.width, 80),
              height = side(size.ws_row, terminal->caps.height, 24);
    if (width == terminal->screen.width && height == terminal->screen.height) {
        terminal->screen.stale = true;
        return true;
    }
    return screen_resize(&terminal->screen, width, height);
}

Terminal *terminal_open(const TerminalOptions *options, Error *error)
{
    if (opened != NULL) {
        error_set(error, STATUS_FAILED, "cannot open the terminal: it is open already");
        return NULL;
    }
    if (isatty(INPUT) != 1 || isatty(OUTPUT) != 1) {
        error_set(error, STATUS_FAILED, "cannot draw: %s is not a terminal", isatty(INPUT) != 1 ? "stdin" : "stdout");
        return NULL;
    }
    Terminal *terminal = calloc(1, sizeof *terminal);
    if (terminal == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "cannot open the terminal: out of memory");
        return NULL;
    }
    terminal->options = *options;
    if (caps_read(&terminal->caps, options->mouse, OUTPUT, error) != STATUS_OK) {
        free(terminal);
        return NULL;
    }
    opened = terminal;
    if (!take_size(terminal)) {
        error_set(error, STATUS_OUT_OF_MEMORY, "cannot open the terminal: out of memory");
        terminal_close(terminal);
        return NULL;
    }
    fflush(stdout); /* belongs to what was there before */
    fflush(stderr);
    if ((options->on_stderr != NULL && stderr_take(error) != STATUS_OK) ||
        guard_open(&terminal->caps, INPUT, OUTPUT, error) != STATUS_OK) {
        terminal_close(terminal);
        return NULL;
    }
    return terminal;
}

void terminal_close(Terminal *terminal)
{
    if (terminal == NULL) {
        return;
    }
    guard_close();
    stderr_release();
    stderr_close();
    caps_free();
    screen_free(&terminal->screen);
    free(terminal);
    opened = NULL;
}

void terminal_size(const Terminal *terminal, int *width, int *height)
{
    *width  = terminal->screen.width;
    *height = terminal->screen.height;
}

Glyphs terminal_glyphs(const Terminal *terminal)
{
    return terminal->caps.glyphs;
}
Colours terminal_colours(const Terminal *terminal)
{
    return terminal->caps.colours;
}

/* --- showing ------------------------------------------------------------------------- */

void terminal_show(Terminal *terminal, const Canvas *canvas)
{
    if (terminal->gone || !guard_write_begin()) {
        return;
    }
    screen_frame(&terminal->screen, &terminal->caps, canvas);
    const CapModes *modes = &terminal->caps.modes;
    if ((terminal->repair && !guard_write(OUTPUT, modes->bytes, modes->length)) ||
        !guard_write(OUTPUT, terminal->screen.bytes, terminal->screen.length)) {
        terminal->screen.stale = true;
    }
    terminal->repair = false;
    guard_write_end();
}

void terminal_redraw(Terminal *terminal)
{
    terminal->repair       = true;
    terminal->screen.stale = true;
}

/* --- reading -------------------------------------------------------------------------- */

static bool take(atomic_bool *flag)
{
    return atomic_exchange(flag, false);
}

static TerminalKey hang_up(Terminal *terminal)
{
    terminal->gone = terminal->leaving = true;
    return (TerminalKey){.code = KEY_CODE_HANG_UP};
}

/* After a stop; but a program that is to end does not wait until the terminal is its own again. */
static bool wants_screen(const Terminal *terminal)
{
    return !terminal->gone && !guard_on_screen() && !(terminal->leaving && guard_in_background());
}

/* What signals asked for; KEY_CODE_NONE: nothing. */
static TerminalKey signalled_key(Terminal *terminal)
{
    if (take(&guard_flags.hang_up)) {
        return hang_up(terminal);
    }
    if (take(&guard_flags.stop)) {
        terminal->leaving = true;
        return (TerminalKey){.code = KEY_CODE_STOP};
    }
    if (take(&guard_flags.interrupt)) {
        return (TerminalKey){.code = 3};
    }
    if (wants_screen(terminal)) {
        if (guard_enter()) {
            atomic_store(&guard_flags.resized, true);
        } else if (!atomic_load(&guard_flags.stop) && !atomic_load(&guard_flags.hang_up)) {
            return hang_up(terminal);
        }
    }
    if (take(&guard_flags.resized) && take_size(terminal)) {
        return (TerminalKey){.code = KEY_CODE_SIZE_CHANGED};
    }
    return (TerminalKey){0};
}

static int64_t partial_ms(const Terminal *terminal)
{
    return terminal->length == 1 ? ESCAPE_MS : SEQUENCE_MS;
}

static void drop(Terminal *terminal, size_t bytes)
{
    terminal->length -= bytes;
    memmove(terminal->bytes, terminal->bytes + bytes, terminal->length);
}

/* The next key of what was read; *partial: only the start of one is there. */
static TerminalKey buffered_key(Terminal *terminal, bool *partial)
{
    TerminalKey key = {0};
    *partial        = false;
    while (terminal->length > 0) {
        const int64_t now    = now_ms();
        const bool    final  = now - terminal->arrived >= partial_ms(terminal);
        const bool    rejoin = terminal->escaped != 0 && now - terminal->escaped < REJOIN_MS;
        size_t        used;
        if (guard_is_suspend(terminal->bytes[0])) {
            drop(terminal, 1);
            guard_suspend();
            break;
        }
        const KeyFound found =
            keys_next(&terminal->caps, terminal->bytes, terminal->length, final, rejoin, &key, &used);
        if (found == KEY_PARTIAL) {
            *partial = true;
            break;
        }
        const bool waited = found == KEY_FOUND && key.code == KEY_CODE_ESCAPE && terminal->length == 1;
        terminal->escaped = waited ? now : 0;
        drop(terminal, used);
        if (found == KEY_FOUND) {
            return key;
        }
    }
    return (TerminalKey){0};
}

/* Sleeps until input, a signal, output on stderr, or the time is over. False: the input has ended. */
static bool wait_for_input(Terminal *terminal, int64_t ms)
{
    const bool    readable  = !terminal->gone && guard_on_screen() && terminal->length < sizeof terminal->bytes;
    struct pollfd wanted[3] = {{.fd = signals_descriptor(), .events = POLLIN},
                               {.fd = readable ? INPUT : -1, .events = POLLIN},
                               {.fd = stderr_descriptor(), .events = POLLIN}};
    if (poll(wanted, 3, ms > INT32_MAX ? INT32_MAX : (int)ms) <= 0) {
        return true;
    }
    if (wanted[0].revents != 0) {
        signals_awake();
        return true; /* first of all */
    }
    if (wanted[2].revents != 0) {
        stderr_read(terminal->options.on_stderr, terminal->options.user);
    }
    if (wanted[1].revents == 0) {
        return true;
    }
    const ssize_t got = read(INPUT, terminal->bytes + terminal->length, sizeof terminal->bytes - terminal->length);
    if (got > 0) {
        terminal->length += (size_t)got;
        terminal->arrived = now_ms();
    }
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

TerminalKey terminal_read(Terminal *terminal, int timeout_ms)
{
    const int64_t deadline = now_ms() + timeout_ms;
    for (bool waited = false;;) {
        bool        partial = false;
        TerminalKey key     = signalled_key(terminal);
        if (key.code == KEY_CODE_NONE) {
            key = buffered_key(terminal, &partial);
        }
        if (key.code != KEY_CODE_NONE) {
            return key;
        }
        if (wants_screen(terminal)) {
            continue; /* it was stopped just now */
        }
        const int64_t now = now_ms();
        int64_t       ms  = timeout_ms < 0 ? INT32_MAX : deadline - now;
        if (ms <= 0 && waited && !partial) {
            return key;
        }
        /* The rest of a key is waited for even past the time that was given: it is there, or comes within moments. */
        const int64_t rest = terminal->arrived + partial_ms(terminal) - now;
        ms                 = partial && (rest < ms || ms < 0) ? rest : ms;
        if (!wait_for_input(terminal, ms > 0 ? ms : 0)) {
            return hang_up(terminal);
        }
        waited = true;
    }
}
