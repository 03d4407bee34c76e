#include "engine/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES    (1u << 20)
#define REMOVE_DEPTH    64 /* directories inside directories that file_remove follows */
#define TEMPORARY_TRIES 100

struct AtomicFile {
    int    descriptor;
    bool   failed;
    char  *path;
    char  *temporary;
    char  *buffer;
    size_t used; /* bytes of `buffer` not yet written */
};

/* The system's reason with what a person can do about the common ones. */
static Status fail(Error *error, int number, const char *doing, const char *path)
{
    const char *hint = "";
    switch (number) {
    case ENOSPC:
    case EDQUOT: hint = "; free some space or write elsewhere"; break;
    case EROFS:
    case EACCES:
    case EPERM: hint = "; choose a place you may write to, or change its permissions"; break;
    case EFBIG: hint = "; the file size limit (ulimit -f) or the file system does not allow it"; break;
    case EMFILE:
    case ENFILE: hint = "; too many files are open (ulimit -n)"; break;
    default: break;
    }
    return error_set(error, STATUS_FAILED, "cannot %s %s: %s%s", doing, path, strerror(number), hint);
}

static Status out_of_memory(Error *error, const char *path)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while handling %s", path);
}

char *path_join(const char *directory, const char *name)
{
    size_t      length = strlen(directory);
    const char *slash  = length == 0 || directory[length - 1] == '/' ? "" : "/";
    size_t      bytes  = length + strlen(slash) + strlen(name) + 1;
    char       *path   = malloc(bytes);
    if (path != NULL) {
        snprintf(path, bytes, "%s%s%s", directory, slash, name);
    }
    return path;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Reads to the end of `descriptor`; works for pipes and /proc files, whose size stat does not tell. */
static Status read_all(int descriptor, const char *path, size_t limit, char **bytes, size_t *length, Error *error)
{
    size_t capacity = 1 << 16;
    size_t used     = 0;
    char  *buffer   = malloc(capacity + 1);
    if (buffer == NULL) {
        return out_of_memory(error, path);
    }
    for (;;) {
        ssize_t got = read(descriptor, buffer + used, capacity - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(buffer);
            return error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
        }
        used += (size_t)got;
        if (used > limit) {
            free(buffer);
            return error_set(error, STATUS_BAD_INPUT, "%s is larger than the %zu bytes that such a file may have", path,
                             limit);
        }
        if (got == 0) {
            break;
        }
        if (used == capacity) {
            capacity *= 2;
            char *larger = realloc(buffer, capacity + 1);
            if (larger == NULL) {
                free(buffer);
                return out_of_memory(error, path);
            }
            buffer = larger;
        }
    }
    buffer[used] = '\0';
    *bytes       = buffer;
    *length      = used;
    return STATUS_OK;
}

Status file_read(const char *path, size_t limit, char **bytes, size_t *length, Error *error)
{
    *bytes         = NULL;
    *length        = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return error_set(error, STATUS_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
    }
    struct stat info;
    Status      status = STATUS_OK;
    if (fstat(descriptor, &info) != 0) {
        status = error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is a directory, wanted a file", path);
    } else if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > limit) {
        status = error_set(error, STATUS_BAD_INPUT, "%s has %jd bytes, more than the %zu that such a file may have",
                           path, (intmax_t)info.st_size, limit);
    } else {
        status = read_all(descriptor, path, limit, bytes, length, error);
    }
    close(descriptor);
    return status;
}

/* --- atomic writes */

/* The directory part of `path`, malloc'ed: "." for a bare name. */
static char *parent_of(const char *path)
{
    const char *slash  = strrchr(path, '/');
    size_t      length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char       *parent = malloc(length + 1);
    if (parent != NULL) {
        memcpy(parent, slash == NULL ? "." : path, length);
        parent[length] = '\0';
    }
    return parent;
}

/* Makes a directory's entries durable. File systems that cannot sync a directory say EINVAL: no harm. */
static Status sync_path(const char *path, Error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail(error, errno, "open", path);
    }
    int result = fsync(descriptor);
    int number = errno;
    close(descriptor);
    return result == 0 || number == EINVAL || number == EROFS ? STATUS_OK : fail(error, number, "flush", path);
}

static Status sync_parent(const char *path, Error *error)
{
    char *parent = parent_of(path);
    if (parent == NULL) {
        return out_of_memory(error, path);
    }
    Status status = sync_path(parent, error);
    free(parent);
    return status;
}

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
        out_of_memory(error, path);
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
        fail(error, errno, "write", path);
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
            return fail(error, errno, "write", file->path);
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
        return fail(error, errno, "write", file->path);
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
            status = fail(error, errno, "write", file->path);
        } else if (rename(file->temporary, file->path) != 0) {
            status = fail(error, errno, "write", file->path);
        }
        if (status != STATUS_OK) {
            unlink(file->temporary);
        }
    }
    if (status == STATUS_OK) {
        status = sync_parent(file->path, error);
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
    Status      status = file == NULL ? STATUS_FAILED : chunk == NULL ? out_of_memory(error, to) : STATUS_OK;
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

/* --- directories */

Status file_make_directories(const char *path, Error *error)
{
    size_t length = strlen(path);
    char  *prefix = malloc(length + 1);
    if (prefix == NULL) {
        return out_of_memory(error, path);
    }
    Status status = STATUS_OK;
    for (size_t i = 1; i <= length && status == STATUS_OK; i++) {
        if (i < length && path[i] != '/') {
            continue;
        }
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mkdir(prefix, 0777) != 0) {
            int number = errno; /* a parent on a read-only disk says EROFS even if it is there */
            if (!file_is_directory(prefix)) {
                status = fail(error, number == EEXIST ? ENOTDIR : number, "create the directory", prefix);
            }
        }
    }
    free(prefix);
    return status;
}

Status file_rename(const char *from, const char *to, Error *error)
{
    Status status = sync_path(from, error);
    if (status == STATUS_OK && rename(from, to) != 0) {
        status = error_set(error, STATUS_FAILED, "cannot rename %s to %s: %s", from, to, strerror(errno));
    }
    return status == STATUS_OK ? sync_parent(to, error) : status;
}

static Status remove_tree(const char *path, int depth, Error *error)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? STATUS_OK : fail(error, errno, "remove", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        return unlink(path) == 0 || errno == ENOENT ? STATUS_OK : fail(error, errno, "remove", path);
    }
    if (depth >= REMOVE_DEPTH) {
        return error_set(error, STATUS_FAILED, "cannot remove %s: directories nested too deeply", path);
    }
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return fail(error, errno, "remove", path);
    }
    Status         status = STATUS_OK;
    struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        char *child = path_join(path, entry->d_name);
        status      = child == NULL ? out_of_memory(error, path) : remove_tree(child, depth + 1, error);
        free(child);
    }
    closedir(directory);
    if (status == STATUS_OK && rmdir(path) != 0 && errno != ENOENT) {
        status = fail(error, errno, "remove", path);
    }
    return status;
}

Status file_remove(const char *path, Error *error)
{
    return remove_tree(path, 0, error);
}
