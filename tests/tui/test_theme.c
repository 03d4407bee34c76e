/* Theme: what is meant apart looks apart, to every eye and on every terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "tui/draw/theme.h"

typedef struct Colour {
    double channels[3]; /* sRGB, 0..1 */
} Colour;

static Colour on_dark(Ink ink)
{
    const ThemeInk *theme = theme_ink(ink);
    return (Colour){{theme->red / 255.0, theme->green / 255.0, theme->blue / 255.0}};
}

static Colour on_paper(Ink ink)
{
    const ThemeInk *theme = theme_ink(ink);
    return (Colour){{theme->paper_red / 255.0, theme->paper_green / 255.0, theme->paper_blue / 255.0}};
}

/* The xterm palette from 16 on: a cube of 6 levels, then 24 greys. */
static Colour of_palette(Ink ink)
{
    static const int levels[] = {0, 95, 135, 175, 215, 255};
    const int        index    = theme_ink(ink)->ansi256 - 16;
    Colour           colour;
    for (int i = 0, divisor = 36; i < 3; i++, divisor /= 6) {
        colour.channels[i] = (index >= 216 ? 8 + 10 * (index - 216) : levels[index / divisor % 6]) / 255.0;
    }
    return colour;
}

static double linear(double channel)
{
    return channel <= 0.04045 ? channel / 12.92 : pow((channel + 0.055) / 1.055, 2.4);
}

static double luminance(Colour c)
{
    return 0.2126 * linear(c.channels[0]) + 0.7152 * linear(c.channels[1]) + 0.0722 * linear(c.channels[2]);
}

/* WCAG 2's contrast, 1 to 21. */
static double contrast(Colour a, Colour b)
{
    const double la = luminance(a) + 0.05, lb = luminance(b) + 0.05;
    return la > lb ? la / lb : lb / la;
}

/* How eyes see linear RGB: normal, protanopia, deuteranopia, tritanopia (Machado, Oliveira and Fernandes 2009,
 * severity 1). */
