#include "rlsp/run/events.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/json_line.h"

enum { RING_LINES = 2048, EVENTS = 0, TRACES = 1, FILES = 2 };

/* The last RING_LINES lines of a file; line number n (from 0) is in slot n % RING_LINES. */
typedef struct Ring {
    char    *lines[RING_LINES];
    size_t   lengths[RING_LINES];
    uint64_t written;
} Ring;

/* `size` is the file's length in whole lines: what a failed write is cut back to. */
typedef struct LineFile {
    char    *path;
    int      descriptor;
    uint64_t size;
    Ring     ring;
} LineFile;

struct Events {
    LineFile        files[FILES];
    int             log;
    int64_t         step; /* of the last event, for "log" events */
    JsonLine        line;
    pthread_mutex_t mutex;
};

static Status fail(Error *error, const char *doing, const char *path)
{
    const char *hint = errno == ENOSPC ? "; free some space, then go on with --resume: what was written is intact" : "";
    return error_set(error, STATUS_FAILED, "cannot %s %s: %s%s", doing, path, strerror(errno), hint);
}

/* --- opening */

/* The length of the file up to its last newline. */
static Status whole_lines(const LineFile *file, uint64_t size, uint64_t *whole, Error *error)
{
    char block[4096];
    while (size > 0) {
        uint64_t start = size > sizeof block ? size - sizeof block : 0;
        size_t   bytes = (size_t)(size - start);
        if (pread(file->descriptor, block, bytes, (off_t)start) != (ssize_t)bytes) {
            return fail(error, "read", file->path);
        }
        while (bytes > 0 && block[bytes - 1] != '\n') {
            bytes--;
        }
        if (bytes > 0) {
            *whole = start + bytes;
            return STATUS_OK;
        }
        size = start;
    }
    *whole = 0;
    return STATUS_OK;
}

static Status open_lines(LineFile *file, const char *run_path, const char *name, const uint64_t *keep, Error *error)
{
    struct stat info;
    file->path = path_join(run_path, name);
    if (file->path == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s of %s", name, run_path);
    }
    file->descriptor = open(file->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file->descriptor < 0 || fstat(file->descriptor, &info) != 0) {
        return fail(error, "open", file->path);
    }
    uint64_t size   = (uint64_t)info.st_size;
    Status   status = STATUS_OK;
    if (keep == NULL) {
        status = whole_lines(file, size, &file->size, error);
    } else if (size < *keep) {
        status =
            error_set(error, STATUS_FAILED,
                      "%s has %llu bytes, but the checkpoint was made when it had %llu: lines are missing; restore "
                      "the file, or resume a copy of an earlier checkpoint",
                      file->path, (unsigned long long)size, (unsigned long long)*keep);
    } else {
        file->size = *keep;
    }
    if (status == STATUS_OK && file->size < size && ftruncate(file->descriptor, (off_t)file->size) != 0) {
        status = fail(error, "cut back", file->path);
    }
    return status;
}

Events *events_open(const char *run_path, const EventsOffsets *resume, Error *error)
{
    Events *events = calloc(1, sizeof *events);
    if (events == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening the events of %s", run_path);
        return NULL;
    }
    events->log = events->files[EVENTS].descriptor = events->files[TRACES].descriptor = -1;
    pthread_mutex_init(&events->mutex, NULL);
    Status status =
        open_lines(&events->files[EVENTS], run_path, "events.jsonl", resume ? &resume->events : NULL, error);
    if (status == STATUS_OK) {
        status = open_lines(&events->files[TRACES], run_path, "traces.jsonl", resume ? &resume->traces : NULL, error);
    }
    char *path = path_join(run_path, "log.txt");
    if (status == STATUS_OK && path != NULL) {
        events->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        status      = events->log < 0 ? fail(error, "open", path) : STATUS_OK;
    }
    if (status != STATUS_OK || path == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening the events of %s", run_path);
        events_close(events);
        events = NULL;
    }
    free(path);
    return events;
}

