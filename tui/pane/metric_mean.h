/* Means of a metric over the steps of a run.
 *
 *     double now = metric_now(history, "length"), at_first = metric_start(history, "length");
 *
 * One step is noisy: what a pane calls "now" is a mean of the newest steps, and where it is a proportion, of all
 * their traces, not of the steps' proportions.
 */
#ifndef RLSP_TUI_METRIC_MEAN_H
#define RLSP_TUI_METRIC_MEAN_H

#include "rlsp/run/history.h"

enum { METRIC_RECENT = 10, METRIC_START = 3 };

/* How many steps "now" and "at the start" mean: apart from each other also in a short run. At least 1. */
size_t metric_recent_steps(size_t count);
size_t metric_start_steps(size_t count);

/* The series of a name; count 0 if there is none. */
HistorySeries metric_series(const History *history, HistoryKind kind, const char *name);

/* Mean of the finite ones among points [from, to); NAN: none. */
double metric_mean(HistorySeries series, size_t from, size_t to);
/* Of the newest, of the first steps of RL. */
double metric_now(const History *history, const char *name);
double metric_start(const History *history, const char *name);

#endif
