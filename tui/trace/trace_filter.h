/* TraceFilter: which traces of a run are looked at, by what the index knows of each.
 *
 *     TraceFilter filter = {0};                         // all
 *     trace_filter_toggle(&filter, 'c');                // correct …
 *     trace_filter_toggle(&filter, 'b');                // … with a backtrack
 *     if (trace_filter_passes(&filter, history_trace(history, i))) …
 */
#ifndef RLSP_TUI_TRACE_FILTER_H
#define RLSP_TUI_TRACE_FILTER_H

#include "rlsp/run/history.h"

typedef struct TraceFilter {
    uint16_t require, forbid; /* HISTORY_CORRECT and so on; no bit in both */
} TraceFilter;

/* What can be asked for, each with its letter. Some exclude others: the later choice wins. */
typedef struct TraceFilterChoice {
    char        key;
    const char *name;
    uint16_t    require, forbid;
} TraceFilterChoice;

extern const TraceFilterChoice trace_filter_choices[];
extern const int               trace_filter_choice_count;

static inline bool trace_filter_passes(const TraceFilter *filter, const HistoryTrace *trace)
{
    return (trace->flags & (filter->require | filter->forbid)) == filter->require;
}

bool trace_filter_has(const TraceFilter *filter, const TraceFilterChoice *choice);
/* False: no choice has this letter. */
bool trace_filter_toggle(TraceFilter *filter, char key);
/* "correct, has backtrack"; "all" where nothing is chosen. */
void trace_filter_text(const TraceFilter *filter, char *out, size_t size);

#endif