void events_close(Events *events)
{
    if (events == NULL) {
        return;
    }
    for (int i = 0; i < FILES; i++) {
        LineFile *file = &events->files[i];
        if (file->descriptor >= 0) {
            close(file->descriptor);
        }
        for (int j = 0; j < RING_LINES; j++) {
            free(file->ring.lines[j]);
        }
        free(file->path);
    }
    if (events->log >= 0) {
        close(events->log);
    }
    json_line_free(&events->line);
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

/* --- writing */

/* The events so far stay intact whatever happens: a line that does not fit is taken back. */
static Status write_line(LineFile *file, const char *text, size_t bytes, Error *error)
{
    size_t done = 0;
    while (done < bytes) { /* one write() in all but the rarest cases */
        ssize_t put = write(file->descriptor, text + done, bytes - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            Status status = fail(error, "write", file->path);
            if (ftruncate(file->descriptor, (off_t)file->size) != 0) {
                error_prefix(error, "(the torn last line could not be taken back)");
            }
            return status;
        }
        done += (size_t)put;
    }
    file->size += bytes;
    return STATUS_OK;
}

/* A line that there is no memory to remember is only missing from the ring. */
static void remember(Ring *ring, const char *text, size_t bytes)
{
    size_t slot = (size_t)(ring->written++ % RING_LINES);
    char  *copy = realloc(ring->lines[slot], bytes);
    if (copy == NULL) {
        ring->lengths[slot] = 0;
        return;
    }
    memcpy(copy, text, bytes);
    ring->lines[slot]   = copy;
    ring->lengths[slot] = bytes;
}

/* Writes the line that was built in events->line; NULL: it could not be. */
static Status write_built(Events *events, LineFile *file, const char *text, Error *error)
{
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", file->path);
    }
    Status status = write_line(file, text, events->line.size, error);
    if (status == STATUS_OK) {
        remember(&file->ring, text, events->line.size);
    }
    return status;
}

static void put_fields(JsonLine *line, const EventField *fields, int count)
{
    for (int i = 0; i < count; i++) {
        if (fields[i].text != NULL) {
            json_line_text_field(line, fields[i].name, fields[i].text);
        } else {
            json_line_number_field(line, fields[i].name, fields[i].value);
        }
    }
}

static double unix_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

Status events_emit(Events *events, const char *type, int64_t step, const EventField *fields, int count, Error *error)
{
    pthread_mutex_lock(&events->mutex);
    JsonLine *line = &events->line;
    events->step   = step;
    json_line_clear(line);
    json_line_begin(line, '{');
    json_line_text_field(line, "event", type);
    json_line_number_field(line, "step", (double)step);
    put_fields(line, fields, count);
    json_line_key(line, "time_unix");
    json_line_exact(line, unix_time());
    json_line_end(line, '}');
    Status status = write_built(events, &events->files[EVENTS], json_line_finish(line), error);
    pthread_mutex_unlock(&events->mutex);
    return status;
}

/* A field that is left out where there is nothing to say. */
static void put_text(JsonLine *line, const char *name, const char *text)
{
    if (text != NULL) {
        json_line_text_field(line, name, text);
    }
}

