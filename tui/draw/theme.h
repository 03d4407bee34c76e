/* Theme: what inks look like, from truecolor down to none. */
#ifndef RLSP_TUI_THEME_H
#define RLSP_TUI_THEME_H

#include "tui/draw/canvas.h"

typedef enum Colours { COLOURS_NONE, COLOURS_16, COLOURS_256, COLOURS_TRUE } Colours;

typedef struct ThemeInk {
    uint8_t red, green, blue;                   /* on a dark ground */
    uint8_t paper_red, paper_green, paper_blue; /* on white paper, for plots and HTML */
    int     ansi256;                            /* -1: the terminal's own foreground */
    int     ansi16;                             /* 0..15; -1: the terminal's own */
    int     attrs;                              /* added always */
    int     mono_attrs;                         /* added where there are no colours, so that meanings stay apart */
} ThemeInk;

const ThemeInk *theme_ink(Ink ink);

/* From TERM, COLORTERM, NO_COLOR and the number of colours of the terminal's description. */
Colours theme_colours(const char *term, const char *colorterm, const char *no_color, int terminal_colours);
/* From the locale's codeset and TERM ("linux": no braille). RLSP_GLYPHS=braille|blocks|ascii overrides. */
Glyphs theme_glyphs(const char *codeset, const char *term, const char *override);

#endif
