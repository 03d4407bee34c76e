/* Opening a run, following its files, replay. */
#include "rlsp/run/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/run/history_parts.h"

enum { LOG_BYTES = 4 << 20 }; /* the end of log.txt that is read: more than the lines that are kept */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* --- opening */

static bool open_parts(History *history, const char *run_path)
{
    bool opened    = true;
    history->path  = strdup(run_path);
    history->index = calloc(1, sizeof *history->index);
    for (int kind = 0; kind < HISTORY_KIND_COUNT; kind++) {
        opened = metrics_open(&history->tables[kind]) && opened;
    }
    opened = line_file_open(&history->events, run_path, "events.jsonl") && opened;
    opened = line_file_open(&history->traces, run_path, "traces.jsonl") && opened;
    opened = line_file_open(&history->log_file, run_path, "log.txt") && opened;
    return opened && history->path != NULL && history->index != NULL;
}

/* What the events say is forgotten; what the config says is kept. */
static void forget(History *history)
{
    HistoryState *state = &history->state, empty = {0};
    memcpy(empty.name, state->name, sizeof empty.name);
    memcpy(empty.task, state->task, sizeof empty.task);
    *state = empty;
    for (int kind = 0; kind < HISTORY_KIND_COUNT; kind++) {
        metrics_clear(&history->tables[kind]);
    }
    traces_clear(history->index);
    log_clear(&history->log, true);
    line_file_rewind(&history->events, 0);
    line_file_rewind(&history->traces, 0);
    history->events.dropped = history->traces.dropped = 0;
    history->junk                                     = 0;
    history->rl_step = history->eval_step = history->any_step = -1;
    history->step_seconds_count                               = 0;
    history->step_time                                        = 0;
    history->until_reached = history->refused = false;
}

History *history_open(const char *run_path, Error *error)
{
    History *history = calloc(1, sizeof *history);
    if (history == NULL || !open_parts(history, run_path)) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening the run %s", run_path);
        history_close(history);
        return NULL;
    }
    history->until                 = INFINITY;
    history->index->repetition_max = 0.5; /* as in the defaults of a config */
    forget(history);
    if (history_check(history, error) != STATUS_OK) {
        history_close(history);
        return NULL;
    }
    return history;
}

void history_close(History *history)
{
    if (history == NULL) {
        return;
    }
    line_file_close(&history->events);
    line_file_close(&history->traces);
    line_file_close(&history->log_file);
    for (int kind = 0; kind < HISTORY_KIND_COUNT; kind++) {
        metrics_close(&history->tables[kind]);
    }
    log_clear(&history->log, false);
    if (history->index != NULL) {
        traces_close(history->index);
    }
    free(history->index);
    free(history->path);
    free(history);
}

/* --- a file, as far as it goes */

typedef enum Taken { TAKEN, JUNK, NOT_YET } Taken;

/* Gives the lines to `take` until they end, one is for later, or the time is up (true: then there is more). A chunk is
 * read however short the time is. */
static bool follow(History *history, LineFile *file, Taken (*take)(History *history, const Line *line), double end)
{
    Line line;
    bool chunk = false;
    do {
        while (line_file_peek(file, &line)) {
            const Taken taken = take(history, &line);
            if (taken == NOT_YET) {
                return false;
            }
            history->junk += taken == JUNK;
            line_file_take(file, &line);
        }
        if (chunk && now() >= end) {
            return line_file_waiting(file);
        }
        chunk = true;
    } while (line_file_fill(file));
    return false;
}

/* Said once. */
static void complain(History *history, int what, const char *format, const char *path, const char *why)
{
    if ((history->complained & what) == 0) {
        char text[600];
        snprintf(text, sizeof text, format, path, why);
        history->complained |= what;
        history_log_add(history, text);
    }
}

enum { COMPLAINT_MEMORY = 1, COMPLAINT_FORMAT = 2, COMPLAINT_FILE = 4 }; /* and its next two bits */

static bool is_replay(const History *history)
{
    return history->until < INFINITY;
}

