#include "rlsp/run/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/file.h"

bool line_file_open(LineFile *file, const char *directory, const char *name)
{
    *file = (LineFile){.descriptor = -1, .path = path_join(directory, name)};
    return file->path != NULL;
}

void line_file_close(LineFile *file)
{
    if (file->path != NULL && file->descriptor >= 0) {
        close(file->descriptor);
    }
    free(file->buffer);
    free(file->path);
    *file = (LineFile){.descriptor = -1};
}

static void forget_buffer(LineFile *file)
{
    file->start = file->scanned = file->end = 0;
}

size_t line_file_read(const LineFile *file, uint64_t offset, char *buffer, size_t bytes)
{
    size_t done = 0;
    while (file->descriptor >= 0 && done < bytes) {
        ssize_t got = pread(file->descriptor, buffer + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

void line_file_rewind(LineFile *file, uint64_t offset)
{
    const size_t before = offset < LINE_TAIL ? (size_t)offset : LINE_TAIL;
    forget_buffer(file);
    file->offset     = offset;
    file->tail_bytes = line_file_read(file, offset - before, file->tail, before) == before ? before : 0;
    file->too_long   = false;
}

/* --- looking */

/* Opens what the path names now. A pipe would make open() wait, and is no file anyway. */
static int open_file(LineFile *file, struct stat *info)
{
    int descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor >= 0 && fstat(descriptor, info) == 0 && S_ISREG(info->st_mode)) {
        file->failed = 0;
        return descriptor;
    }
    if (descriptor >= 0) {
        file->failed = S_ISDIR(info->st_mode) ? EISDIR : EINVAL;
        close(descriptor);
    } else if (errno != ENOENT) {
        file->failed = errno;
    }
    return -1;
}

/* The newest bytes that were taken, before the buffer that has them is moved. */
static void remember_tail(LineFile *file)
{
    if (file->start > 0) {
        file->tail_bytes = file->start < LINE_TAIL ? file->start : LINE_TAIL;
        memcpy(file->tail, file->buffer + file->start - file->tail_bytes, file->tail_bytes);
    }
}

static bool tail_is_there(const LineFile *file)
{
    char found[LINE_TAIL];
    return line_file_read(file, file->offset - file->tail_bytes, found, file->tail_bytes) == file->tail_bytes &&
           memcmp(found, file->tail, file->tail_bytes) == 0;
}

LineLook line_file_look(LineFile *file)
{
    struct stat info, opened;
    const bool  there    = stat(file->path, &info) == 0;
    bool        reopened = false;
    if (there && (file->descriptor < 0 || info.st_dev != file->device || info.st_ino != file->inode)) {
        int descriptor = open_file(file, &opened);
        if (descriptor >= 0) {
            if (file->descriptor >= 0) {
                close(file->descriptor);
            }
            file->descriptor = descriptor;
            file->device     = opened.st_dev;
            file->inode      = opened.st_ino;
            info             = opened;
            reopened         = true;
        }
    }
    if (!there || file->descriptor < 0 || info.st_ino != file->inode) {
        return LINES_SAME; /* what was read stays; a file that comes back is compared then */
    }
    remember_tail(file);
    const bool touched = reopened || (uint64_t)info.st_size != file->size ||
                         info.st_mtim.tv_sec != file->changed.tv_sec || info.st_mtim.tv_nsec != file->changed.tv_nsec;
    if (touched && file->end > file->start) { /* a torn line may have become another */
        forget_buffer(file);
    }
    file->size    = (uint64_t)info.st_size;
    file->changed = info.st_mtim;
    return file->size < file->offset || !tail_is_there(file) ? LINES_CUT : LINES_SAME;
}

/* --- reading */

bool line_file_fill(LineFile *file)
{
    if (file->descriptor < 0) {
        return false;
    }
    if (file->end - file->start > LINE_LIMIT) {
        file->too_long = true;
        file->offset += file->end - file->start;
        file->start = file->end;
        remember_tail(file);
        forget_buffer(file);
    }
    remember_tail(file);
    if (!tail_is_there(file)) {
        return false; /* cut back this very moment: the next look tells */
    }
    if (file->start > 0) {
        memmove(file->buffer, file->buffer + file->start, file->end - file->start);
        file->end -= file->start;
        file->scanned -= file->start;
        file->start = 0;
    }
    if (file->capacity - file->end < LINE_CHUNK / 2) {
        size_t capacity = file->capacity > 0 ? 2 * file->capacity : LINE_CHUNK;
        char  *buffer   = realloc(file->buffer, capacity);
        if (buffer == NULL) {
            file->failed = ENOMEM;
            return false;
        }
        file->buffer   = buffer;
        file->capacity = capacity;
    }
    ssize_t got;
    do {
        got = pread(file->descriptor, file->buffer + file->end, file->capacity - file->end,
                    (off_t)(file->offset + file->end));
    } while (got < 0 && errno == EINTR);
    file->failed = got < 0 ? errno : 0;
    file->end += got > 0 ? (size_t)got : 0;
    return got > 0;
}

bool line_file_peek(LineFile *file, Line *line)
{
    for (;;) {
        const size_t pending = file->end - file->scanned;
        char        *newline = pending > 0 ? memchr(file->buffer + file->scanned, '\n', pending) : NULL;
        if (newline == NULL) {
            file->scanned = file->end;
            return false;
        }
        *line = (Line){.text   = file->buffer + file->start,
                       .bytes  = (size_t)(newline - file->buffer) + 1 - file->start,
                       .offset = file->offset};
        if (!file->too_long && line->bytes <= LINE_LIMIT) {
            return true;
        }
        file->too_long = false;
        file->dropped++;
        line_file_take(file, line);
    }
}

void line_file_take(LineFile *file, const Line *line)
{
    file->start += line->bytes;
    file->offset += line->bytes;
    file->scanned = file->start;
}

bool line_file_waiting(const LineFile *file)
{
    return file->descriptor >= 0 && file->offset + (file->end - file->start) < file->size;
}
