/* Plots as tests look at them: curves to draw, a plot that was written and where things lie on it.
 *
 *     Sheet sheet = sheet_write(&(Plot){.panels = &panel, .panel_count = 1});
 *     assert_true(sheet_is_near(sheet_at(&sheet, 0, 30, 0.5), sheet_paper(INK_SERIES_0)));
 *     sheet_free(&sheet);
 */
#ifndef TESTS_SUPPORT_PLOT_SHEET_H
#define TESTS_SUPPORT_PLOT_SHEET_H

#include "tests/support/png.h"
#include "tui/image/plot.h"
#include "tui/image/plot_parts.h"

enum { POINTS = 300, WHITE = 0xFFFFFF };

/* Filled by sheet_data, a setup of cmocka's: 0, 1, 2 …; 0 to 1; around 0.5; a constant 0.2; 1e-4 to 1; 0.5, without its
 * middle third. */
extern double plot_steps[POINTS];
extern float  plot_rising[POINTS], plot_noisy[POINTS], plot_spread[POINTS], plot_powers[POINTS], plot_gaps[POINTS];
int           sheet_data(void **state);

/* A written plot and where things lie on it. */
typedef struct Sheet {
    Png        png;
    PlotLayout layout;
    Font      *font;
} Sheet;

Sheet sheet_write(const Plot *plot); /* the test fails if it cannot be */
void  sheet_free(Sheet *sheet);

/* The pixel where a value of a panel lies, 0xRRGGBB; the colour that an ink has on paper. */
uint32_t sheet_at(const Sheet *sheet, int panel, double x, double y);
uint32_t sheet_paper(Ink ink);
/* Edges are smooth, so that a line's pixels are nearly of its colour. */
bool sheet_is_near(uint32_t colour, uint32_t wanted);

/* The first text of a kind, or of a kind and with these words; NULL: none. */
const PlotText *sheet_find(const PlotLayout *layout, PlotTextKind kind, const char *text);

#endif
