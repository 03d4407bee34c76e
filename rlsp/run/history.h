/* History: a run as read from its files, for the dashboard, the plots and the lists.
 *
 *     History *history = history_open("runs/countdown", &error);
 *     while (history_update(history, 0.02)) { }            // reads on for at most 20 ms a call
 *     int reward = history_metric(history, HISTORY_RL, "reward");
 *     HistorySeries series = history_series(history, HISTORY_RL, reward);
 *
 * It reads files only: config.json, events.jsonl, traces.jsonl, log.txt. It tolerates a torn last line, lines that
 * are not events, and a file that grows, is cut back (a resumed run: steps that are
 * trained again replace the earlier ones) or does not exist yet. Metrics are whatever numbers the events have.
 *
 * Memory is bounded whatever the run's length: a series keeps at most HISTORY_POINTS points (then every second one is
 * dropped, the newest always kept), the trace index HISTORY_TRACES entries of 48 bytes or less (the oldest are let go),
 * and texts are read from the file when asked for. Lines are scanned in place, without
 * building a tree: 100,000 steps and 1,000,000 traces (about 700 MB) open in under two seconds when the files are in
 * memory.
 */
#ifndef RLSP_RUN_HISTORY_H
#define RLSP_RUN_HISTORY_H

#include "rlsp/run/events.h"

enum { HISTORY_POINTS = 1 << 17, HISTORY_TRACES = 1 << 21, HISTORY_METRICS = 256 };

typedef enum HistoryKind { HISTORY_SFT, HISTORY_RL, HISTORY_EVAL, HISTORY_KIND_COUNT } HistoryKind;

typedef struct History History;

/* STATUS_BAD_INPUT for a directory that is no run (neither config.json nor events.jsonl), with what was found and what
 * to do; a run of a newer version likewise. A run that has just begun (files not there yet) is fine. */
History *history_open(const char *run_path, Error *error);
void     history_close(History *history); /* NULL is allowed */

/* Reads what is new, for about `seconds` at most (0: to the end). Returns whether more is waiting already. */
bool   history_update(History *history, double seconds);
double history_loaded(const History *history); /* share of the bytes on disk that has been read, 0 to 1 */
/* For replay: shows only what was written up to this time_unix (infinity: all; the default). Traces, which have no time
 * of their own, go with the rl_step or eval event of their step. */
void history_until(History *history, double time_unix);

/* --- what the run is and where it stands */
typedef struct HistoryState {
    char     name[96], task[32], device[128], driver[96];
    char     stage[16], phase[64];    /* of the last phase_start                      */
    uint64_t step;                    /* of the run                                   */
    double   stage_step, stage_steps; /* done and to do in the phase                 */
    bool     started, ended;          /* run_end was read                             */
    char     end_reason[96];
    double   first_time, last_time; /* time_unix of the first and newest event; 0: none */
    double   step_seconds;          /* mean of the last 20 steps                    */
    uint64_t checkpoint_step;       /* newest; 0: none                              */
    uint64_t parameters;
    double   device_memory; /* bytes; 0: not known                         */
    uint64_t skipped;       /* lines that are no events                     */
} HistoryState;
const HistoryState *history_state(const History *history);
const char         *history_path(const History *history);

/* --- metrics */
typedef struct HistorySeries {
    const double *step;  /* [count] rising; HISTORY_SFT, HISTORY_EVAL and HISTORY_RL: step of the run */
    const float  *value; /* [count]; NAN where an event lacked it */
    size_t        count;
} HistorySeries;
int           history_metric_count(const History *history, HistoryKind kind);
const char   *history_metric_name(const History *history, HistoryKind kind, int metric);
int           history_metric(const History *history, HistoryKind kind, const char *name); /* -1: not there */
HistorySeries history_series(const History *history, HistoryKind kind, int metric); /* valid until the next update */
/* The newest finite value; NAN: none. */
double history_last(const History *history, HistoryKind kind, const char *name);

/* --- traces, in the order of the file; index 0 is the oldest that is kept */
enum {
    HISTORY_CORRECT    = 1,
    HISTORY_ANSWERED   = 2,
    HISTORY_TRUNCATED  = 4,
    HISTORY_BACKTRACK  = 8,  /* parsed evidence: behaviours.backtracks > 0 */
    HISTORY_CHECK      = 16, /* behaviours.checks > 0 */
    HISTORY_EVALUATION = 32, /* of a held-out evaluation */
    HISTORY_SAMPLE     = 64, /* asked for by the user    */
    HISTORY_REPEATS    = 128 /* distinct < valid attempts, or the repetition gate */
};
typedef struct HistoryTrace {
    uint64_t offset; /* of its line in traces.jsonl */
    uint32_t bytes;
    uint32_t step, tokens;
    uint32_t problem; /* hash of the prompt: the same problem at different steps */
    float    reward, explore;
    uint16_t flags;
    uint16_t attempts;
} HistoryTrace;
size_t              history_trace_count(const History *history);
const HistoryTrace *history_trace(const History *history, size_t index); /* valid until the next update */
/* The whole line, read from the file and parsed; to be freed. NULL: it cannot be read (any more). */
Event *history_trace_read(const History *history, size_t index);
/* Whether `text` occurs in the prompt or response (ASCII letters in either case), looking at the bytes of the line. */
bool history_trace_contains(const History *history, size_t index, const char *text);

/* --- log.txt and log events: the last lines, oldest first; at most HISTORY_LOG_LINES are kept */
enum { HISTORY_LOG_LINES = 2000 };
int         history_log_count(const History *history);
const char *history_log_line(const History *history, int index); /* valid until the next update */
/* Adds a line that is not in a file (what came on stderr). */
void history_log_add(History *history, const char *line);

#endif
