/* The events of a file, one after another (events.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/events.h"
#include "rlsp/run/line_file.h"

struct EventReader {
    LineFile file;
    uint64_t skipped; /* lines that are no events */
};

EventReader *event_reader_open(const char *path, Error *error)
{
    EventReader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || !line_file_open(&reader->file, "", path)) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
        free(reader);
        return NULL;
    }
    line_file_look(&reader->file);
    if (reader->file.descriptor < 0) {
        const int failed = reader->file.failed != 0 ? reader->file.failed : ENOENT;
        error_set(error, STATUS_BAD_INPUT, "cannot open %s: %s", path, strerror(failed));
        event_reader_close(reader);
        return NULL;
    }
    return reader;
}

/* Looks again at a file that had no more; whether it has now. */
static bool look_again(LineFile *file)
{
    if (line_file_look(file) == LINES_CUT) { /* by a resumed run */
        line_file_rewind(file, file->size < file->offset ? file->size : file->offset);
    }
    return line_file_fill(file);
}

Event *event_reader_next(EventReader *reader)
{
    LineFile *file = &reader->file;
    do {
        for (Line line; line_file_peek(file, &line);) {
            Event *event = event_parse(line.text, line.bytes);
            line_file_take(file, &line);
            if (event != NULL) {
                return event;
            }
            reader->skipped++;
        }
    } while (line_file_fill(file) || look_again(file));
    return NULL;
}

uint64_t event_reader_skipped(const EventReader *reader)
{
    return reader->skipped + reader->file.dropped;
}

void event_reader_close(EventReader *reader)
{
    if (reader != NULL) {
        line_file_close(&reader->file);
        free(reader);
    }
}