const char *event_trace_line(JsonLine *line, const EventTrace *trace)
{
    json_line_clear(line);
    json_line_begin(line, '{');
    json_line_text_field(line, "event", "trace");
    json_line_number_field(line, "step", (double)trace->step);
    json_line_text_field(line, "stage", trace->stage);
    json_line_number_field(line, "index", (double)trace->index);
    put_text(line, "problem", trace->problem);
    put_text(line, "subject", trace->subject);
    put_text(line, "level", trace->level);
    json_line_text_field(line, "prompt", trace->prompt);
    json_line_text_field(line, "response", trace->response);
    put_text(line, "gold", trace->gold);
    json_line_key(line, "answer");
    if (trace->answer != NULL) {
        json_line_string(line, trace->answer, trace->answer_length > 0 ? trace->answer_length : strlen(trace->answer));
    } else {
        json_line_null(line);
    }
    json_line_text_field(line, "verdict", trace->verdict);
    put_text(line, "reason", trace->reason);
    put_text(line, "rule", trace->rule);
    put_fields(line, trace->details, trace->detail_count);
    json_line_number_field(line, "tokens", (double)trace->tokens);
    json_line_key(line, "truncated");
    json_line_bool(line, trace->truncated);
    json_line_number_field(line, "reward", trace->reward);
    json_line_key(line, "rewards");
    json_line_begin(line, '{');
    put_fields(line, trace->rewards, trace->reward_count);
    json_line_end(line, '}');
    json_line_key(line, "behaviours");
    json_line_begin(line, '{');
    put_fields(line, trace->behaviours, trace->behaviour_count);
    json_line_end(line, '}');
    for (int i = 0; i < trace->object_count; i++) {
        if (trace->objects[i].count > 0) {
            json_line_key(line, trace->objects[i].name);
            json_line_begin(line, '{');
            put_fields(line, trace->objects[i].fields, trace->objects[i].count);
            json_line_end(line, '}');
        }
    }
    json_line_end(line, '}');
    return json_line_finish(line);
}

Status events_trace(Events *events, const EventTrace *trace, Error *error)
{
    pthread_mutex_lock(&events->mutex);
    const char *text   = event_trace_line(&events->line, trace);
    Status      status = write_built(events, &events->files[TRACES], text, error);
    pthread_mutex_unlock(&events->mutex);
    return status;
}

/* `event`: a "log" event as well. */
static void put_log(Events *events, bool event, const char *level, const char *format, va_list args)
{
    char text[1024], line[1200], stamp[32];
    vsnprintf(text, sizeof text, format, args);
    time_t    now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    int bytes = snprintf(line, sizeof line, "%s %s: %s\n", stamp, level, text);
    if (write(events->log, line, (size_t)bytes) < 0) {
        return; /* best effort */
    }
    if (event) {
        pthread_mutex_lock(&events->mutex);
        int64_t step = events->step;
        pthread_mutex_unlock(&events->mutex);
        events_emit(events, "log", step, (EventField[]){{"level", 0, level}, {"text", 0, text}}, 2, NULL);
    }
}

void events_log(Events *events, const char *level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_log(events, strcmp(level, "warning") == 0 || strcmp(level, "error") == 0, level, format, args);
    va_end(args);
}

void events_notice(Events *events, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_log(events, true, "info", format, args);
    va_end(args);
}

static EventsOffsets sizes(const Events *events)
{
    return (EventsOffsets){.events = events->files[EVENTS].size, .traces = events->files[TRACES].size};
}

EventsOffsets events_offsets(Events *events)
{
    pthread_mutex_lock(&events->mutex);
    const EventsOffsets offsets = sizes(events);
    pthread_mutex_unlock(&events->mutex);
    return offsets;
}

Status events_sync(Events *events, EventsOffsets *offsets, Error *error)
{
    Status status = STATUS_OK;
    pthread_mutex_lock(&events->mutex);
    for (int i = 0; i < FILES && status == STATUS_OK; i++) {
        if (fsync(events->files[i].descriptor) != 0 && errno != EINVAL) {
            status = fail(error, "write", events->files[i].path);
        }
    }
    *offsets = sizes(events);
    pthread_mutex_unlock(&events->mutex);
    return status;
}

Event *events_ring_next(Events *events, bool traces, uint64_t *cursor)
{
    Event *event = NULL;
    pthread_mutex_lock(&events->mutex);
    const Ring *ring = &events->files[traces ? TRACES : EVENTS].ring;
    if (*cursor + RING_LINES < ring->written) {
        *cursor = ring->written - RING_LINES;
    }
    while (event == NULL && *cursor < ring->written) {
        size_t slot = (size_t)((*cursor)++ % RING_LINES);
        event       = event_parse(ring->lines[slot], ring->lengths[slot]);
    }
    pthread_mutex_unlock(&events->mutex);
    return event;
}
