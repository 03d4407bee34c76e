/* The one file that includes ncurses: its terminfo tells what to send, and what keys send. */
#include "tui/terminal/terminal_parts.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define NCURSES_NOMACROS
#include <curses.h>
#include <term.h>

static struct {
    bool        read;
    const char *move; /* belongs to ncurses */
} description;

static const char *text_of(const char *name)
{
    const char *text = tigetstr(name);
    return text == NULL || text == (const char *)-1 ? "" : text;
}

/* --- collecting bytes: tputs turns padding into what the line needs ------------------- */

static char  *collected;
static size_t collected_length, collected_capacity;

static int collect(int byte)
{
    if (collected_length < collected_capacity) {
        collected[collected_length] = (char)byte;
    }
    collected_length++;
    return byte;
}

/* Appends; what does not fit is left out whole. */
static void put(char *bytes, size_t *length, size_t capacity, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    collected          = bytes + *length;
    collected_length   = 0;
    collected_capacity = capacity - *length;
    tputs(text, 1, collect);
    if (collected_length <= collected_capacity) {
        *length += collected_length;
    }
}

static void put_text(CapText *cap, const char *text)
{
    put(cap->bytes, &cap->length, sizeof cap->bytes, text);
}
static void put_mode(CapModes *cap, const char *text)
{
    put(cap->bytes, &cap->length, sizeof cap->bytes, text);
}

size_t caps_move(int x, int y, char out[CAP_BYTES])
{
    size_t length = 0;
    put(out, &length, CAP_BYTES, tparm(description.move, (long)y, (long)x, 0L, 0L, 0L, 0L, 0L, 0L, 0L));
    return length;
}

/* --- colours ---------------------------------------------------------------------------- */

static const char *colour_text(int number)
{
    return tparm(text_of("setaf"), (long)number, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L);
}

static void read_ink(TerminalCaps *caps, Ink ink)
{
    const ThemeInk *theme             = theme_ink(ink);
    const int       colours           = tigetnum("colors");
    CapText        *text              = &caps->inks[ink];
    char            direct[CAP_BYTES] = "";
    int             attrs             = theme->attrs;
    switch (caps->colours) {
    case COLOURS_NONE: attrs |= theme->mono_attrs; break;
    case COLOURS_16:
        if (theme->ansi16 == 8 && colours < 16) {
            attrs |= ATTR_DIM; /* bold black may be black */
        } else if (theme->ansi16 >= 0) {
            attrs |= theme->ansi16 >= 8 && colours < 16 ? ATTR_BOLD : 0;
            put_text(text, colour_text(colours < 16 ? theme->ansi16 & 7 : theme->ansi16));
        }
        break;
    case COLOURS_256:
        if (theme->ansi256 >= 0 && colours >= 256) {
            put_text(text, colour_text(theme->ansi256));
        } else if (theme->ansi256 >= 0) {
            snprintf(direct, sizeof direct, "\033[38;5;%dm", theme->ansi256);
        }
        break;
    case COLOURS_TRUE:
        if (theme->ansi256 >= 0) {
            snprintf(direct, sizeof direct, "\033[38;2;%d;%d;%dm", theme->red, theme->green, theme->blue);
        }
        break;
    }
    put_text(text, direct);
    caps->ink_attrs[ink] = attrs;
    /* no_color_video: what the terminal itself shows as a colour */
    const int without = text->length > 0 ? tigetnum("ncv") : 0;
    if (without > 0) {
        caps->ink_without[ink] = ((without & 32) != 0 ? ATTR_BOLD : 0) | ((without & 16) != 0 ? ATTR_DIM : 0) |
                                 ((without & 4) != 0 ? ATTR_REVERSE : 0) | ((without & 2) != 0 ? ATTR_UNDERLINE : 0);
    }
}

static void read_attrs(TerminalCaps *caps)
{
    static const char *const names[ATTR_COUNT] = {"bold", "dim", "rev", "smul"};
    put_text(&caps->plain, text_of("sgr0"));
    if (tigetnum("xmc") > 0 || caps->plain.length == 0) {
        return; /* attributes that take room on the screen, or that never end */
    }
    for (int i = 0; i < ATTR_COUNT; i++) {
        put_text(&caps->attrs[i], text_of(names[i]));
    }
    if (caps->attrs[2].length == 0) {
        put_text(&caps->attrs[2], text_of("smso"));
    }
    for (int i = 0; i < INK_COUNT; i++) {
        read_ink(caps, (Ink)i);
    }
}

/* --- the screen and back ------------------------------------------------------------------ */

