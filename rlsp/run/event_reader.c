/* The events of a file, one after another (events.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/events.h"
#include "rlsp/run/line_file.h"

enum { MARKS = 1024 };

/* A line that was taken. */
typedef struct Mark {
    uint64_t offset, hash;
    size_t   bytes;
} Mark;

struct EventReader {
    LineFile file;
    /* of the newest lines: a ring, the newest before `next` */
    Mark   marks[MARKS];
    size_t next, marked;
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

/* --- files that were cut back */

enum { HASH_CHUNK = 4096 };

static const uint64_t hash_start = 0xCBF29CE484222325u; /* FNV-1a */

static uint64_t hash_more(uint64_t hash, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    }
    return hash;
}

static void mark_line(EventReader *reader, const Line *line)
{
    reader->marks[reader->next] = (Mark){line->offset, hash_more(hash_start, line->text, line->bytes), line->bytes};
    reader->next                = (reader->next + 1) % MARKS;
    reader->marked += reader->marked < MARKS;
}

/* Whether the file still has the line where it was. */
static bool is_there(const LineFile *file, const Mark *mark)
{
    char     chunk[HASH_CHUNK];
    uint64_t hash = hash_start;
    for (size_t done = 0; done < mark->bytes;) {
        const size_t left = mark->bytes - done, wanted = left < HASH_CHUNK ? left : HASH_CHUNK;
        if (line_file_read(file, mark->offset + done, chunk, wanted) != wanted) {
            return false;
        }
        hash = hash_more(hash, chunk, wanted);
        done += wanted;
    }
    return hash == mark->hash;
}

/* Goes back to behind the newest line that is still there; to the start where none of those remembered is. */
static void go_back(EventReader *reader)
{
    for (; reader->marked > 0; reader->marked--) {
        const size_t newest = (reader->next + MARKS - 1) % MARKS;
        const Mark  *mark   = &reader->marks[newest];
        if (is_there(&reader->file, mark)) {
            line_file_rewind(&reader->file, mark->offset + mark->bytes);
            return;
        }
        reader->next = newest;
    }
    line_file_rewind(&reader->file, 0);
}

/* Looks again at a file that had no more; whether it has now. */
static bool look_again(EventReader *reader)
{
    if (line_file_look(&reader->file) == LINES_CUT) { /* by a resumed run, which may have come far since */
        go_back(reader);
    }
    return line_file_fill(&reader->file);
}

/* --- reading */

Event *event_reader_next(EventReader *reader)
{
    LineFile *file = &reader->file;
    do {
        for (Line line; line_file_peek(file, &line);) {
            Event *event = event_parse(line.text, line.bytes);
            mark_line(reader, &line);
            line_file_take(file, &line);
            if (event != NULL) {
                return event;
            }
        }
    } while (line_file_fill(file) || look_again(reader));
    return NULL;
}

void event_reader_close(EventReader *reader)
{
    if (reader != NULL) {
        line_file_close(&reader->file);
        free(reader);
    }
}
