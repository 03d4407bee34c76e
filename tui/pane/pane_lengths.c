/* Where a run has no bins, what is known of the lengths is drawn: half and 95% of the traces. */
#include "tui/pane/pane_lengths.h"

#include <math.h>
#include <stdio.h>

#include "tui/draw/chart.h"
#include "tui/pane/length_bins.h"
#include "tui/pane/metric_mean.h"

enum {
    SUMMARY_HEIGHT = 7, /* from here on a line of words goes below the histogram */
    LABEL_WIDTH    = 6  /* "start " */
};

/* What lies beyond is empty in both: the axis ends soon after the longest traces. Returns the bins that are left. */
static int bins_in_use(const LengthBins *start, const LengthBins *now)
{
    int used = 1;
    for (int b = 0; b < LENGTH_BINS; b++) {
        if (start->share[b] > 0.0f || now->share[b] > 0.0f) {
            used = b + 1;
        }
    }
    return used;
}

/* --- words */

static void summary_draw(const History *history, Area row)
{
    char   now[16], start[16], p95[16];
    double mean = metric_now(history, "length"), first = metric_start(history, "length");
    chart_number(mean, now);
    chart_number(first, start);
    chart_number(metric_now(history, "length_p95"), p95);
    if (now[0] == '\0') {
        return;
    }
    int column = area_printf(row, 0, 0, INK_TEXT, 0, "mean %s", now);
    if (start[0] != '\0') {
        column += area_printf(row, column, 0, INK_FAINT, 0, ", %s at the start", start);
    }
    if (p95[0] != '\0' && column + 22 <= row.width) {
        area_printf(row, column, 0, INK_FAINT, 0, "; 95%% are within %s", p95);
    }
}

/* A line from 0 to the 95th percentile with a mark where half of the traces end. */
static void range_draw(Area row, double half, double most, double scale, Ink ink, Glyphs glyphs)
{
    if (!isfinite(half) || !isfinite(most) || row.width < 2 || scale <= 0) {
        return;
    }
    const bool ascii = glyphs == GLYPHS_ASCII;
    int        end = (int)lround(most / scale * (row.width - 1)), middle = (int)lround(half / scale * (row.width - 1));
    for (int x = 0; x <= end && x < row.width; x++) {
        area_put(row, x, 0, ascii ? '-' : 0x2500, ink, 0);
    }
    area_put(row, middle, 0, ascii ? '*' : 0x2588, ink, ATTR_BOLD);
    area_put(row, end, 0, ascii ? '|' : 0x2524, ink, 0);
}

static void percentiles_draw(const History *history, Area area, Glyphs glyphs)
{
    const double half = metric_now(history, "length_p50"), most = metric_now(history, "length_p95");
    const double half_start = metric_start(history, "length_p50"), most_start = metric_start(history, "length_p95");
    const double scale = fmax(isfinite(most) ? most : 0, isfinite(most_start) ? most_start : 0);
    if (area.height < 3 || area.width < 2 * LABEL_WIDTH || !isfinite(most)) {
        summary_draw(history, area);
        return;
    }
    char text[16];
    for (int i = 0; i < 2; i++) {
        Area row = area_part(area, 0, i, area.width, 1);
        area_text(row, 0, 0, i == 0 ? INK_TEXT : INK_FAINT, 0, i == 0 ? "now" : "start", SIZE_MAX);
        range_draw(area_part(row, LABEL_WIDTH, 0, row.width - LABEL_WIDTH, 1), i == 0 ? half : half_start,
                   i == 0 ? most : most_start, scale, i == 0 ? INK_SERIES_0 : INK_FAINT, glyphs);
    }
    chart_number(scale, text);
    area_text(area, LABEL_WIDTH, 2, INK_FAINT, 0, "0", SIZE_MAX);
    char label[32];
    snprintf(label, sizeof label, "%s tokens", text);
    area_text_right(area, area.width, 2, INK_FAINT, 0, label);
    summary_draw(history, area_part(area, 0, 3, area.width, 1));
    if (area.height >= 5) {
        area_text(area, 0, 4, INK_FAINT, 0, "block: half of the traces are shorter; end: 95% are", SIZE_MAX);
    }
}

void pane_lengths_draw(const History *history, Area area, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1) {
        return;
    }
    LengthBins start, now;
    if (length_bins_read(history, &start, &now)) {
        const bool words = area.height >= SUMMARY_HEIGHT;
        const int  bins  = bins_in_use(&start, &now);
        histogram_draw(area_part(area, 0, 0, area.width, area.height - words),
                       &(Histogram){.now       = now.share,
                                    .then      = start.share,
                                    .bins      = bins,
                                    .low       = 0,
                                    .high      = now.high * bins / LENGTH_BINS,
                                    .unit      = "tokens",
                                    .now_name  = "now",
                                    .then_name = "at the start"},
                       glyphs);
        if (words) {
            summary_draw(history, area_part(area, 0, area.height - 1, area.width, 1));
        }
    } else if (isfinite(history_last(history, HISTORY_RL, "length"))) {
        percentiles_draw(history, area, glyphs);
    } else {
        area_text(area, 0, 0, INK_FAINT, 0, "no traces yet", SIZE_MAX);
    }
}
