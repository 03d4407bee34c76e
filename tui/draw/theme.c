#include "tui/draw/theme.h"

#include <string.h>
#include <strings.h>

/* The six series began as Okabe and Ito's colours (Color Universal Design, 2008) and were then moved apart by a
 * search that looked at them as the normal-sighted, protanopes, deuteranopes and tritanopes do: the closest two are
 * 27 apart in CIELAB on either ground (test_theme.c holds that), where the lightened originals were 6 to 11. The inks
 * of traces likewise. Good and bad are a bluish green and a vermillion, which the red-green blind can tell apart.
 * Without colours evidence is bold and words alone are dim, as in trace_look.h; kinds of evidence
 * are told apart by what is added to the bold. */
static const ThemeInk inks[INK_COUNT] = {
    /*                  on a dark ground  on paper         256  16  always     without colours */
    [INK_TEXT]      = {0xD8, 0xDC, 0xE4, 0x20, 0x24, 0x2C, -1, -1, 0, 0},
    [INK_FAINT]     = {0x8A, 0x93, 0xA3, 0x78, 0x80, 0x8C, 246, 8, 0, ATTR_DIM},
    [INK_TITLE]     = {0xF2, 0xF4, 0xF8, 0x10, 0x14, 0x1C, -1, -1, ATTR_BOLD, 0},
    [INK_BORDER]    = {0x4E, 0x58, 0x68, 0xC4, 0xCA, 0xD4, 240, 8, 0, ATTR_DIM},
    [INK_FOCUS]     = {0x6C, 0xB6, 0xFF, 0x1F, 0x6F, 0xC8, 75, 12, 0, ATTR_BOLD},
    [INK_GOOD]      = {0x3F, 0xD0, 0xA0, 0x0F, 0x98, 0x6E, 43, 10, 0, ATTR_BOLD},
    [INK_BAD]       = {0xE8, 0x58, 0x3F, 0xCA, 0x0E, 0x3C, 203, 9, 0, ATTR_REVERSE | ATTR_UNDERLINE},
    [INK_WARN]      = {0xF0, 0xC8, 0x50, 0x94, 0x68, 0x00, 221, 11, 0, ATTR_UNDERLINE},
    [INK_ACCENT]    = {0xB8, 0xA4, 0xFF, 0x5A, 0x40, 0xB8, 147, 13, 0, ATTR_BOLD},
    [INK_SERIES_0]  = {0x2E, 0x9B, 0xFF, 0x0A, 0x50, 0xB8, 33, 12, 0, ATTR_BOLD},
    [INK_SERIES_1]  = {0xE8, 0x90, 0x00, 0xA0, 0x28, 0x08, 214, 11, 0, 0},
    [INK_SERIES_2]  = {0x2E, 0xEA, 0xBC, 0x08, 0xA8, 0x6C, 50, 10, 0, ATTR_DIM},
    [INK_SERIES_3]  = {0xB0, 0x7A, 0xA6, 0xA8, 0x84, 0xB4, 139, 13, 0, ATTR_BOLD},
    [INK_SERIES_4]  = {0xE6, 0xEE, 0x90, 0xC8, 0x88, 0x00, 228, 14, 0, 0},
    [INK_SERIES_5]  = {0xE8, 0x48, 0x4E, 0x2C, 0x2C, 0x2C, 203, 9, 0, ATTR_DIM},
    [INK_ATTEMPT]   = {0xAF, 0xD7, 0xFF, 0x18, 0x39, 0x99, 153, 14, 0, ATTR_BOLD},
    [INK_REPEAT]    = {0xA8, 0x7A, 0x82, 0x9F, 0x66, 0x7C, 132, 3, 0, ATTR_DIM},
    [INK_BACKTRACK] = {0xF2, 0x9A, 0x10, 0xB9, 0x5E, 0x00, 214, 11, 0, ATTR_BOLD | ATTR_REVERSE},
    [INK_CHECK]     = {0x5C, 0xF4, 0xCC, 0x04, 0x7D, 0xAE, 86, 10, 0, ATTR_BOLD | ATTR_UNDERLINE},
    [INK_VERDICT]   = {0x9E, 0x80, 0xF6, 0x90, 0x40, 0xE0, 141, 13, 0, ATTR_BOLD},
    [INK_ANSWER]    = {0xF0, 0xE8, 0x90, 0x36, 0x3E, 0x00, 228, 15, 0, ATTR_BOLD},
    [INK_WORDS]     = {0x94, 0x9A, 0xA8, 0x70, 0x78, 0x84, 247, 7, 0, ATTR_DIM},
    [INK_MATCH]     = {0xFF, 0xEE, 0x58, 0x8C, 0x6C, 0x00, 227, 11, ATTR_UNDERLINE, 0},
};

const ThemeInk *theme_ink(Ink ink)
{
    return &inks[ink < INK_COUNT ? ink : INK_TEXT];
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

Colours theme_colours(const char *term, const char *colorterm, const char *no_color, int terminal_colours)
{
    if (no_color != NULL && no_color[0] != '\0') {
        return COLOURS_NONE;
    }
    term = term != NULL ? term : "";
    /* GNU screen passes COLORTERM on from the terminal around it, but no 24-bit colours. */
    if (colorterm != NULL && (strcasecmp(colorterm, "truecolor") == 0 || strcasecmp(colorterm, "24bit") == 0) &&
        !starts_with(term, "screen")) {
        return COLOURS_TRUE;
    }
    if (term[0] == '\0' || strcmp(term, "dumb") == 0) {
        return COLOURS_NONE;
    }
    if (terminal_colours >= 1 << 24 || strstr(term, "-direct") != NULL) {
        return COLOURS_TRUE;
    }
    if (terminal_colours >= 256 || strstr(term, "256color") != NULL) {
        return COLOURS_256;
    }
    return terminal_colours >= 8 ? COLOURS_16 : COLOURS_NONE;
}

/* "UTF-8", "utf8", … */
static bool is_utf8(const char *codeset)
{
    return codeset != NULL && (strcasecmp(codeset, "UTF-8") == 0 || strcasecmp(codeset, "UTF8") == 0);
}

Glyphs theme_glyphs(const char *codeset, const char *term, const char *override)
{
    static const char *const names[] = {
        [GLYPHS_BRAILLE] = "braille", [GLYPHS_BLOCKS] = "blocks", [GLYPHS_ASCII] = "ascii"};
    for (int i = 0; override != NULL && i < (int)(sizeof names / sizeof *names); i++) {
        if (strcasecmp(override, names[i]) == 0) {
            return (Glyphs)i;
        }
    }
    if (!is_utf8(codeset)) {
        return GLYPHS_ASCII;
    }
    return term != NULL && starts_with(term, "linux") ? GLYPHS_BLOCKS : GLYPHS_BRAILLE;
}
