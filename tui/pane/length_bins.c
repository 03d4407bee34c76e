#include "tui/pane/length_bins.h"

#include <math.h>
#include <stdio.h>

#include "tui/pane/metric_mean.h"

/* Moves shares from bins up to `from` to bins up to `to`; each bin is taken as even. */
static void rebin(const float in[LENGTH_BINS], double from, double to, double out[LENGTH_BINS])
{
    for (int i = 0; i < LENGTH_BINS; i++) {
        double left = i * from / to, right = (i + 1) * from / to; /* in new bins */
        for (int j = left < LENGTH_BINS ? (int)left : LENGTH_BINS - 1; j < LENGTH_BINS; j++) {
            double low  = left > j ? left : j;
            double high = right < j + 1 || j == LENGTH_BINS - 1 ? right : j + 1; /* the last one takes what is beyond */
            if (high <= low) {
                break;
            }
            out[j] += (double)in[i] * (high - low) / (right - left);
        }
    }
}

/* One step's; high 0 if it has none. */
static LengthBins bins_at(const HistorySeries bins[LENGTH_BINS], HistorySeries high, size_t index)
{
    LengthBins lengths = {0};
    if (index >= high.count || !(high.value[index] > 0.0f) || !isfinite(high.value[index])) {
        return lengths;
    }
    for (int b = 0; b < LENGTH_BINS; b++) {
        if (index >= bins[b].count || !isfinite(bins[b].value[index]) || bins[b].value[index] < 0.0f) {
            return lengths;
        }
        lengths.share[b] = bins[b].value[index];
    }
    lengths.high = (double)high.value[index];
    return lengths;
}

bool length_bins_read(const History *history, LengthBins *start, LengthBins *now)
{
    HistorySeries bins[LENGTH_BINS], high = metric_series(history, HISTORY_RL, "length_bins_high");
    for (int b = 0; b < LENGTH_BINS; b++) {
        char name[32];
        snprintf(name, sizeof name, "length_bin_%d", b);
        bins[b] = metric_series(history, HISTORY_RL, name);
    }
    double sums[LENGTH_BINS] = {0};
    size_t used = 0, first = 0, last = high.count;
    while (first < high.count && (*start = bins_at(bins, high, first)).high <= 0) {
        first++;
    }
    if (first == high.count) {
        return false;
    }
    *now               = (LengthBins){0};
    const size_t steps = metric_recent_steps(high.count - first);
    while (last > first && used < steps) {
        LengthBins step = bins_at(bins, high, --last);
        if (step.high > 0) {
            now->high = used == 0 ? step.high : now->high; /* the newest says how long they may be */
            rebin(step.share, step.high, now->high, sums);
            used++;
        }
    }
    double moved[LENGTH_BINS] = {0};
    rebin(start->share, start->high, now->high, moved);
    for (int b = 0; b < LENGTH_BINS; b++) {
        now->share[b]   = (float)(sums[b] / (double)used);
        start->share[b] = (float)moved[b];
    }
    start->high = now->high;
    return true;
}
