#include "tui/pane/metric_mean.h"

#include <math.h>

size_t metric_recent_steps(size_t count)
{
    size_t half = count / 2;
    return half < 1 ? 1 : half < METRIC_RECENT ? half : METRIC_RECENT;
}

size_t metric_start_steps(size_t count)
{
    size_t half = count / 2;
    return half < 1 ? 1 : half < METRIC_START ? half : METRIC_START;
}

HistorySeries metric_series(const History *history, HistoryKind kind, const char *name)
{
    int metric = history_metric(history, kind, name);
    return metric >= 0 ? history_series(history, kind, metric) : (HistorySeries){0};
}

double metric_mean(HistorySeries series, size_t from, size_t to)
{
    double sum   = 0;
    size_t count = 0;
    for (size_t i = from; i < to && i < series.count; i++) {
        if (isfinite(series.value[i])) {
            sum += (double)series.value[i];
            count++;
        }
    }
    return count > 0 ? sum / (double)count : NAN;
}

double metric_now(const History *history, const char *name)
{
    HistorySeries series = metric_series(history, HISTORY_RL, name);
    size_t        steps  = metric_recent_steps(series.count);
    return metric_mean(series, series.count > steps ? series.count - steps : 0, series.count);
}

double metric_start(const History *history, const char *name)
{
    HistorySeries series = metric_series(history, HISTORY_RL, name);
    return metric_mean(series, 0, metric_start_steps(series.count));
}
