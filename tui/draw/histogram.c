#include <math.h>

#include "tui/draw/chart_legend.h"
#include "tui/draw/chart_parts.h"

enum { EIGHTHS = 8 };

/* --- bars across */

void bar_draw(Area area, double share, Ink ink, Glyphs glyphs)
{
    /* Blocks of the oldest consoles have a half only. */
    const int parts = glyphs == GLYPHS_BRAILLE ? EIGHTHS : glyphs == GLYPHS_BLOCKS ? 2 : 1;
    const int all   = area.width * parts;
    if (area.width < 1 || area.height < 1) {
        return;
    }
    int filled = share > 0 ? (int)lround(fmin(share, 1) * all) : 0;
    if (filled == 0 && share > 0) {
        filled = 1; /* a little is not nothing, … */
    } else if (filled == all && share < 1 && all > 1) {
        filled = all - 1; /* … and nearly all is not all */
    }
    for (int column = 0; column < area.width; column++) {
        const int      part = filled - column * parts;
        const uint32_t full = glyphs == GLYPHS_ASCII ? '#' : 0x2588, rest = glyphs == GLYPHS_ASCII ? '.' : 0xB7;
        if (part >= parts) {
            area_put(area, column, 0, full, ink, 0);
        } else if (part > 0) {
            area_put(area, column, 0, 0x2590u - (uint32_t)(part * EIGHTHS / parts), ink, 0);
        } else {
            area_put(area, column, 0, rest, INK_FAINT, 0);
        }
    }
}

/* --- bars up */

/* Mean of the bins that fall into a column; what is no share counts as none. */
static double column_share(const float *bins, int count, int column, int columns)
{
    const int first  = (int)((long long)column * count / columns);
    const int after  = (int)((long long)(column + 1) * count / columns);
    double    sum    = 0;
    int       summed = 0;
    for (int i = first; i < after || i == first; i++, summed++) {
        sum += isfinite(bins[i]) && bins[i] > 0 ? (double)bins[i] : 0;
    }
    return sum / summed;
}

/* The share of the highest bar; 0: there is none. */
static double highest(const Histogram *histogram, int columns)
{
    double high = 0;
    for (int column = 0; column < columns; column++) {
        high = fmax(high, column_share(histogram->now, histogram->bins, column, columns));
        if (histogram->then != NULL) {
            high = fmax(high, column_share(histogram->then, histogram->bins, column, columns));
        }
    }
    return high;
}

static int parts_of(double share, const Scale *y, int all)
{
    const int parts = (int)lround(scale_share(y, 100 * share) * all);
    return parts == 0 && share > 0 ? 1 : parts;
}

/* One column: `now` from the bottom, above it a shade as far up as `then` goes; where `then` ends inside of `now`, a
 * notch. */
static void draw_column(Area plot, int column, int now, int then, int parts, Glyphs glyphs)
{
    static const uint32_t shades[] = {0x2591, 0x2591, ':'}, notches[] = {0x2500, 0x2500, '='};
    for (int row = 0; row < plot.height; row++) {
        const int base = (plot.height - 1 - row) * parts, part = now - base;
        if (part >= parts) {
            const bool notch = then > base && then <= base + parts && then < now;
            if (notch) {
                area_put(plot, column, row, notches[glyphs], INK_SERIES_0, glyphs == GLYPHS_ASCII ? 0 : ATTR_REVERSE);
            } else {
                area_put(plot, column, row, glyphs == GLYPHS_ASCII ? '#' : 0x2588, INK_SERIES_0, 0);
            }
        } else if (part > 0) {
            area_put(plot, column, row, 0x2580u + (uint32_t)(part * EIGHTHS / parts), INK_SERIES_0, 0);
        } else if (then > base) {
            area_put(plot, column, row, shades[glyphs], INK_FAINT, 0);
        }
    }
}

static int draw_head(Area area, const Histogram *histogram)
{
    LegendEntry entries[2] = {{.name = histogram->now_name, .ink = INK_SERIES_0},
                              {.name = histogram->then_name, .ink = INK_FAINT}};
    const bool  has_then   = histogram->then != NULL && histogram->then_name != NULL;
    ChartLegend legend     = {.unit = histogram->unit, .entries = entries};
    legend.count           = histogram->now_name == NULL ? 0 : has_then ? 2 : 1;
    if (area.height < 2 || (legend.count == 0 && legend.unit == NULL)) {
        return 0;
    }
    return chart_legend_draw(area, &legend, 1);
}

void histogram_draw(Area area, const Histogram *histogram, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1) {
        return;
    }
    const int    head = draw_head(area, histogram);
    const Area   rest = area_part(area, 0, head, area.width, area.height - head);
    const double high = histogram->bins > 0 && histogram->now != NULL ? highest(histogram, area.width) : 0;
    if (!(high > 0)) {
        chart_message(rest, "no data yet");
        return;
    }
    const int parts = glyphs == GLYPHS_BRAILLE ? EIGHTHS : glyphs == GLYPHS_BLOCKS ? 2 : 1;
    Axes      axes  = {.y = {0, 105 * high, false}, .across = 1, .down = parts, .suffix = "%"};
    axes.x          = (Scale){histogram->low, histogram->high, false};
    if (!(histogram->low < histogram->high) || !isfinite(histogram->high - histogram->low)) {
        axes.x = (Scale){0, histogram->bins, false};
    }
    const Area plot = axes_draw(rest, &axes, glyphs);
    for (int column = 0; column < plot.width; column++) {
        const double now = column_share(histogram->now, histogram->bins, column, plot.width);
        const double then =
            histogram->then != NULL ? column_share(histogram->then, histogram->bins, column, plot.width) : 0;
        draw_column(plot, column, parts_of(now, &axes.y, plot.height * parts),
                    parts_of(then, &axes.y, plot.height * parts), parts, glyphs);
    }
}
