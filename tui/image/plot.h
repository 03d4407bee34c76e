/* Plot: curves as a PNG on white paper.
 *
 *     PlotPanel panels[] = {{.title = "accuracy", .chart = chart}, …};
 *     plot_write(&(Plot){.title = "countdown", .panels = panels, .panel_count = 4}, "reward.png", &error);
 */
#ifndef RLSP_TUI_PLOT_H
#define RLSP_TUI_PLOT_H

#include "engine/error.h"
#include "tui/draw/chart.h"

typedef struct PlotPanel {
    Chart       chart; /* cursor is not drawn */
    const char *x_label, *y_label;
} PlotPanel;

typedef struct Plot {
    const char      *title;
    const PlotPanel *panels;
    int              panel_count;
    int              columns;       /* panels side by side; 0: chosen */
    int              width, height; /* pixels; 0: 900 x 560 per panel, at most 1800 wide */
} Plot;

/* Titled, labelled axes with ticks and a light grid, legend, smoothed curve over a faint raw one, spread as a
 * band. Written atomically. STATUS_FAILED with the path if it cannot be. */
Status plot_write(const Plot *plot, const char *path, Error *error);

#endif