static void read_modes(TerminalCaps *caps, bool mouse)
{
    /* xterm's cnorm also ends the blinking of a cursor: undo only what was done. */
    const char *hide = text_of("civis"), *show = strcmp(hide, "\033[?25l") == 0 ? "\033[?25h" : text_of("cnorm");
    const char *whole = text_of("smcup"), *back = text_of("rmcup");
    const char *no_wrap = text_of("rmam"), *wrap = text_of("smam");
    const bool  wraps = tigetflag("am") > 0 && (no_wrap[0] == '\0' || wrap[0] == '\0');
    /* Where a description has kmous the terminal knows xterm's modes; those who do not know 1006 send the old form. */
    mouse = mouse && text_of("kmous")[0] != '\0';

    CapModes *modes = &caps->modes;
    put_mode(modes, text_of("sgr0"));
    put_mode(modes, text_of("smkx"));
    put_mode(modes, wraps ? "" : no_wrap);
    put_mode(modes, show[0] != '\0' ? hide : "");
    put_mode(modes, mouse ? "\033[?1000h\033[?1006h" : "");

    put_mode(&caps->enter, back[0] != '\0' ? whole : "");
    if (caps->enter.length + modes->length <= sizeof caps->enter.bytes) {
        memcpy(caps->enter.bytes + caps->enter.length, modes->bytes, modes->length);
        caps->enter.length += modes->length;
    }
    put_mode(&caps->enter, text_of("clear"));

    put_mode(&caps->leave, mouse ? "\033[?1006l\033[?1000l" : "");
    put_mode(&caps->leave, text_of("sgr0"));
    put_mode(&caps->leave, wraps || no_wrap[0] == '\0' ? "" : wrap);
    put_mode(&caps->leave, hide[0] != '\0' ? show : "");
    put_mode(&caps->leave, text_of("rmkx"));
    put_mode(&caps->leave, back[0] != '\0' && whole[0] != '\0' ? back : text_of("clear"));

    put_text(&caps->clear_line, text_of("el"));
    put_text(&caps->insert, text_of("ich1"));
    if (caps->insert.length == 0) {
        put_text(&caps->insert, tparm(text_of("ich"), 1L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L));
    }
    caps->moves_plain = tigetflag("msgr") <= 0;
    caps->corner      = !wraps || tigetflag("xenl") > 0 ? CORNER_PLAIN
                        : caps->insert.length > 0       ? CORNER_INSERT
                                                        : CORNER_NONE;
}

static void read_keys(TerminalCaps *caps)
{
    static const struct {
        const char *name;
        int         code;
    } keys[] = {
        {"kcuu1", KEY_CODE_UP},      {"kcud1", KEY_CODE_DOWN},    {"kcub1", KEY_CODE_LEFT}, {"kcuf1", KEY_CODE_RIGHT},
        {"kpp", KEY_CODE_PAGE_UP},   {"knp", KEY_CODE_PAGE_DOWN}, {"khome", KEY_CODE_HOME}, {"kend", KEY_CODE_END},
        {"kcbt", KEY_CODE_BACK_TAB}, {"kdch1", KEY_CODE_DELETE},  {"kf1", KEY_CODE_F1},     {"kf2", KEY_CODE_F2},
        {"kent", KEY_CODE_ENTER},    {"kbs", KEY_CODE_BACKSPACE},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        CapKey *key = &caps->keys[caps->key_count];
        put_text(&key->text, text_of(keys[i].name));
        /* A printable byte is itself whatever the description says. */
        if (key->text.length > 0 && (unsigned char)key->text.bytes[0] < ' ') {
            key->code = keys[i].code;
            caps->key_count++;
        } else {
            key->text.length = 0;
        }
    }
}

/* --------------------------------------------------------------------------------------- */

/* Of the user's locale, without making it that of the program, whose numbers have decimal points. */
static void read_codeset(TerminalCaps *caps, const char *term)
{
    const locale_t locale  = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    const char    *codeset = locale != (locale_t)0 ? nl_langinfo_l(CODESET, locale) : "";
    caps->utf8             = strcmp(codeset, "UTF-8") == 0;
    caps->glyphs           = theme_glyphs(codeset, term, getenv("RLSP_GLYPHS"));
    if (locale != (locale_t)0) {
        freelocale(locale);
    }
}

Status caps_read(TerminalCaps *caps, bool mouse, int output, Error *error)
{
    static const char what_to_do[] = "set TERM to the kind of this terminal, for example xterm-256color";
    memset(caps, 0, sizeof *caps);
    const char *term = getenv("TERM");
    if (term == NULL || term[0] == '\0') {
        return error_set(error, STATUS_FAILED, "cannot draw on this terminal: TERM is not set; %s", what_to_do);
    }
    int found = 0;
    /* 0 or -1: no description; 1 with an error: paper */
    if (setupterm(NULL, output, &found) != OK && found != 1) {
        return error_set(error, STATUS_FAILED,
                         "cannot draw on this terminal: no description of TERM=%.60s is installed; %s", term,
                         what_to_do);
    }
    description.read = true;
    description.move = text_of("cup");
    if (found != 1 || description.move[0] == '\0' || text_of("clear")[0] == '\0') {
        caps_free();
        return error_set(error, STATUS_FAILED, "cannot draw on this terminal: TERM=%.60s cannot place the cursor; %s",
                         term, what_to_do);
    }
    caps->colours = theme_colours(term, getenv("COLORTERM"), getenv("NO_COLOR"), tigetnum("colors"));
    caps->width   = tigetnum("cols");
    caps->height  = tigetnum("lines");
    read_codeset(caps, term);
    read_attrs(caps);
    read_modes(caps, mouse);
    read_keys(caps);
    return STATUS_OK;
}

void caps_free(void)
{
    if (description.read) {
        del_curterm(cur_term);
    }
    memset(&description, 0, sizeof description);
}
