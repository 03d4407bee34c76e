#include "rlsp/task/records.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

/* Blank lines before a record: `blank` of them before all records from `record` on. */
typedef struct Gap {
    uint64_t record, blank;
} Gap;

/* offsets[i] is the first byte of record i's line, offsets[i] < offsets[i + 1]; between the end of a record's line and
 * the next offset there are only blank lines. gaps[] rises in both members. */
struct RecordFile {
    char     *path;
    int       descriptor;
    uint64_t *offsets; /* [count] */
    uint64_t  count, capacity;
    Gap      *gaps;
    uint64_t  gap_count, gap_capacity;
    uint64_t  bytes, lines;
    bool      open_end; /* the last line has no newline */
};

/* --- opening */

static Status out_of_memory(const char *path, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while indexing %s", path);
}

/* Reads buffer[bytes] at `offset`: fewer at the end of the file, -1 if the disk fails. */
static int64_t read_at(int descriptor, char *buffer, uint64_t bytes, uint64_t offset)
{
    uint64_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(descriptor, buffer + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Where indexing stands: the line that begins at `start` is blank so far. */
typedef struct Indexer {
    RecordFile *file;
    uint64_t    start, blanks;
    bool        blank;
} Indexer;

static Status end_line(Indexer *indexer, uint64_t next, Error *error)
{
    RecordFile *file = indexer->file;
    file->lines++;
    indexer->blanks += indexer->blank;
    if (!indexer->blank) {
        const uint64_t before = file->gap_count > 0 ? file->gaps[file->gap_count - 1].blank : 0;
        if (indexer->blanks > before) {
            if (file->gap_count == file->gap_capacity) {
                const uint64_t capacity = file->gap_capacity * 2 + 16;
                Gap           *grown    = realloc(file->gaps, capacity * sizeof *grown);
                if (grown == NULL) {
                    return out_of_memory(file->path, error);
                }
                file->gaps         = grown;
                file->gap_capacity = capacity;
            }
            file->gaps[file->gap_count++] = (Gap){file->count, indexer->blanks};
        }
        if (file->count == file->capacity) {
            const uint64_t capacity = file->capacity * 2 + 256;
            uint64_t      *grown    = realloc(file->offsets, capacity * sizeof *grown);
            if (grown == NULL) {
                return out_of_memory(file->path, error);
            }
            file->offsets  = grown;
            file->capacity = capacity;
        }
        file->offsets[file->count++] = indexer->start;
    }
    indexer->start = next;
    indexer->blank = true;
    return STATUS_OK;
}

static Status index_chunk(Indexer *indexer, const char *chunk, uint64_t bytes, uint64_t offset, Error *error)
{
    Status status = STATUS_OK;
    for (uint64_t at = 0; at < bytes && status == STATUS_OK;) {
        while (indexer->blank && at < bytes && is_space(chunk[at])) {
            at++;
        }
        indexer->blank      = indexer->blank && (at == bytes || chunk[at] == '\n');
        const char *newline = at < bytes ? memchr(chunk + at, '\n', bytes - at) : NULL;
        at                  = newline != NULL ? (uint64_t)(newline - chunk) + 1 : bytes;
        if (newline != NULL) {
            status = end_line(indexer, offset + at, error);
        }
    }
    return status;
}

static Status index_lines(RecordFile *file, Error *error)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    char             *chunk             = malloc(CHUNK);
    Indexer           indexer           = {.file = file, .blank = true};
    Status            status            = chunk != NULL ? STATUS_OK : out_of_memory(file->path, error);
    for (int64_t got = CHUNK; got == CHUNK && status == STATUS_OK;) {
        got = read_at(file->descriptor, chunk, CHUNK, file->bytes);
        if (got < 0) {
            status = error_set(error, STATUS_FAILED, "cannot read %s: %s", file->path, strerror(errno));
            break;
        }
        const bool marked = file->bytes == 0 && got >= 3 && memcmp(chunk, byte_order_mark, 3) == 0;
        if (marked) {
            indexer.start = 3;
        }
        status = index_chunk(&indexer, chunk + 3 * marked, (uint64_t)got - 3 * marked, file->bytes + 3 * marked, error);
        file->bytes += (uint64_t)got;
    }
    if (status == STATUS_OK && indexer.start < file->bytes) {
        file->open_end = true;
        status         = end_line(&indexer, file->bytes, error);
    }
    free(chunk);
    return status;
}

RecordFile *record_file_open(const char *path, Error *error)
{
    RecordFile *file = calloc(1, sizeof *file);
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        out_of_memory(path, error);
        return NULL;
    }
    struct stat info;
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would make open() wait */
    Status status    = STATUS_OK;
    if (file->descriptor < 0 || fstat(file->descriptor, &info) != 0) {
        status = error_set(error, STATUS_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is %s; records are read in any order, so it has to be a file",
                           path, S_ISDIR(info.st_mode) ? "a directory" : "a device or a pipe");
    } else {
        status = index_lines(file, error);
    }
    if (status != STATUS_OK) {
        record_file_close(file);
        return NULL;
    }
    return file;
}

