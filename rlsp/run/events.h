/* The event stream of a run: what the trainer says and everyone else reads.
 *
 *     Events *events = events_open(run_path, NULL, &error);
 *     events_emit(events, "rl_step", 12, (EventField[]){{"reward", 0.5}, {"stage", 0, "rl"}}, 3,
 * &error); events_trace(events, &(EventTrace){.stage = "rl", .step = 12, .prompt = p, …}, &error);
 *     events_close(events);
 *
 * A line of events.jsonl is one flat object: {"event":"rl_step","step":12,
 * "reward":0.5,…,"time_unix":1700000000.12}. Lines are written whole, by one
 * write() each; a line that cannot be written (a full disk) is taken back, so
 * that earlier lines stay intact, and the call says so.
 *
 * Types: run_start phase_start sft_step rl_step eval checkpoint run_end log.
 *
 * Deterministic payload: a resumed run repeats an unbroken one line by line
 * apart from fields whose name starts with "time_" (clock, seconds, speed, memory
 * in use), which is where anything that depends on the clock or the machine has
 * to be put, from "log" events, and from what a user asked for meanwhile: "checkpoint" events
 * with "asked":1 and traces of stage "sample". Numbers are printed with %.9g, so that a
 * float comes back as it was; whole numbers below 2^53 in full; not-a-number and
 * infinity as null.
 *
 * The last lines are also kept in a ring in memory, for a dashboard in the same
 * process. All functions may be called from several threads.
 */
#ifndef RLSP_RUN_EVENTS_H
#define RLSP_RUN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/error.h"
#include "rlsp/run/json_line.h"

/* "format" of run_start. A reader refuses what is newer than it knows. */
enum { EVENTS_FORMAT = 1 };

/* One field of an event: a number, or a text where `text` is not NULL. */
typedef struct EventField {
    const char *name;
    double      value;
    const char *text;
} EventField;

/* An inner object of a line. */
typedef struct EventObject {
    const char       *name;
    const EventField *fields;
    int               count; /* 0: it is left out */
} EventObject;

/* One response with what was thought of it: a line of traces.jsonl. */
typedef struct EventTrace {
    const char        *stage; /* "rl", "eval", …                                  */
    int64_t            step;
    int64_t            index;                  /* of the response within the step                  */
    const char        *problem;                /* short statement or id; NULL: left out            */
    const char        *subject, *level, *gold; /* of a dataset's problem, and its true answer; NULL: left out */
    const char        *prompt, *response;
    const char        *answer;        /* as extracted; NULL: none                         */
    size_t             answer_length; /* bytes; 0: up to its NUL                    */
    const char        *verdict;       /* "correct", "wrong", "no_answer"                  */
    const char        *reason;        /* why, in words; NULL: left out                    */
    const char        *rule;          /* of the verifier, that decided; NULL: left out    */
    int64_t            tokens;        /* of the response, with its end token              */
    bool               truncated;
    double             reward;  /* total                                            */
    const EventField  *rewards; /* each component                                   */
    int                reward_count;
    const EventField  *behaviours; /* detected counts                               */
    int                behaviour_count;
    const EventField  *details; /* more about it: the rule of the verdict, the sample's number */
    int                detail_count;
    const EventObject *objects; /* what others say of it: "judge", "remote"        */
    int                object_count;
} EventTrace;

/* Bytes of the files at a checkpoint: what a resumed run keeps. */
typedef struct EventsOffsets {
    uint64_t events, traces;
} EventsOffsets;

typedef struct Events Events;

/* Opens events.jsonl, traces.jsonl and log.txt in `run_path` for appending. With
 * `resume`, events and traces are first cut back to those offsets; without, a
 * torn last line is cut off. Fails if a file is shorter than its offset. */
Events *events_open(const char *run_path, const EventsOffsets *resume, Error *error);
void    events_close(Events *events); /* NULL is allowed */

Status events_emit(Events *events, const char *type, int64_t step, const EventField *fields, int count, Error *error);
Status events_trace(Events *events, const EventTrace *trace, Error *error);

/* The line that events_trace writes, built in `line` (emptied first); NULL: out of memory. */
const char *event_trace_line(JsonLine *line, const EventTrace *trace);

/* A line of text to log.txt (with the time before it), and a "log" event if the
 * level is "warning" or "error". Best effort: a full disk is not reported. */
void events_log(Events *events, const char *level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same at level "info", but always with a "log" event: what somebody who watches the run waits to hear
 * (paused, resumed, saved). */
void events_notice(Events *events, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How long the files are now. */
EventsOffsets events_offsets(Events *events);

/* Puts everything on disk (fsync) and tells how long the files are: call it
 * just before a checkpoint is committed. */
Status events_sync(Events *events, EventsOffsets *offsets, Error *error);

/* --- reading: the same for a live run (ring), a finished one and a growing file */

/* A parsed line. Numbers and texts are looked up by name. */
typedef struct Event Event;
Event               *event_parse(const char *line, size_t length); /* NULL: not a whole event */
void                 event_free(Event *event);
const char          *event_type(const Event *event); /* "trace" for a line of traces.jsonl     */
int64_t              event_step(const Event *event);
bool                 event_has(const Event *event, const char *name);
double               event_number(const Event *event, const char *name, double fallback); /* booleans: 0, 1 */
const char          *event_text(const Event *event, const char *name);                    /* NULL: none */
/* The event as a line of JSON, its newline included; false: out of memory (a file that cannot be written: ferror). */
bool event_print(const Event *event, FILE *out);
/* Calls `visit` for every number of the event, in order ("rewards.explore" for a
 * number in an inner object). */
void event_each_number(const Event *event, void (*visit)(void *context, const char *name, double value), void *context);

/* Reads a file from its start, and on as it grows. Where a resumed run has cut it back in the meantime, goes on behind
 * the last line that is still there, however far the file has grown since: steps that are trained again come again. A
 * cut by more than 1024 lines: from the start. */
typedef struct EventReader EventReader;
EventReader               *event_reader_open(const char *path, Error *error);
/* The next event, to be freed by the caller; NULL: no whole line (yet). Lines that are not events are passed over. */
Event *event_reader_next(EventReader *reader);
void   event_reader_close(EventReader *reader);

/* The ring: *cursor starts at 0 and moves on; lines that were overwritten in the
 * meantime are passed over. `traces`: the ring of traces instead. */
Event *events_ring_next(Events *events, bool traces, uint64_t *cursor);

#endif
