/* ChartLegend: the lines above a plot: title, unit, and each series' name with its value in its ink. Private to
 * chart.c and histogram.c. What does not fit is shortened: first the values before smoothing go, then the names
 * get shorter, then only values are left, then the last entries go.
 */
#ifndef RLSP_TUI_CHART_LEGEND_H
#define RLSP_TUI_CHART_LEGEND_H

#include "tui/draw/chart.h"

typedef struct LegendEntry {
    const char *name;
    char        value[24], raw[24]; /* "": none */
    Ink         ink;
    char        mark; /* how the curve is drawn in ASCII; '\0': it has none */
} LegendEntry;

typedef struct ChartLegend {
    const char        *title; /* NULL: none */
    const char        *unit;  /* NULL: none */
    const LegendEntry *entries;
    int                count;
} ChartLegend;

/* Draws into the first rows of the area, at most `most` of them; returns how many it took. */
int chart_legend_draw(Area area, const ChartLegend *legend, int most);

#endif
