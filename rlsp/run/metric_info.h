/* MetricInfo: what the numbers of events are called, and in what unit: the one table, for the dashboard and the plots.
 *
 *     const MetricInfo info = metric_info(HISTORY_RL, "clip_fraction");   // "clip fraction", a share
 */
#ifndef RLSP_RUN_METRIC_INFO_H
#define RLSP_RUN_METRIC_INFO_H

#include "rlsp/run/history.h"

typedef struct MetricInfo {
    const char *name;  /* as in the event                                                       */
    const char *label; /* in words; NULL: the name says it                                      */
    const char *brief; /* the same beside others, where a title says the rest; NULL: as `label` */
    const char *unit;  /* NULL: none, or a share                                                */
    bool        share; /* from 0 to 1 of something, so that it may be read as %                 */
} MetricInfo;

/* Of any name: with no label, unit or share if it is not known. "greedy_X" is as X. The name is not kept. */
MetricInfo metric_info(HistoryKind kind, const char *name);

#endif
