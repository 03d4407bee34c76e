#include <math.h>

#include "tui/image/plot_parts.h"

void plot_axes_range(const Chart *chart, PlotAxes *axes)
{
    CurveWindow   window;
    double        low = INFINITY, high = -INFINITY;
    const bool    found  = chart_window(chart, &window);
    SeriesCurves *curves = curves_new(1, 1);
    *axes                = (PlotAxes){.message = "no data"};
    if (curves == NULL || (!found && !window.part)) {
        curves_free(curves);
        return;
    }
    for (int s = 0; s < chart->series_count; s++) {
        curve_reduce(&chart->series[s], &window, curves);
        curves_widen(curves, chart->log_y, &low, &high);
    }
    curves_free(curves);
    window.cursor = false;
    axes->x       = (Scale){window.x_min, window.x_max, chart->log_x && window.x_min > 0};
    axes->window  = window;
    axes->whole_x = !axes->x.log && chart_counts_x(chart, &window);
    axes->shown   = low <= high;
    if (axes->shown) {
        axes->message = NULL;
        axes->y       = chart_scale_y(chart, low, high);
    } else if (found) {
        axes->message = chart->log_y ? "nothing above zero" : window.part ? "no data here" : "no data";
    }
}

double plot_axes_x(const PlotAxes *axes, double value)
{
    return axes->box.x + scale_share(&axes->x, value) * axes->box.width;
}

double plot_axes_y(const PlotAxes *axes, double value)
{
    return axes->box.y + (1 - scale_share(&axes->y, value)) * axes->box.height;
}
