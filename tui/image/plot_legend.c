#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/image/plot_parts.h"

enum { MAX_ENTRIES = 64 };

/* An entry per named series, as wide as it will be. */
typedef struct Entries {
    const ChartSeries *series[MAX_ENTRIES];
    double             widths[MAX_ENTRIES]; /* of the sample and the name */
    int                count, total;        /* total: with those beyond MAX_ENTRIES */
} Entries;

bool plot_wants_legend(const Chart *chart)
{
    int named = 0;
    for (int s = 0; s < chart->series_count; s++) {
        named += chart->series[s].name != NULL && chart->series[s].name[0] != '\0';
    }
    return named > 0 && (chart->legend || named > 1);
}

bool plot_same_legend(const Chart *a, const Chart *b)
{
    if (!plot_wants_legend(a) || !plot_wants_legend(b) || a->series_count != b->series_count) {
        return false;
    }
    for (int s = 0; s < a->series_count; s++) {
        const ChartSeries *x = &a->series[s], *y = &b->series[s];
        if (x->ink != y->ink || (x->name == NULL) != (y->name == NULL) ||
            (x->name != NULL && strcmp(x->name, y->name) != 0)) {
            return false;
        }
    }
    return true;
}

static double sample_length(const PlotLayout *layout)
{
    return 26 * layout->line;
}

static double sample_gap(const PlotLayout *layout)
{
    return 7 * layout->line;
}

static void gather(PlotLayout *layout, const PlotPen *pen, const Chart *chart, double width, Entries *entries)
{
    const double beside = sample_length(layout) + sample_gap(layout);
    entries->count = entries->total = 0;
    for (int s = 0; s < chart->series_count; s++) {
        const char *name = chart->series[s].name;
        if (name == NULL || name[0] == '\0') {
            continue;
        }
        if (entries->count < MAX_ENTRIES) {
            entries->series[entries->count]   = &chart->series[s];
            entries->widths[entries->count++] = beside + fmin(font_width(pen->font, &pen->style, name), width - beside);
        }
        entries->total++;
    }
}

/* Walks through the first `shown` entries and, where some are left out, "+3 more"; returns the rows. `draw`: puts them
 * there. */
static int walk(PlotLayout *layout, const PlotPen *pen, const Entries *entries, int shown, PlotBox box, bool draw)
{
    const double gap = 18 * layout->line, capital = font_capital(pen->font, pen->style.size);
    double       x    = 0;
    int          rows = 1;
    for (int i = 0; i <= shown; i++) {
        char         more[32];
        const char  *text   = more;
        double       width  = 0;
        const double before = i < shown ? sample_length(layout) + sample_gap(layout) : 0;
        if (i < shown) {
            text  = entries->series[i]->name;
            width = entries->widths[i];
        } else if (shown < entries->total) {
            snprintf(more, sizeof more, "+%d more", entries->total - shown);
            width = font_width(pen->font, &pen->style, more);
        } else {
            break;
        }
        if (x > 0 && x + width > box.width) {
            x = 0;
            rows++;
        }
        if (draw) {
            const double baseline =
                box.y + (rows - 1) * plot_line_height(pen) + font_ascent(pen->font, pen->style.size);
            if (plot_add_text(layout, pen, text, box.x + x + before, baseline, box.width - x - before) && i < shown) {
                plot_add_key(layout, (PlotKey){box.x + x, baseline - capital / 2, sample_length(layout),
                                               entries->series[i]->ink});
            }
        }
        x += width + gap;
    }
    return rows;
}

int plot_legend(PlotLayout *layout, const PlotPen *pen, const Chart *chart, PlotBox box, int most_rows, bool draw)
{
    Entries entries;
    gather(layout, pen, chart, box.width, &entries);
    if (entries.count == 0 || most_rows < 1 || box.width < 2 * sample_length(layout)) {
        return 0;
    }
    int shown = entries.count;
    while (shown > 0 && walk(layout, pen, &entries, shown, box, false) > most_rows) {
        shown--;
    }
    return walk(layout, pen, &entries, shown, box, draw);
}
