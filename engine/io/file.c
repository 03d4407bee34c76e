#include "engine/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/file_parts.h"

#define REMOVE_DEPTH 64 /* directories inside directories that file_remove follows */

Status file_fail(Error *error, int number, const char *doing, const char *path)
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

Status file_out_of_memory(Error *error, const char *path)
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

Status file_check_access(const char *directory, Error *error)
{
    struct stat info;
    int         number = stat(directory, &info) == 0 ? 0 : errno;
    if (number == 0 && S_ISDIR(info.st_mode) && access(directory, R_OK | X_OK) != 0) {
        number = errno;
    }
    return number == EACCES
               ? error_set(error, STATUS_BAD_INPUT,
                           "cannot look into %s: %s; change its permissions, or those of the directories that it is in",
                           directory, strerror(number))
               : STATUS_OK;
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
        return file_out_of_memory(error, path);
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
                return file_out_of_memory(error, path);
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

/* --- directories */

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
        return file_fail(error, errno, "open", path);
    }
    int result = fsync(descriptor);
    int number = errno;
    close(descriptor);
    return result == 0 || number == EINVAL || number == EROFS ? STATUS_OK : file_fail(error, number, "flush", path);
}

Status file_sync_parent(const char *path, Error *error)
{
    char *parent = parent_of(path);
    if (parent == NULL) {
        return file_out_of_memory(error, path);
    }
    Status status = sync_path(parent, error);
    free(parent);
    return status;
}

Status file_make_directories(const char *path, Error *error)
{
    size_t length = strlen(path);
    char  *prefix = malloc(length + 1);
    if (prefix == NULL) {
        return file_out_of_memory(error, path);
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
                status = file_fail(error, number == EEXIST ? ENOTDIR : number, "create the directory", prefix);
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
    return status == STATUS_OK ? file_sync_parent(to, error) : status;
}

static Status remove_tree(const char *path, int depth, Error *error)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? STATUS_OK : file_fail(error, errno, "remove", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        return unlink(path) == 0 || errno == ENOENT ? STATUS_OK : file_fail(error, errno, "remove", path);
    }
    if (depth >= REMOVE_DEPTH) {
        return error_set(error, STATUS_FAILED, "cannot remove %s: directories nested too deeply", path);
    }
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return file_fail(error, errno, "remove", path);
    }
    Status         status = STATUS_OK;
    struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        char *child = path_join(path, entry->d_name);
        status      = child == NULL ? file_out_of_memory(error, path) : remove_tree(child, depth + 1, error);
        free(child);
    }
    closedir(directory);
    if (status == STATUS_OK && rmdir(path) != 0 && errno != ENOENT) {
        status = file_fail(error, errno, "remove", path);
    }
    return status;
}

Status file_remove(const char *path, Error *error)
{
    return remove_tree(path, 0, error);
}