void record_file_close(RecordFile *file)
{
    if (file != NULL) {
        if (file->descriptor >= 0) {
            close(file->descriptor);
        }
        free(file->offsets);
        free(file->gaps);
        free(file->path);
        free(file);
    }
}

const char *record_file_path(const RecordFile *file)
{
    return file->path;
}

uint64_t record_file_count(const RecordFile *file)
{
    return file->count;
}

uint64_t record_file_blank(const RecordFile *file)
{
    return file->lines - file->count;
}

uint64_t record_file_line(const RecordFile *file, uint64_t index)
{
    uint64_t low = 0, high = file->gap_count; /* gaps before `low` begin at or before `index` */
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (file->gaps[middle].record <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return index + 1 + (low > 0 ? file->gaps[low - 1].blank : 0);
}

uint64_t record_file_offset(const RecordFile *file, uint64_t index)
{
    return index < file->count ? file->offsets[index] : file->bytes;
}

/* --- reading */

/* Brings the line into record->text, and checks that it is one line still. */
static Status read_line(const RecordFile *file, uint64_t index, Record *record, Error *error)
{
    const uint64_t start = file->offsets[index], room = record_file_offset(file, index + 1) - start;
    const uint64_t before = start > 0 ? 1 : 0; /* the newline that ends the line before */
    const uint64_t bytes  = room <= RECORD_BYTES_MAX ? room : RECORD_BYTES_MAX + 1;
    if (record->capacity < bytes + 2) {
        const size_t capacity = bytes + bytes / 4 + 256;
        char        *grown    = realloc(record->text, capacity);
        if (grown == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", record->where);
        }
        record->text     = grown;
        record->capacity = capacity;
    }
    const int64_t got = read_at(file->descriptor, record->text, bytes + before, start - before);
    if (got < 0) {
        return error_set(error, STATUS_FAILED, "cannot read %s: %s", record->where, strerror(errno));
    }
    const char *line = record->text + before,
               *end  = memchr(line, '\n', (uint64_t)got < before ? 0 : (uint64_t)got - before);
    const bool last  = index + 1 == file->count && file->open_end;
    bool       same  = (uint64_t)got == bytes + before && (end != NULL || last || bytes < room);
    same             = same && (before == 0 || record->text[0] == '\n' ||
                    (start == 3 && record->text[0] == '\xBF')); /* a byte order mark */
    for (const char *rest = end; same && end != NULL && rest < line + bytes; rest++) {
        same = is_space(*rest) || *rest == '\n'; /* only blank lines may follow */
    }
    if (!same) {
        return error_set(
            error, STATUS_FAILED,
            "%s: the file has changed since it was opened; leave it alone while it is in use, and start again",
            record->where);
    }
    if (end == NULL && bytes > RECORD_BYTES_MAX) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: a line of more than %" PRIu64 " MiB; is this JSONL, with one record per line?",
                         record->where, RECORD_BYTES_MAX >> 20);
    }
    record->bytes = end != NULL ? (size_t)(end - line) : bytes;
    memmove(record->text, line, record->bytes);
    record->text[record->bytes] = '\0';
    return STATUS_OK;
}

Status record_read(const RecordFile *file, uint64_t index, Record *record, Error *error)
{
    assert(index < file->count);
    cJSON_Delete(record->root);
    record->root   = NULL;
    record->object = (JsonObject){0};
    record->bytes  = 0;
    record->line   = record_file_line(file, index);
    snprintf(record->where, sizeof record->where, "%.1023s:%" PRIu64, file->path, record->line);
    Status status = read_line(file, index, record, error);
    if (status != STATUS_OK) {
        return status;
    }
    Error own = {0};
    status    = json_parse(record->text, record->bytes, record->where, &record->root, &own);
    if (status == STATUS_OK) {
        status = json_root(&record->object, record->root, record->where, &own);
    }
    if (status != STATUS_OK) {
        const char *hint = "";
        if (index == 0 && record->text[0] == '[') {
            hint = " (the file seems to be one JSON array; JSONL has one object per line: jq -c '.[]' makes it)";
        } else if (index == 0 && record->bytes == strspn(record->text, "{ \t\r")) {
            hint = " (the file seems to be JSON over several lines; JSONL has one object per line: jq -c . makes it)";
        } else if (index == 0 && record->text[strspn(record->text, " \t")] != '{') {
            hint = " (is this JSONL, one JSON object per line?)";
        } else if (record->root == NULL && index + 1 == file->count && file->open_end) {
            hint = " (the file's last line, which has no newline: it may be cut off)";
        }
        record->object = (JsonObject){0};
        json_error_in_line(&own);
        return error_set(error, own.status, "%s%s", own.text, hint);
    }
    return STATUS_OK;
}

void record_free(Record *record)
{
    cJSON_Delete(record->root);
    free(record->text);
    *record = (Record){0};
}
