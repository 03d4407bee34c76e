/* Series of metrics: a table per kind of event, a row per event. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/history_parts.h"

enum { FIRST_CAPACITY = 256 };

bool metrics_open(MetricTable *table)
{
    table->stride  = 1;
    table->metrics = calloc(HISTORY_METRICS, sizeof *table->metrics);
    return table->metrics != NULL;
}

void metrics_close(MetricTable *table)
{
    for (int i = 0; i < table->metric_count; i++) {
        free(table->metrics[i].values);
    }
    free(table->metrics);
    free(table->steps);
    *table = (MetricTable){0};
}

/* The names and the memory stay: a run that is read again has the same. */
void metrics_clear(MetricTable *table)
{
    table->count = table->newest = 0;
    table->stride                = 1;
    table->expected              = 0;
}

/* --- a row */

void metrics_begin(MetricTable *table)
{
    table->expected = 0;
    for (int i = 0; i < table->metric_count; i++) {
        table->row[i] = NAN;
    }
}

static int find(const MetricTable *table, const char *name, size_t bytes)
{
    int at = table->expected;
    for (int i = 0; i < table->metric_count; i++, at++) {
        at                   = at < table->metric_count ? at : 0;
        const Metric *metric = &table->metrics[at];
        if (metric->name_bytes == bytes && memcmp(metric->name, name, bytes) == 0) {
            return at;
        }
    }
    return -1;
}

static int add(MetricTable *table, const char *name, size_t bytes)
{
    Metric *metric = &table->metrics[table->metric_count];
    metric->values = table->capacity > 0 ? malloc(table->capacity * sizeof *metric->values) : NULL;
    if (table->capacity > 0 && metric->values == NULL) {
        return -1;
    }
    for (size_t i = 0; i < table->count; i++) {
        metric->values[i] = NAN;
    }
    memcpy(metric->name, name, bytes);
    metric->name[bytes] = '\0';
    metric->name_bytes  = bytes;
    return table->metric_count++;
}

bool metrics_put(MetricTable *table, const char *name, size_t bytes, double value)
{
    if (bytes == 0 || bytes >= METRIC_NAME_SIZE) {
        return true;
    }
    int at = find(table, name, bytes);
    if (at < 0) {
        if (table->metric_count == HISTORY_METRICS) {
            return true;
        }
        at = add(table, name, bytes);
    }
    if (at < 0) {
        return false;
    }
    const float kept = (float)value;
    table->row[at]   = isfinite(kept) ? kept : NAN;
    table->expected  = at + 1;
    return true;
}

/* --- rows */

static bool grow(MetricTable *table)
{
    const size_t capacity = table->capacity > 0 ? 2 * table->capacity : FIRST_CAPACITY;
    double      *steps    = realloc(table->steps, capacity * sizeof *steps);
    if (steps == NULL) {
        return false;
    }
    table->steps = steps;
    for (int i = 0; i < table->metric_count; i++) {
        float *values = realloc(table->metrics[i].values, capacity * sizeof *values);
        if (values == NULL) {
            return false; /* some columns have more room than is used */
        }
        table->metrics[i].values = values;
    }
    table->capacity = capacity;
    return true;
}

/* Drops points 1, 3, 5, …, except the newest. */
static void thin_out(MetricTable *table)
{
    const size_t last = table->count - 1, kept = (table->count + 1) / 2, all = kept + (last % 2);
    for (size_t i = 0; i < kept; i++) {
        table->steps[i] = table->steps[2 * i];
    }
    table->steps[all - 1] = table->steps[last];
    for (int m = 0; m < table->metric_count; m++) {
        float *values = table->metrics[m].values;
        for (size_t i = 0; i < kept; i++) {
            values[i] = values[2 * i];
        }
        values[all - 1] = values[last];
    }
    table->count = all;
    table->stride *= 2;
}

void metrics_cut_back(MetricTable *table, double step)
{
    const size_t before = table->count;
    while (table->count > 0 && table->steps[table->count - 1] >= step) {
        table->count--;
    }
    if (table->count < before) {
        table->newest = table->count > 0 ? (table->count - 1) * table->stride : 0;
    }
}

bool metrics_end(MetricTable *table, double step)
{
    metrics_cut_back(table, step);
    const bool replace = table->count > 0 && table->newest % table->stride != 0;
    if (!replace && table->count == HISTORY_POINTS) {
        thin_out(table);
        return metrics_end(table, step);
    }
    if (!replace && table->count == table->capacity && !grow(table)) {
        return false;
    }
    const size_t at  = replace ? table->count - 1 : table->count;
    table->newest    = table->count > 0 ? table->newest + 1 : 0;
    table->count     = at + 1;
    table->steps[at] = step;
    for (int i = 0; i < table->metric_count; i++) {
        table->metrics[i].values[at] = table->row[i];
    }
    return true;
}

/* --- as the header has it */

static const MetricTable *table_of(const History *history, HistoryKind kind)
{
    static const MetricTable none;
    return kind >= 0 && kind < HISTORY_KIND_COUNT ? &history->tables[kind] : &none;
}

int history_metric_count(const History *history, HistoryKind kind)
{
    return table_of(history, kind)->metric_count;
}

const char *history_metric_name(const History *history, HistoryKind kind, int metric)
{
    const MetricTable *table = table_of(history, kind);
    return metric >= 0 && metric < table->metric_count ? table->metrics[metric].name : NULL;
}

int history_metric(const History *history, HistoryKind kind, const char *name)
{
    const MetricTable *table = table_of(history, kind);
    for (int i = 0; i < table->metric_count; i++) {
        if (strcmp(table->metrics[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

HistorySeries history_series(const History *history, HistoryKind kind, int metric)
{
    const MetricTable *table = table_of(history, kind);
    if (metric < 0 || metric >= table->metric_count) {
        return (HistorySeries){0};
    }
    return (HistorySeries){.step = table->steps, .value = table->metrics[metric].values, .count = table->count};
}

double history_last(const History *history, HistoryKind kind, const char *name)
{
    const HistorySeries series = history_series(history, kind, history_metric(history, kind, name));
    for (size_t i = series.count; i > 0; i--) {
        if (isfinite(series.value[i - 1])) {
            return (double)series.value[i - 1];
        }
    }
    return NAN;
}