static Taken take_event(History *history, const Line *line)
{
    bool memory = true;
    if (is_replay(history) && history_event_time(line) > history->until) {
        history->until_reached = true;
        return NOT_YET;
    }
    const bool event = history_event(history, line, &memory);
    if (history->refused) {
        complain(history, COMPLAINT_FORMAT, "error: %s goes on in a newer format%s; read it with a newer rlsp",
                 history->events.path, "");
        return NOT_YET;
    }
    if (!memory) {
        complain(history, COMPLAINT_MEMORY, "error: out of memory while reading %s%s; some of it is missing",
                 history->events.path, "");
    }
    return event ? TAKEN : JUNK;
}

/* Whether the event that a trace goes with has been shown. One that the file lacks is made up for by a later one. */
static bool is_shown(const History *history, const HistoryTrace *trace)
{
    const double own = (trace->flags & HISTORY_EVALUATION) != 0 ? history->eval_step
                       : (trace->flags & HISTORY_SAMPLE) != 0   ? history->any_step
                                                                : history->rl_step;
    return !history->until_reached || trace->step <= own || trace->step < history->any_step;
}

static Taken take_trace(History *history, const Line *line)
{
    HistoryTrace trace;
    if (!traces_read_line(history->index, line, &trace)) {
        return JUNK;
    }
    if (!is_shown(history, &trace)) {
        return NOT_YET;
    }
    if (!traces_add(history->index, &trace)) {
        complain(history, COMPLAINT_MEMORY, "error: out of memory while reading %s%s; some of it is missing",
                 history->traces.path, "");
    }
    return TAKEN;
}

static Taken take_log(History *history, const Line *line)
{
    if (log_time(line->text, line->bytes) > history->until) {
        return NOT_YET;
    }
    log_add(&history->log, line->text, line->bytes, false);
    return TAKEN;
}

/* --- following */

static void rewind_log(History *history)
{
    const uint64_t size = history->log_file.size;
    line_file_rewind(&history->log_file, 0);
    if (!is_replay(history) && size > LOG_BYTES) { /* a replay needs the lines before, too */
        line_file_rewind(&history->log_file, size - LOG_BYTES);
        history->log_file.too_long = true; /* drops the rest of the line that it falls into */
    }
}

static void look(History *history)
{
    const LineLook events = line_file_look(&history->events), traces = line_file_look(&history->traces);
    const bool     first = history->log_file.descriptor < 0 || history->log_file.offset == 0;
    if (events == LINES_CUT || traces == LINES_CUT) {
        forget(history); /* reading a run takes less time than finding out what of it is still right */
    }
    if (line_file_look(&history->log_file) == LINES_CUT || first) {
        rewind_log(history);
    }
    LineFile *const files[] = {&history->events, &history->traces, &history->log_file};
    for (int i = 0; i < 3; i++) {
        if (files[i]->failed != 0) {
            complain(history, COMPLAINT_FILE << i, "error: cannot read %s: %s", files[i]->path,
                     strerror(files[i]->failed));
        }
    }
}

bool history_update(History *history, double seconds)
{
    const double end = seconds > 0 ? now() + seconds : INFINITY;
    look(history);
    history->until_reached = false;
    bool more              = !history->refused && follow(history, &history->events, take_event, end);
    if (history->refused) {
        return false;
    }
    if (!more || !is_replay(history)) { /* in a replay the events say how far the traces go */
        more = follow(history, &history->traces, take_trace, end) || more;
    }
    more                         = follow(history, &history->log_file, take_log, end) || more;
    history->index->window_bytes = 0;
    history->state.skipped       = history->junk + history->events.dropped + history->traces.dropped;
    return more;
}

void history_until(History *history, double time_unix)
{
    const bool back = !(time_unix >= history->until);
    history->until  = time_unix;
    if (back) {
        forget(history);
        log_clear(&history->log, false);
        rewind_log(history);
    }
}

/* A torn line has been read, too. */
static void add_share(const LineFile *file, double *read, double *size)
{
    const uint64_t at = file->offset + (file->scanned == file->end ? file->end - file->start : 0);
    *read += (double)(at < file->size ? at : file->size);
    *size += (double)file->size;
}

double history_loaded(const History *history)
{
    double read = 0, size = 0;
    add_share(&history->events, &read, &size);
    add_share(&history->traces, &read, &size);
    return size > 0 ? read / size : 1;
}

const HistoryState *history_state(const History *history)
{
    return &history->state;
}

const char *history_path(const History *history)
{
    return history->path;
}
