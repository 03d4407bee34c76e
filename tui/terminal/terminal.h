/* Terminal: a real terminal behind a few calls; the only part that includes ncurses (its terminfo).
 *
 *     Terminal *terminal = terminal_open(&options, &error);
 *     while (running) {
 *         TerminalKey key = terminal_read(terminal, 250);       // waits up to 250 ms
 *         terminal_size(terminal, &width, &height);
 *         …draw into a canvas of that size…
 *         terminal_show(terminal, canvas);                      // only what changed is sent
 *     }
 *     terminal_close(terminal);
 *
 * However the program ends, the terminal is as it was: terminal_close, exit(),
 * SIGTERM, SIGHUP, SIGINT, SIGQUIT and crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, in any
 * thread) restore it: modes, cursor, screen, mouse; the exit status is that of the signal. A stack that overflows is
 * covered in the thread that opened the terminal. SIGTSTP (Ctrl-Z) restores it, stops, and comes
 * back whole at SIGCONT. SIGWINCH gives a KEY_CODE_SIZE_CHANGED, SIGTERM a KEY_CODE_STOP, SIGINT a 3; a second
 * SIGTERM or SIGINT before the first was read ends the program.
 *
 * What anything writes to stderr meanwhile goes through a pipe to `on_stderr` (line
 * by line, called from terminal_read), not over the screen; what is left is printed at
 * terminal_close.
 */
#ifndef RLSP_TUI_TERMINAL_H
#define RLSP_TUI_TERMINAL_H

#include "engine/error.h"
#include "tui/draw/theme.h"

/* Printable ASCII and Unicode are themselves; Ctrl-A is 1, and so on. */
enum TerminalKeyCode {
    KEY_CODE_NONE      = 0,
    KEY_CODE_TAB       = 9,
    KEY_CODE_ENTER     = 13,
    KEY_CODE_ESCAPE    = 27,
    KEY_CODE_BACKSPACE = 127,
    KEY_CODE_UP        = 0x110000,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_BACK_TAB,
    KEY_CODE_DELETE,
    KEY_CODE_F1,
    KEY_CODE_F2,
    KEY_CODE_CLICK,      /* left button: x, y */
    KEY_CODE_WHEEL_UP,   /* x, y */
    KEY_CODE_WHEEL_DOWN, /* x, y */
    KEY_CODE_SIZE_CHANGED,
    KEY_CODE_STOP,   /* SIGTERM: the user or the system wants an end */
    KEY_CODE_HANG_UP /* the terminal has gone (SIGHUP, end of file) */
};

typedef struct TerminalKey {
    int code;
    int x, y; /* of mouse events, in cells */
} TerminalKey;

typedef struct TerminalOptions {
    void (*on_stderr)(void *user, const char *line); /* NULL: stderr is left alone */
    void *user;
    bool  mouse;
} TerminalOptions;

typedef struct Terminal Terminal;

/* STATUS_FAILED where stdin or stdout is no terminal, or it can do nothing (TERM
 * unset, "dumb" or unknown): the text says so. Only one may be open. */
Terminal *terminal_open(const TerminalOptions *options, Error *error);
void      terminal_close(Terminal *terminal); /* NULL is allowed */

void    terminal_size(const Terminal *terminal, int *width, int *height);
Glyphs  terminal_glyphs(const Terminal *terminal);
Colours terminal_colours(const Terminal *terminal);

/* The next key; KEY_CODE_NONE after `timeout_ms` without one. Ctrl-C is 3. */
TerminalKey terminal_read(Terminal *terminal, int timeout_ms);
void        terminal_show(Terminal *terminal, const Canvas *canvas);
void        terminal_redraw(Terminal *terminal); /* sends everything again at the next show */

#endif
