/* Files that are complete or absent: written beside their final name, flushed, renamed. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "engine/io/file_parts.h"

#define BUFFER_BYTES    (1u << 20)
#define TEMPORARY_TRIES 100

struct AtomicFile {
    int    descriptor;
    bool   failed;
    char  *path;
    char  *temporary;
    char  *buffer;
    size_t used; /* bytes of `buffer` not yet written */
};

/* A device or a pipe, or a link to one: the rename would put a file in its place (/dev/null, for all programs). */
static bool is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

AtomicFile *atomic_file_open(const char *path, Error *error)
{
    static atomic_uint serial;
    if (file_is_directory(path)) {
        error_set(error, STATUS_FAILED, "cannot write %s: it is a directory", path);
        return NULL;
    }
    if (is_special(path)) {
        error_set(error, STATUS_FAILED, "cannot write %s: it is a device or a pipe; give the name of a file", path);
        return NULL;
    }
    AtomicFile *file  = calloc(1, sizeof *file);
    size_t      bytes = strlen(path) + 64;
    if (file != NULL) {
        file->descriptor = -1;
        file->path       = malloc(bytes);
        file->temporary  = malloc(bytes);
        file->buffer     = malloc(BUFFER_BYTES);
    }
    if (file == NULL || file->path == NULL || file->temporary == NULL || file->buffer == NULL) {
        file_out_of_memory(error, path);
        atomic_file_abort(file);
        return NULL;
    }
    strcpy(file->path, path);
    /* open instead of mkstemp: the file then has the permissions the user's umask asks for. */
    for (int i = 0; i < TEMPORARY_TRIES && file->descriptor < 0; i++) {
        snprintf(file->temporary, bytes, "%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&serial, 1));
        file->descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->descriptor < 0 && errno != EEXIST) {
            break;
        }
    }
    if (file->descriptor < 0) {
        const int number = errno;
        number == ENOENT
            ? error_set(error, STATUS_FAILED, "cannot write %s: its directory is not there; make it first", path)
            : file_fail(error, number, "write", path);
        atomic_file_abort(file);
        return NULL;
    }
    return file;
}

static Status write_all(AtomicFile *file, const char *data, size_t bytes, Error *error)
{
    while (bytes > 0) {
        ssize_t put = write(file->descriptor, data, bytes);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            file->failed = true;
            return file_fail(error, errno, "write", file->path);
        }
        data += put;
        bytes -= (size_t)put;
    }
    return STATUS_OK;
}

static Status flush(AtomicFile *file, Error *error)
{
    Status status = write_all(file, file->buffer, file->used, error);
    file->used    = 0;
    return status;
}

Status atomic_file_write(AtomicFile *file, const void *data, size_t bytes, Error *error)
{
    if (file->failed) {
        return error_set(error, STATUS_FAILED, "cannot write %s: an earlier write failed", file->path);
    }
    if (bytes > BUFFER_BYTES - file->used) {
        Status status = flush(file, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (bytes >= BUFFER_BYTES) {
        return write_all(file, data, bytes, error);
    }
    if (bytes > 0) {
        memcpy(file->buffer + file->used, data, bytes);
        file->used += bytes;
    }
    return STATUS_OK;
}

Status atomic_file_sync(AtomicFile *file, Error *error)
{
    if (file->failed) {
        return error_set(error, STATUS_FAILED, "cannot write %s: an earlier write failed", file->path);
    }
    const Status status = flush(file, error);
    if (status == STATUS_OK && fsync(file->descriptor) != 0) {
        file->failed = true;
        return file_fail(error, errno, "write", file->path);
    }
    return status;
}

Status atomic_file_commit(AtomicFile *file, Error *error)
{
    Status status = atomic_file_sync(file, error);
    if (status == STATUS_OK) {
        int result       = close(file->descriptor);
        file->descriptor = -1;
        if (result != 0) {
            status = file_fail(error, errno, "write", file->path);
        } else if (rename(file->temporary, file->path) != 0) {
            status = file_fail(error, errno, "write", file->path);
        }
        if (status != STATUS_OK) {
            unlink(file->temporary);
        }
    }
    if (status == STATUS_OK) {
        status = file_sync_parent(file->path, error);
    }
    atomic_file_abort(file);
    return status;
}

void atomic_file_abort(AtomicFile *file)
{
    if (file == NULL) {
        return;
    }
    if (file->descriptor >= 0) {
        close(file->descriptor);
        unlink(file->temporary);
    }
    free(file->path);
    free(file->temporary);
    free(file->buffer);
    free(file);
}

Status file_write_atomic(const char *path, const void *data, size_t bytes, Error *error)
{
    AtomicFile *file = atomic_file_open(path, error);
    if (file == NULL) {
        return error == NULL ? STATUS_FAILED : error->status;
    }
    Status status = atomic_file_write(file, data, bytes, error);
    if (status != STATUS_OK) {
        atomic_file_abort(file);
        return status;
    }
    return atomic_file_commit(file, error);
}

Status file_copy(const char *from, const char *to, Error *error)
{
    int descriptor = open(from, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return error_set(error, STATUS_BAD_INPUT, "cannot open %s: %s", from, strerror(errno));
    }
    AtomicFile *file   = atomic_file_open(to, error);
    char       *chunk  = malloc(BUFFER_BYTES);
    Status      status = file == NULL ? STATUS_FAILED : chunk == NULL ? file_out_of_memory(error, to) : STATUS_OK;
    while (status == STATUS_OK) {
        ssize_t got = read(descriptor, chunk, BUFFER_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            status = error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", from, strerror(errno));
        }
        if (got <= 0) {
            break;
        }
        status = atomic_file_write(file, chunk, (size_t)got, error);
    }
    free(chunk);
    close(descriptor);
    if (status != STATUS_OK) {
        atomic_file_abort(file);
        return status;
    }
    return atomic_file_commit(file, error);
}
