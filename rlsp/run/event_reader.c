/* The reading half of events.h. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/json.h"
#include "rlsp/run/events.h"

enum { LINE_LIMIT = 16 << 20 }; /* bytes; a longer line is no event */

struct Event {
    cJSON *json; /* an object whose "event" is a string */
};

Event *event_parse(const char *line, size_t length)
{
    cJSON *json = NULL;
    Event *event;
    if (line == NULL || length == 0 || json_parse(line, length, "event", &json, NULL) != STATUS_OK) {
        return NULL;
    }
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "event")) || (event = malloc(sizeof *event)) == NULL) {
        cJSON_Delete(json);
        return NULL;
    }
    event->json = json;
    return event;
}

void event_free(Event *event)
{
    if (event != NULL) {
        cJSON_Delete(event->json);
        free(event);
    }
}

const char *event_type(const Event *event)
{
    return cJSON_GetObjectItemCaseSensitive(event->json, "event")->valuestring;
}

int64_t event_step(const Event *event)
{
    double step = event_number(event, "step", 0);
    return step > -9e15 && step < 9e15 ? (int64_t)step : 0;
}

/* "reward", or "rewards.explore" for a member of an inner object. */
static const cJSON *find(const Event *event, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(event->json, name);
    const char  *dot  = strchr(name, '.');
    if (item == NULL && dot != NULL && dot - name < 64) {
        char outer[64];
        memcpy(outer, name, (size_t)(dot - name));
        outer[dot - name] = '\0';
        item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(event->json, outer), dot + 1);
    }
    return item;
}

bool event_has(const Event *event, const char *name)
{
    return find(event, name) != NULL;
}

double event_number(const Event *event, const char *name, double fallback)
{
    const cJSON *item = find(event, name);
    if (cJSON_IsBool(item)) {
        return cJSON_IsTrue(item);
    }
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

const char *event_text(const Event *event, const char *name)
{
    const cJSON *item = find(event, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

void event_each_number(const Event *event, void (*visit)(void *context, const char *name, double value), void *context)
{
    const cJSON *item, *inner;
    cJSON_ArrayForEach(item, event->json)
    {
        if (cJSON_IsNumber(item)) {
            visit(context, item->string, item->valuedouble);
        } else if (cJSON_IsObject(item)) {
            cJSON_ArrayForEach(inner, item)
            {
                char name[128];
                snprintf(name, sizeof name, "%.60s.%.60s", item->string, inner->string);
                if (cJSON_IsNumber(inner)) {
                    visit(context, name, inner->valuedouble);
                }
            }
        }
    }
}

/* buffer[start..end) has been read and not yet given; buffer[start..scanned) holds no newline. */
struct EventReader {
    int      descriptor;
    char    *buffer;
    size_t   start, scanned, end, capacity;
    uint64_t offset;   /* of buffer[end] in the file */
    uint64_t skipped;  /* lines that are no events */
    bool     too_long; /* the rest of the current line is dropped */
};

EventReader *event_reader_open(const char *path, Error *error)
{
    EventReader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
        return NULL;
    }
    reader->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->descriptor < 0) {
        error_set(error, STATUS_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
        free(reader);
        return NULL;
    }
    return reader;
}

/* Reads on; false at the end of the file. */
static bool fill(EventReader *reader)
{
    struct stat info;
    if (fstat(reader->descriptor, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size < reader->offset) {
        reader->offset = (uint64_t)info.st_size; /* cut back by a resumed run */
        reader->start = reader->scanned = reader->end = 0;
    }
    if (reader->end - reader->start > LINE_LIMIT) {
        reader->too_long = true;
        reader->start = reader->scanned = reader->end = 0;
    }
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->scanned -= reader->start;
        reader->start = 0;
    }
    if (reader->capacity - reader->end < 4096) {
        size_t capacity = reader->capacity > 0 ? 2 * reader->capacity : 65536;
        char  *buffer   = realloc(reader->buffer, capacity);
        if (buffer == NULL) {
            return false;
        }
        reader->buffer   = buffer;
        reader->capacity = capacity;
    }
    ssize_t got;
    do {
        got = pread(reader->descriptor, reader->buffer + reader->end, reader->capacity - reader->end,
                    (off_t)reader->offset);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return false;
    }
    reader->end += (size_t)got;
    reader->offset += (uint64_t)got;
    return true;
}

Event *event_reader_next(EventReader *reader)
{
    for (;;) {
        size_t pending = reader->end - reader->scanned;
        char  *newline = pending > 0 ? memchr(reader->buffer + reader->scanned, '\n', pending) : NULL;
        if (newline == NULL) {
            reader->scanned = reader->end;
            if (!fill(reader)) {
                return NULL;
            }
            continue;
        }
        size_t next   = (size_t)(newline - reader->buffer) + 1;
        Event *event  = reader->too_long ? NULL : event_parse(reader->buffer + reader->start, next - reader->start);
        reader->start = reader->scanned = next;
        reader->too_long                = false;
        if (event != NULL) {
            return event;
        }
        reader->skipped++;
    }
}

uint64_t event_reader_skipped(const EventReader *reader)
{
    return reader->skipped;
}

void event_reader_close(EventReader *reader)
{
    if (reader != NULL) {
        close(reader->descriptor);
        free(reader->buffer);
        free(reader);
    }
}
