#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/image/plot_parts.h"

/* What a panel has beside its curves; the first set that leaves them enough room is taken. */
typedef struct Furniture {
    bool labels, legend, title, ticks;
} Furniture;

static const Furniture furnitures[] = {
    {true, true, true, true},    {false, true, true, true},   {false, false, true, true},
    {false, false, true, false}, {false, false, false, true}, {false, false, false, false},
};
enum { FURNITURES = sizeof furnitures / sizeof *furnitures };

/* A panel while it is laid out: what lies around its axes. */
typedef struct PanelRoom {
    const PlotPanel *panel;
    int              index;
    Font            *font;
    PlotBox          box;
    double           scale;
    bool             own_legend;
    char             y_label[128];
    /* Distances of the axes from the sides, and rows of the legend. */
    double left, right, top, bottom;
    int    legend_rows;
} PanelRoom;

static PlotPen pen_of(const PanelRoom *room, PlotTextKind kind)
{
    return plot_pen(room->font, room->scale, kind, room->index);
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static double widest(const PlotPen *pen, const AxisTicks *ticks)
{
    double width = 0;
    for (int i = 0; i < ticks->count; i++) {
        width = fmax(width, font_width(pen->font, &pen->style, ticks->labels[i]));
    }
    return width;
}

/* As many ticks as can stand side by side with a gap. */
static void choose_x_ticks(const PlotPen *pen, PlotAxes *axes, double width)
{
    for (int most = (int)fmin(10, fmax(2, width / (4 * pen->style.size))); most >= 2; most--) {
        axis_ticks(&axes->x, most, axes->whole_x, NULL, &axes->x_ticks);
        if (axes->x_ticks.count == 0) { /* between two whole numbers */
            axis_ticks(&axes->x, most, false, NULL, &axes->x_ticks);
        }
        if (axes->x_ticks.count * (widest(pen, &axes->x_ticks) + 1.2 * pen->style.size) <= width) {
            return;
        }
    }
}

static void choose_y_ticks(const PlotPen *pen, const Chart *chart, PlotAxes *axes, double height)
{
    const bool percent = chart->unit != NULL && strcmp(chart->unit, "%") == 0;
    const int  most    = (int)fmin(8, fmax(2, height / (2.6 * pen->style.size)));
    axis_ticks(&axes->y, most, false, percent ? "%" : NULL, &axes->y_ticks);
}

/* Works out the distances of the axes for a set of furniture; false: too little is left for the curves. */
static bool furnish(PanelRoom *room, PlotLayout *layout, const Furniture *furniture)
{
    const Chart  *chart = &room->panel->chart;
    PlotAxes     *axes  = &layout->axes[room->index];
    const PlotPen title = pen_of(room, PLOT_PANEL_TITLE), label = pen_of(room, PLOT_X_LABEL);
    const PlotPen tick = pen_of(room, PLOT_X_TICK), legend = pen_of(room, PLOT_LEGEND);
    const double  capital = font_capital(tick.font, tick.style.size), mark = layout->line * 5, gap = layout->line * 4;
    const bool    titled  = furniture->title && text_or_empty(chart->title)[0] != '\0';
    const bool    named   = furniture->legend && room->own_legend && plot_wants_legend(chart);
    const bool    x_label = furniture->labels && text_or_empty(room->panel->x_label)[0] != '\0';
    const bool    y_label = furniture->labels && room->y_label[0] != '\0';
    room->bottom          = furniture->ticks ? mark + gap + capital + 2 : layout->line;
    room->bottom += x_label ? gap + plot_line_height(&label) : 0;
    room->legend_rows = named ? 1 : 0;
    for (int pass = 0; pass < 2; pass++) { /* the rows of the legend depend on the width and the other way round */
        room->top = (titled             ? plot_line_height(&title) + gap
                     : furniture->ticks ? capital / 2 + 1
                                        : 0) +
                    (room->legend_rows > 0 ? room->legend_rows * plot_line_height(&legend) + gap : 0);
        const double height = room->box.height - room->top - room->bottom;
        room->left = room->right = layout->line;
        if (furniture->ticks && axes->shown) {
            choose_y_ticks(&tick, chart, axes, height);
            room->left = widest(&tick, &axes->y_ticks) + gap + mark;
        }
        room->left += y_label ? plot_line_height(&label) + gap : 0;
        if (furniture->ticks && axes->shown) {
            choose_x_ticks(&tick, axes, room->box.width - room->left);
            room->right = widest(&tick, &axes->x_ticks) / 2 + 1;
        }
        if (named) {
            room->legend_rows = plot_legend(layout, &legend, chart, (PlotBox){0, 0, room->box.width - room->left, 0},
                                            (int)fmax(1, 0.2 * room->box.height / plot_line_height(&legend)), false);
        }
    }
    room->top = (titled             ? plot_line_height(&title) + gap
                 : furniture->ticks ? capital / 2 + 1
                                    : 0) +
                (room->legend_rows > 0 ? room->legend_rows * plot_line_height(&legend) + gap : 0);
    if (!furniture->ticks) {
        axes->x_ticks.count = axes->y_ticks.count = 0;
    }
    const double width  = room->box.width - room->left - room->right,
                 height = room->box.height - room->top - room->bottom;
    return width >= fmax(0.5 * room->box.width, 24) && height >= fmax(0.45 * room->box.height, 16);
}

static void place_ticks(PanelRoom *room, PlotLayout *layout)
{
    const PlotAxes *axes  = &layout->axes[room->index];
    const PlotPen   x_pen = pen_of(room, PLOT_X_TICK), y_pen = pen_of(room, PLOT_Y_TICK);
    const double    capital = font_capital(x_pen.font, x_pen.style.size), beside = layout->line * 9;
    for (int i = 0; i < axes->x_ticks.count; i++) {
        const char  *text  = axes->x_ticks.labels[i];
        const double width = font_width(x_pen.font, &x_pen.style, text);
        plot_add_text(layout, &x_pen, text, plot_axes_x(axes, axes->x_ticks.values[i]) - width / 2,
                      axes->box.y + axes->box.height + beside + capital, width + 1);
    }
    for (int i = 0; i < axes->y_ticks.count; i++) {
        const char  *text  = axes->y_ticks.labels[i];
        const double width = font_width(y_pen.font, &y_pen.style, text);
        plot_add_text(layout, &y_pen, text, axes->box.x - beside - width,
                      plot_axes_y(axes, axes->y_ticks.values[i]) + capital / 2, width + 1);
    }
}

static void place_texts(PanelRoom *room, PlotLayout *layout, const Furniture *furniture)
{
    const Chart    *chart = &room->panel->chart;
    const PlotAxes *axes  = &layout->axes[room->index];
    const PlotPen   title = pen_of(room, PLOT_PANEL_TITLE), legend = pen_of(room, PLOT_LEGEND);
    double          y = room->box.y;
    if (furniture->title && text_or_empty(chart->title)[0] != '\0') {
        plot_add_text(layout, &title, chart->title, axes->box.x, y + font_ascent(title.font, title.style.size),
                      room->box.x + room->box.width - axes->box.x);
        y += plot_line_height(&title) + layout->line * 4;
    }
    if (room->legend_rows > 0) {
        plot_legend(layout, &legend, chart, (PlotBox){axes->box.x, y, room->box.width - room->left, 0},
                    room->legend_rows, true);
    }
    if (furniture->ticks) {
        place_ticks(room, layout);
    }
    if (furniture->labels) {
        const PlotPen x_pen = pen_of(room, PLOT_X_LABEL), y_pen = pen_of(room, PLOT_Y_LABEL);
        const char   *x_label = text_or_empty(room->panel->x_label);
        const double  width   = fmin(font_width(x_pen.font, &x_pen.style, x_label), axes->box.width);
        plot_add_text(layout, &x_pen, x_label, axes->box.x + (axes->box.width - width) / 2,
                      room->box.y + room->box.height - font_descent(x_pen.font, x_pen.style.size), axes->box.width);
        const double length = fmin(font_width(y_pen.font, &y_pen.style, room->y_label), axes->box.height);
        plot_add_text(layout, &y_pen, room->y_label, room->box.x + font_ascent(y_pen.font, y_pen.style.size),
                      axes->box.y + (axes->box.height + length) / 2, axes->box.height);
    }
    if (axes->message != NULL) {
        const PlotPen note  = pen_of(room, PLOT_NOTE);
        const double  width = font_width(note.font, &note.style, axes->message);
        plot_add_text(layout, &note, axes->message, axes->box.x + fmax(0, axes->box.width - width) / 2,
                      axes->box.y + axes->box.height / 2, axes->box.width);
    }
}

void plot_lay_out_panel(PlotLayout *layout, Font *font, const PlotPanel *panel, int index, PlotBox box, double scale,
                        bool own_legend)
{
    PanelRoom whole = {
        .panel = panel, .index = index, .font = font, .box = box, .scale = scale, .own_legend = own_legend};
    PanelRoom   *room  = &whole;
    const Chart *chart = &room->panel->chart;
    const char  *label = text_or_empty(room->panel->y_label), *unit = text_or_empty(chart->unit);
    const bool   percent = strcmp(unit, "%") == 0; /* stands at the ticks */
    snprintf(room->y_label, sizeof room->y_label, label[0] != '\0' && unit[0] != '\0' && !percent ? "%s (%s)" : "%s%s",
             label, percent ? "" : unit);
    PlotAxes *axes = &layout->axes[room->index];
    int       set  = 0;
    plot_axes_range(chart, axes);
    while (!furnish(room, layout, &furnitures[set]) && set < FURNITURES - 1) {
        set++;
    }
    axes->box.x      = floor(room->box.x + room->left);
    axes->box.y      = floor(room->box.y + room->top);
    axes->box.width  = fmax(1, floor(room->box.x + room->box.width - room->right) - axes->box.x);
    axes->box.height = fmax(1, floor(room->box.y + room->box.height - room->bottom) - axes->box.y);
    place_texts(room, layout, &furnitures[set]);
}
