/* What the files of History share: history.c (opening, following, replay), history_check.c (is it a run?),
 * history_events.c (state and metrics of an event), history_metrics.c (series), history_traces.c (index, texts),
 * history_log.c. */
#ifndef RLSP_RUN_HISTORY_PARTS_H
#define RLSP_RUN_HISTORY_PARTS_H

#include "rlsp/run/history.h"
#include "rlsp/run/json_scan.h"
#include "rlsp/run/line_file.h"

enum { METRIC_NAME_SIZE = 64, STEP_SECONDS_OF = 20 };

/* --- series */

typedef struct Metric {
    char   name[METRIC_NAME_SIZE];
    size_t name_bytes;
    float *values; /* [capacity of the table], the first `count` used */
} Metric;

/* The events of a kind, a column per metric. Point i is event number i * stride, but the last may be the newest event,
 * number `newest`, whatever its number: it gives way to the next one. `steps` rises. */
typedef struct MetricTable {
    double *steps;
    Metric *metrics; /* [metric_count], room for HISTORY_METRICS */
    int     metric_count;
    int     expected; /* where the next name is looked for first: events have their fields in one order */
    size_t  count, capacity, stride;
    size_t  newest;
    float   row[HISTORY_METRICS]; /* of the event being read */
} MetricTable;

bool metrics_open(MetricTable *table); /* false: out of memory, also below */
void metrics_close(MetricTable *table);
void metrics_clear(MetricTable *table);
void metrics_begin(MetricTable *table); /* an event: its numbers, then its step */
bool metrics_put(MetricTable *table, const char *name, size_t bytes, double value);
bool metrics_end(MetricTable *table, double step);
void metrics_cut_back(MetricTable *table, double step); /* forgets that step and the later ones */

/* --- traces */

typedef struct TraceIndex {
    HistoryTrace *entries; /* [capacity] */
    size_t        count, capacity;
    double        repetition_max; /* reward.repetition.max_share of the config */
    char         *window;         /* [window_bytes] of traces.jsonl at window_offset: texts that were looked at */
    char         *plain;          /* [plain_capacity] a text without its escapes */
    uint64_t      window_offset;
    size_t        window_bytes, window_capacity, plain_capacity;
} TraceIndex;

/* A trace as the index has it; false: the line is none. */
bool traces_read_line(const TraceIndex *index, const Line *line, HistoryTrace *trace);
bool traces_add(TraceIndex *index, const HistoryTrace *trace); /* false: out of memory */
void traces_clear(TraceIndex *index);
void traces_close(TraceIndex *index);

/* --- log */

typedef struct LogLine {
    char *text;
    bool  of_event; /* from events.jsonl, where there is no log.txt */
} LogLine;

/* Line i, oldest first, is in slot (first + i) % HISTORY_LOG_LINES. */
typedef struct LogLines {
    LogLine slots[HISTORY_LOG_LINES];
    int     first, count;
} LogLines;

void   log_add(LogLines *log, const char *text, size_t bytes, bool of_event);
void   log_clear(LogLines *log, bool only_events);
double log_time(const char *text, size_t bytes); /* of the stamp at the line's start; NAN: none */
void   log_stamp(double time_unix, char out[32]);

/* --- the run */

struct History {
    char        *path;
    HistoryState state;
    LineFile     events, traces, log_file;
    MetricTable  tables[HISTORY_KIND_COUNT];
    TraceIndex  *index; /* apart, so that texts can be read through a History that is not changed */
    LogLines     log;
    double       until; /* time_unix up to which events are shown */
    bool         until_reached;
    bool         refused;    /* a newer format */
    uint64_t     junk;       /* lines that are no events, or no traces */
    int          complained; /* bits of files whose failure was put into the log */
    /* for replay: the newest step whose rl_step, eval or any event was shown */
    double      rl_step, eval_step, any_step;
    double      step_seconds[STEP_SECONDS_OF]; /* ring of the last steps */
    int         step_seconds_count;            /* ever, in this phase */
    double      step_time;                     /* time_unix of the last step of the phase; 0: none */
    HistoryKind step_kind;
};

/* Checks the directory, reads config.json: name, task, the gate of repetitions. */
Status history_check(History *history, Error *error);

/* Applies a line of events.jsonl; false: it is no event. A run_start of a newer format only sets `refused`. *memory
 * turns false where there was too little for a series.
 */
bool history_event(History *history, const Line *line, bool *memory);
/* Its time_unix; NAN: none. */
double history_event_time(const Line *line);
/* "format" of a run_start line; 0: another line. */
double history_event_format(const Line *line);

#endif