enum { EYES = 4 };
static const double eyes[EYES][3][3] = {
    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
    {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
};

static double lab_root(double t)
{
    return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

static void lab_of(Colour colour, int eye, double lab[3])
{
    double rgb[3];
    for (int i = 0; i < 3; i++) {
        rgb[i] = 0;
        for (int j = 0; j < 3; j++) {
            rgb[i] += eyes[eye][i][j] * linear(colour.channels[j]);
        }
        rgb[i] = fmin(1, fmax(0, rgb[i]));
    }
    const double x = lab_root((0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.9505);
    const double y = lab_root(0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]);
    const double z = lab_root((0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.089);
    lab[0]         = 116 * y - 16;
    lab[1]         = 500 * (x - y);
    lab[2]         = 200 * (y - z);
}

/* CIELAB, for the eye that tells the two apart worst. */
static double distance(Colour a, Colour b)
{
    double least = 1e9;
    for (int eye = 0; eye < EYES; eye++) {
        double la[3], lb[3];
        lab_of(a, eye, la);
        lab_of(b, eye, lb);
        least = fmin(least, hypot(hypot(la[0] - lb[0], la[1] - lb[1]), la[2] - lb[2]));
    }
    return least;
}

static double closest(const Ink *inks, int count, Colour (*of)(Ink))
{
    double least = 1e9;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            least = fmin(least, distance(of(inks[i]), of(inks[j])));
        }
    }
    return least;
}

static void test_colour_blind(void **state)
{
    (void)state;
    const Ink series[]  = {INK_SERIES_0, INK_SERIES_1, INK_SERIES_2, INK_SERIES_3, INK_SERIES_4, INK_SERIES_5};
    const Ink traces[]  = {INK_ATTEMPT, INK_REPEAT, INK_BACKTRACK, INK_CHECK, INK_VERDICT, INK_ANSWER, INK_BAD};
    const Ink verdict[] = {INK_GOOD, INK_BAD, INK_WARN};
    assert_true(closest(series, 6, on_dark) > 25);
    assert_true(closest(series, 6, on_paper) > 25);
    assert_true(closest(series, 6, of_palette) > 25);
    assert_true(closest(traces, 7, on_dark) > 25);
    assert_true(closest(traces, 7, on_paper) > 20);
    assert_true(closest(traces, 7, of_palette) > 20);
    assert_true(closest(verdict, 3, on_dark) > 25);
    assert_true(closest(verdict, 2, on_paper) > 25);
}

static void test_readable(void **state)
{
    (void)state;
    const Colour dark = {{16 / 255.0, 18 / 255.0, 24 / 255.0}}, paper = {{1, 1, 1}};
    for (int i = 0; i < INK_COUNT; i++) {
        const bool line = i == INK_BORDER, curve = i >= INK_SERIES_0 && i <= INK_SERIES_5;
        assert_true(contrast(on_dark((Ink)i), dark) >= (line ? 2 : 4.5));
        assert_true(contrast(on_paper((Ink)i), paper) >= (line ? 1.5 : curve ? 3 : 3.5));
    }
}

/* The palette's colour is the one that was meant, near enough. */
static void test_palettes(void **state)
{
    (void)state;
    for (int i = 0; i < INK_COUNT; i++) {
        const ThemeInk *ink = theme_ink((Ink)i);
        assert_true(ink->ansi256 == -1 || (ink->ansi256 >= 16 && ink->ansi256 <= 255));
        assert_true(ink->ansi16 >= -1 && ink->ansi16 <= 15);
        assert_int_equal(ink->ansi256 == -1, ink->ansi16 == -1);
        if (ink->ansi256 >= 0) {
            double meant[3], is[3];
            lab_of(on_dark((Ink)i), 0, meant);
            lab_of(of_palette((Ink)i), 0, is);
            assert_true(hypot(hypot(meant[0] - is[0], meant[1] - is[1]), meant[2] - is[2]) < 25);
        }
        for (int j = INK_SERIES_0; j < i && i <= INK_SERIES_5; j++) {
            assert_int_not_equal(ink->ansi16, theme_ink((Ink)j)->ansi16);
        }
    }
    assert_int_equal(theme_ink(INK_TEXT)->ansi16, -1);
    assert_ptr_equal(theme_ink((Ink)200), theme_ink(INK_TEXT));
}

static int mono(Ink ink, int attrs)
{
    return theme_ink(ink)->attrs | theme_ink(ink)->mono_attrs | attrs;
}

/* Where there are no colours, by attributes alone. Evidence is drawn bold and words dim by trace_look. */
static void test_mono(void **state)
{
    (void)state;
    assert_int_not_equal(mono(INK_GOOD, 0), mono(INK_BAD, 0));
    assert_int_not_equal(mono(INK_GOOD, ATTR_BOLD), mono(INK_BAD, ATTR_BOLD));
    assert_int_not_equal(mono(INK_BAD, 0), mono(INK_WARN, 0));
    assert_int_not_equal(mono(INK_FOCUS, 0), mono(INK_BORDER, 0));
    assert_int_not_equal(mono(INK_FAINT, 0), mono(INK_TEXT, 0));
    assert_int_not_equal(mono(INK_MATCH, ATTR_BOLD), mono(INK_MATCH, ATTR_BOLD | ATTR_REVERSE)); /* the current one */
    const Ink evidence[] = {INK_ATTEMPT, INK_REPEAT, INK_BACKTRACK, INK_CHECK, INK_BAD};
    for (int i = 0; i < 5; i++) {
        assert_int_not_equal(mono(evidence[i], ATTR_BOLD), mono(INK_WORDS, ATTR_DIM));
        for (int j = 0; j < i; j++) {
            assert_int_not_equal(mono(evidence[i], ATTR_BOLD), mono(evidence[j], ATTR_BOLD));
        }
    }
    assert_true((mono(INK_WORDS, 0) & ATTR_DIM) != 0 && (mono(INK_WORDS, 0) & ATTR_BOLD) == 0);
}

static void test_colours(void **state)
{
    (void)state;
    assert_int_equal(theme_colours("xterm-256color", "truecolor", "1", 256), COLOURS_NONE);
    assert_int_equal(theme_colours("xterm-256color", "truecolor", "", 256), COLOURS_TRUE); /* empty: as if unset */
    assert_int_equal(theme_colours("xterm", "24bit", NULL, 8), COLOURS_TRUE);
    assert_int_equal(theme_colours("xterm-256color", NULL, NULL, 256), COLOURS_256);
    assert_int_equal(theme_colours("xterm-256color", "yes", NULL, 256), COLOURS_256);
    assert_int_equal(theme_colours("xterm-direct", NULL, NULL, 1 << 24), COLOURS_TRUE);
    assert_int_equal(theme_colours("screen-256color", "truecolor", NULL, 256), COLOURS_256);
    assert_int_equal(theme_colours("tmux-256color", "truecolor", NULL, 256), COLOURS_TRUE);
    assert_int_equal(theme_colours("linux", NULL, NULL, 8), COLOURS_16);
    assert_int_equal(theme_colours("rxvt-88color", NULL, NULL, 88), COLOURS_16);
    assert_int_equal(theme_colours("vt100", NULL, NULL, 0), COLOURS_NONE);
    assert_int_equal(theme_colours("vt100", NULL, NULL, -1), COLOURS_NONE);
    assert_int_equal(theme_colours("dumb", NULL, NULL, 8), COLOURS_NONE);
    assert_int_equal(theme_colours(NULL, NULL, NULL, 8), COLOURS_NONE);
}

static void test_glyphs(void **state)
{
    (void)state;
    assert_int_equal(theme_glyphs("UTF-8", "xterm-256color", NULL), GLYPHS_BRAILLE);
    assert_int_equal(theme_glyphs("utf8", "tmux", ""), GLYPHS_BRAILLE);
    assert_int_equal(theme_glyphs("UTF-8", NULL, NULL), GLYPHS_BRAILLE);
    assert_int_equal(theme_glyphs("UTF-8", "linux", NULL), GLYPHS_BLOCKS);
    assert_int_equal(theme_glyphs("UTF-8", "linux-16color", NULL), GLYPHS_BLOCKS);
    assert_int_equal(theme_glyphs("ANSI_X3.4-1968", "xterm", NULL), GLYPHS_ASCII);
    assert_int_equal(theme_glyphs("ISO-8859-1", "linux", NULL), GLYPHS_ASCII);
    assert_int_equal(theme_glyphs(NULL, NULL, NULL), GLYPHS_ASCII);
    assert_int_equal(theme_glyphs("UTF-8", "linux", "braille"), GLYPHS_BRAILLE);
    assert_int_equal(theme_glyphs("UTF-8", "xterm", "ascii"), GLYPHS_ASCII);
    assert_int_equal(theme_glyphs("C", "xterm", "blocks"), GLYPHS_BLOCKS);
    assert_int_equal(theme_glyphs("UTF-8", "xterm", "dots"), GLYPHS_BRAILLE); /* no such glyphs: as if unset */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colour_blind), cmocka_unit_test(test_readable), cmocka_unit_test(test_palettes),
        cmocka_unit_test(test_mono),         cmocka_unit_test(test_colours),  cmocka_unit_test(test_glyphs),
    };
    return cmocka_run_group_tests_name("theme", tests, NULL, NULL);
}
