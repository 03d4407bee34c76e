#include "rlsp/cli/input_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char byte_order_mark[] = "\xEF\xBB\xBF";

/* Room for one more byte and a NUL. */
static Status make_room(const char *name, char **text, size_t bytes, size_t *capacity, Error *error)
{
    if (bytes >= INPUT_BYTES_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "%s: more than %zu MiB without an end; is this the right file?", name,
                         INPUT_BYTES_MAX >> 20);
    }
    if (bytes + 2 > *capacity) {
        const size_t larger = 2 * *capacity + 256;
        char        *grown  = realloc(*text, larger);
        if (grown == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", name);
        }
        *text     = grown;
        *capacity = larger;
    }
    return STATUS_OK;
}

static void cannot_read(const char *name, Error *error)
{
    error_set(error, STATUS_FAILED, "cannot read %s: %s", name, strerror(errno));
}

bool input_line_read(FILE *file, const char *name, char **text, size_t *bytes, size_t *capacity, Error *error)
{
    int byte;
    *bytes = 0;
    while (make_room(name, text, *bytes, capacity, error) == STATUS_OK) {
        if ((byte = getc_unlocked(file)) == EOF || byte == '\n') {
            while (byte == '\n' && *bytes > 0 && (*text)[*bytes - 1] == '\r') {
                --*bytes;
            }
            (*text)[*bytes] = '\0';
            return byte == '\n' || (*bytes > 0 && !ferror(file));
        }
        (*text)[(*bytes)++] = (char)byte;
    }
    return false;
}

bool input_lines_next(InputLines *lines, Error *error)
{
    for (;;) {
        snprintf(lines->where, sizeof lines->where, "%.200s line %" PRIu64, lines->name, ++lines->number);
        if (!input_line_read(lines->file, lines->where, &lines->text, &lines->bytes, &lines->capacity, error)) {
            if (ferror(lines->file)) {
                cannot_read(lines->name, error);
            }
            return false;
        }
        const size_t mark = sizeof byte_order_mark - 1;
        if (lines->number == 1 && lines->bytes >= mark && memcmp(lines->text, byte_order_mark, mark) == 0) {
            memmove(lines->text, lines->text + mark, lines->bytes - mark + 1);
            lines->bytes -= mark;
        }
        if (lines->bytes > 0) {
            return true;
        }
    }
}

Status input_read_all(FILE *file, const char *name, char **text, size_t *bytes, Error *error)
{
    size_t capacity = 0;
    Status status   = STATUS_OK;
    *text           = NULL;
    *bytes          = 0;
    do {
        status = make_room(name, text, *bytes, &capacity, error);
        if (status == STATUS_OK) {
            *bytes += fread(*text + *bytes, 1, capacity - *bytes - 1, file);
        }
    } while (status == STATUS_OK && !feof(file) && !ferror(file));
    if (status == STATUS_OK && ferror(file)) {
        cannot_read(name, error);
    }
    return error->status;
}

void input_lines_free(InputLines *lines)
{
    free(lines->text);
    lines->text     = NULL;
    lines->capacity = 0;
}
