/* Private to this folder.
 *
 *     terminal.c          what terminal.h promises, from the parts below
 *     terminal_caps.c     the terminal's description: ncurses' terminfo
 *     terminal_guard.c    the modes: entering the screen, leaving it, stopping
 *     terminal_keys.c     bytes to keys
 *     terminal_screen.c   cells to bytes
 *     terminal_signals.c  signals: however the program ends, the terminal is as before
 *     terminal_stderr.c   stray output
 */
#ifndef RLSP_TUI_TERMINAL_PARTS_H
#define RLSP_TUI_TERMINAL_PARTS_H

#include <stdatomic.h>

#include "tui/terminal/terminal.h"

/* --- terminal_caps.c ------------------------------------------------------------------ */

enum { CAP_BYTES = 48, CAP_MODE_BYTES = 256, CAP_KEYS = 16, ATTR_COUNT = 4 };

typedef struct CapText {
    size_t length;
    char   bytes[CAP_BYTES];
} CapText;

typedef struct CapModes {
    size_t length;
    char   bytes[CAP_MODE_BYTES];
} CapModes;

typedef struct CapKey {
    CapText text;
    int     code;
} CapKey;

/* How the last cell of the last row is written without scrolling the screen. */
typedef enum CapCorner {
    CORNER_PLAIN,  /* like any other                                                  */
    CORNER_INSERT, /* one to the left, then moved there by an inserted character       */
    CORNER_NONE    /* not at all                                                       */
} CapCorner;

/* What the terminal can do, as bytes to send; an empty text: it cannot. */
typedef struct TerminalCaps {
    bool      utf8;
    Colours   colours;
    Glyphs    glyphs;
    int       width, height;     /* as described, for when the system does not know; 0: not described */
    CapModes  enter, leave;      /* to the whole screen and back                                         */
    CapModes  modes;             /* the part of `enter` that can be sent again                            */
    CapText   plain;             /* no colour, no attribute                                               */
    CapText   clear_line;        /* to its end                                                            */
    CapText   insert;            /* room for one character                                                */
    CapText   attrs[ATTR_COUNT]; /* bold, dim, reverse, underline                                     */
    CapText   inks[INK_COUNT];
    int       ink_attrs[INK_COUNT];   /* added to those of the cell                                     */
    int       ink_without[INK_COUNT]; /* that cannot be shown beside the ink's colour                   */
    bool      moves_plain;            /* the cursor may only be moved without attributes               */
    CapCorner corner;
    CapKey    keys[CAP_KEYS];
    int       key_count;
} TerminalCaps;

/* From TERM and the environment. Until caps_free only one may be read. */
Status caps_read(TerminalCaps *caps, bool mouse, int output, Error *error);
void   caps_free(void);
/* Moves the cursor; the length of what was put into `out`. */
size_t caps_move(int x, int y, char out[CAP_BYTES]);

/* --- terminal_keys.c ------------------------------------------------------------------ */

typedef enum KeyFound {
    KEY_FOUND,   /* *key, made of the first *used bytes                          */
    KEY_SKIPPED, /* *used bytes that are no key of ours                           */
    KEY_PARTIAL  /* may become one with further bytes                             */
} KeyFound;

enum { KEY_BYTES_MAX = 64 }; /* a sequence that is longer is no key */

/* Looks at the start of bytes[0, length), length > 0. `final`: nothing follows soon, so it is not partial.
 * `after_escape`: KEY_CODE_ESCAPE was returned a moment ago for lack of what follows; a rest that completes
 * a sequence is one key. */
KeyFound keys_next(const TerminalCaps *caps, const char *bytes, size_t length, bool final, bool after_escape,
                   TerminalKey *key, size_t *used);

/* --- terminal_screen.c ---------------------------------------------------------------- */

typedef struct TerminalScreen {
    int    width, height;
    Cell  *shown; /* [height, width] what the terminal has; not known if `stale` */
    Cell  *wanted;
    bool  *changed; /* [width] of one row */
    bool   stale;
    bool   cut;   /* memory ran out in the last frame: it is stale again */
    char  *bytes; /* [length of capacity] of the last frame */
    size_t length, capacity;
} TerminalScreen;

/* False: out of memory, the screen is as it was. What is shown is then stale. */
bool screen_resize(TerminalScreen *screen, int width, int height);
/* Makes screen->bytes what has to be sent to show the canvas (cut or filled up with blanks). */
void screen_frame(TerminalScreen *screen, const TerminalCaps *caps, const Canvas *canvas);
void screen_free(TerminalScreen *screen);

/* --- terminal_stderr.c: one at a time -------------------------------------------------- */

Status stderr_take(Error *error);
int    stderr_descriptor(void); /* to wait on; -1: there is nothing to read any more */
/* Reads what is there, up to a bound, line by line. */
void stderr_read(void (*on_line)(void *user, const char *line), void *user);
/* stderr is as it was, and gets what was not read. In a signal handler too; nothing to do the second time. */
void stderr_release(void);
void stderr_close(void); /* after stderr_release */

/* --- terminal_signals.c: one at a time -------------------------------------------------- */

/* What signals asked for since it was last looked at. */
typedef struct GuardFlags {
    atomic_bool stop, interrupt, hang_up, resized, resumed;
} GuardFlags;

extern GuardFlags guard_flags;

/* The calling thread is the one that draws. */
Status signals_take(Error *error);
void   signals_give_back(void);
int    signals_descriptor(void); /* readable after a signal, until signals_awake() */
void   signals_awake(void);
bool   signals_stop_is_ours(void); /* SIGTSTP stops us: it was not ignored when we came */
void   signals_let_stop(bool let); /* true: at once, without restoring anything          */

/* --- terminal_guard.c: one at a time ----------------------------------------------------- */

/* Takes over signals and enters the screen; the caps are copied. The calling thread is the one that draws. */
Status guard_open(const TerminalCaps *caps, int input, int output, Error *error);
void   guard_close(void);

bool guard_on_screen(void);     /* not so while it is stopped, was ended, or another job has the terminal */
bool guard_in_background(void); /* another job has the terminal             */
/* Back to the screen after a stop; false: the terminal is not ours (stays off the screen). */
bool guard_enter(void);
/* The terminal is as it was before; for good: until the end of the program. In a signal handler too. */
void guard_leave(bool for_good);

bool guard_is_suspend(char byte); /* the byte that Ctrl-Z sends, where that stops a job */
void guard_suspend(void);         /* leaves the screen and stops; guard_enter comes back  */

/* Between them SIGTSTP waits, so that it does not cut a frame. False: not on the screen, nothing may be sent. */
bool guard_write_begin(void);
void guard_write_end(void);
/* All of it; false: the terminal has gone. In a signal handler too. */
bool guard_write(int output, const char *bytes, size_t length);

#endif
