#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tui/image/plot_parts.h"

enum { PANEL_WIDTH = 900, PANEL_HEIGHT = 560, USUAL_COLUMNS = 2, TOO_LARGE = 1 << 20 };

/* --- sizes */

static int columns_of(const Plot *plot, double width, double height)
{
    const int count = plot->panel_count > 0 ? plot->panel_count : 1;
    if (plot->columns > 0) {
        return plot->columns < count ? plot->columns : count;
    }
    int    best = 1;
    double most = 0;
    for (int columns = 1; columns <= count; columns++) { /* the largest panels of about the usual shape */
        const int    rows = (count + columns - 1) / columns;
        const double size = fmin(width / columns / PANEL_WIDTH, height / rows / PANEL_HEIGHT);
        if (size > most * 1.001) {
            most = size;
            best = columns;
        }
    }
    return best;
}

void plot_size(const Plot *plot, int *width, int *height, int *columns)
{
    const int count = plot->panel_count > 0 ? plot->panel_count : 1;
    double    wide = plot->width, high = plot->height;
    if (wide > 0 && high > 0) {
        *columns = columns_of(plot, wide, high);
    } else {
        *columns = plot->columns > 0 ? columns_of(plot, 1, 1) : count < USUAL_COLUMNS ? count : USUAL_COLUMNS;
    }
    const int rows = (count + *columns - 1) / *columns;
    if (wide <= 0) {
        const double panel = high > 0 ? high / rows * PANEL_WIDTH / PANEL_HEIGHT : PANEL_WIDTH;
        wide               = fmin(panel * *columns, USUAL_COLUMNS * PANEL_WIDTH);
    }
    if (high <= 0) {
        high = fmax(1, floor(wide / *columns * PANEL_HEIGHT / PANEL_WIDTH)) * rows;
    }
    *width  = (int)fmin(fmax(1, wide), TOO_LARGE);
    *height = (int)fmin(fmax(1, high), TOO_LARGE);
}

/* --- the whole */

static bool legend_is_shared(const Plot *plot)
{
    for (int i = 1; i < plot->panel_count; i++) {
        if (!plot_same_legend(&plot->panels[0].chart, &plot->panels[i].chart)) {
            return false;
        }
    }
    return plot->panel_count > 1;
}

/* What faint curves and bands mean. */
static void describe(const Plot *plot, char *out, size_t size)
{
    double smoothing = 0;
    bool   same = true, spread = false;
    for (int i = 0; i < plot->panel_count; i++) {
        const Chart *chart = &plot->panels[i].chart;
        same               = same && (smoothing == 0 || chart->smoothing <= 0 || chart->smoothing == smoothing);
        smoothing          = fmax(smoothing, chart->smoothing);
        for (int s = 0; s < chart->series_count; s++) {
            spread = spread || chart->series[s].spread != NULL;
        }
    }
    char factor[24] = "";
    if (same) {
        snprintf(factor, sizeof factor, ", %.3g", smoothing);
    }
    snprintf(out, size, "%s%s%s%s%s", smoothing > 0 ? "Exponential mean" : "", smoothing > 0 ? factor : "",
             smoothing > 0 ? "; raw values faint" : "", smoothing > 0 && spread ? ". " : "",
             spread ? "Bands: plus and minus the spread" : "");
}

bool plot_lay_out(const Plot *plot, Font *font, PlotLayout *layout)
{
    int columns;
    *layout = (PlotLayout){0};
    plot_size(plot, &layout->width, &layout->height, &columns);
    const int count = plot->panel_count > 0 ? plot->panel_count : 0,
              rows  = count > 0 ? (count + columns - 1) / columns : 1;
    const double shape =
        fmin((double)layout->width / columns / PANEL_WIDTH, (double)layout->height / rows / PANEL_HEIGHT);
    layout->line = fmax(0.6, shape);
    layout->axes = calloc((size_t)count + 1, sizeof *layout->axes);
    if (layout->axes == NULL) {
        return false;
    }
    const double  margin = 14 * layout->line, width = layout->width - 2 * margin;
    const PlotPen title = plot_pen(font, shape, PLOT_TITLE, -1), legend = plot_pen(font, shape, PLOT_LEGEND, -1),
                  note = plot_pen(font, shape, PLOT_NOTE, -1);
    double top = margin, bottom = layout->height - margin;
    if (plot->title != NULL && plot->title[0] != '\0' && plot_line_height(&title) <= 0.14 * layout->height &&
        plot_add_text(layout, &title, plot->title, margin, top + font_ascent(font, title.style.size), width)) {
        top += plot_line_height(&title) + 8 * layout->line;
    }
    const bool shared = legend_is_shared(plot);
    if (shared) {
        const int most = (int)(0.12 * layout->height / plot_line_height(&legend));
        top += plot_legend(layout, &legend, &plot->panels[0].chart, (PlotBox){margin, top, width, 0}, most, true) *
               plot_line_height(&legend);
        top += most > 0 ? 12 * layout->line : 0;
    }
    char described[128];
    describe(plot, described, sizeof described);
    if (described[0] != '\0' && plot_line_height(&note) <= 0.06 * layout->height &&
        plot_add_text(layout, &note, described, margin, bottom - font_descent(font, note.style.size), width)) {
        bottom -= plot_line_height(&note) + 4 * layout->line;
    }
    const double gap    = 26 * layout->line;
    const double across = (width + gap) / columns, down = (bottom - top + gap) / rows;
    for (int i = 0; i < count; i++) {
        const PlotBox box = {margin + i % columns * across, top + i / columns * down, fmax(1, across - gap),
                             fmax(1, down - gap)};
        plot_lay_out_panel(layout, font, &plot->panels[i], i, box, shape, !shared);
    }
    return !layout->out_of_memory;
}

void plot_layout_free(PlotLayout *layout)
{
    free(layout->axes);
    free(layout->texts);
    free(layout->keys);
    *layout = (PlotLayout){0};
}
