/* Private to tui/plot*.c and its test.
 *
 * A plot is made in two steps: plot_lay_out decides where everything lies (plot_layout.c for the whole, plot_panel.c,
 * plot_axes.c, plot_legend.c, plot_text.c for its parts), plot_write puts it there (plot.c, plot_curves.c). All texts
 * and all axes have a box of their own, and no two boxes meet: what finds no room is left out, the least important
 * first.
 */
#ifndef RLSP_TUI_PLOT_PARTS_H
#define RLSP_TUI_PLOT_PARTS_H

#include "tui/draw/chart_parts.h"
#include "tui/image/font.h"
#include "tui/image/plot.h"

typedef struct PlotBox {
    double x, y, width, height;
} PlotBox;

/* --- axes (plot_axes.c) */

typedef struct PlotAxes {
    bool        shown;   /* false: there is no data, or no room     */
    const char *message; /* instead of curves; NULL: there are some */
    PlotBox     box;     /* on whole pixels                         */
    CurveWindow window;  /* of x                                    */
    Scale       x, y;
    bool        whole_x; /* x counts something */
    AxisTicks   x_ticks, y_ticks;
} PlotAxes;

/* The ranges of a chart; not its box and ticks. */
void   plot_axes_range(const Chart *chart, PlotAxes *axes);
double plot_axes_x(const PlotAxes *axes, double value); /* pixels */
double plot_axes_y(const PlotAxes *axes, double value);

/* --- texts (plot_text.c) */

typedef enum PlotTextKind {
    PLOT_TITLE,
    PLOT_PANEL_TITLE,
    PLOT_X_LABEL,
    PLOT_Y_LABEL,
    PLOT_X_TICK,
    PLOT_Y_TICK,
    PLOT_LEGEND,
    PLOT_NOTE
} PlotTextKind;

typedef struct PlotText {
    PlotTextKind kind;
    int          panel; /* -1: of the whole plot */
    PlotBox      box;   /* of the letters and of what hangs below them */
    double       x, y;  /* where the baseline starts */
    FontStyle    style;
    char         text[128];
} PlotText;

/* The sample of a curve beside its name. */
typedef struct PlotKey {
    double x, y, length;
    Ink    ink;
} PlotKey;

typedef struct PlotLayout {
    int       width, height;
    double    line; /* width of a thin line, in pixels */
    PlotAxes *axes; /* [panel_count] */
    PlotText *texts;
    PlotKey  *keys;
    size_t    text_count, text_capacity, key_count, key_capacity;
    bool      out_of_memory;
} PlotLayout;

/* How texts of one kind are written. */
typedef struct PlotPen {
    Font        *font;
    FontStyle    style;
    PlotTextKind kind;
    int          panel;
} PlotPen;

/* At `scale` 1 a panel is 900 x 560 pixels; `panel` -1: of the whole plot. */
PlotPen plot_pen(Font *font, double scale, PlotTextKind kind, int panel);
double  plot_line_height(const PlotPen *pen);
/* Places a text, cut to `room` pixels, with its baseline beginning at (x, y); false: it would meet another or leave
 * the image, and is left out. */
bool plot_add_text(PlotLayout *layout, const PlotPen *pen, const char *text, double x, double y, double room);
void plot_add_key(PlotLayout *layout, PlotKey key);

/* --- legends (plot_legend.c) */

/* If it is asked for, or if there is more than one curve to tell apart. */
bool plot_wants_legend(const Chart *chart);
bool plot_same_legend(const Chart *a, const Chart *b);
/* Rows that the legend takes in box.width, at most `most_rows` (the rest is counted: "+3 more"); `draw`: places it,
 * from (box.x, box.y) down. */
int plot_legend(PlotLayout *layout, const PlotPen *pen, const Chart *chart, PlotBox box, int most_rows, bool draw);

/* --- layout */

/* Lays out one panel in its box; its texts may not meet those that are there already (plot_panel.c). */
void plot_lay_out_panel(PlotLayout *layout, Font *font, const PlotPanel *panel, int index, PlotBox box, double scale,
                        bool own_legend);

/* false: out of memory. Free it in every case. */
bool plot_lay_out(const Plot *plot, Font *font, PlotLayout *layout);
void plot_layout_free(PlotLayout *layout);

/* The size that is asked for, or chosen; and how many panels are side by side. */
void plot_size(const Plot *plot, int *width, int *height, int *columns);

/* Draws the curves of a chart into its axes (plot_curves.c). */
void plot_curves(Image *image, const Chart *chart, const PlotAxes *axes, double line);

#endif
