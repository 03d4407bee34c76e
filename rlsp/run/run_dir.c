#include "rlsp/run/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/run_dir_parts.h"

const char *run_dir_path(const RunDir *run)
{
    return run->path;
}

static RunDir *new_run(const char *path, Error *error)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length == 0 || length >= RUN_PATH_SIZE) {
        error_set(error, STATUS_BAD_INPUT, "the run directory's path has %zu bytes; wanted 1 to %d", length,
                  RUN_PATH_SIZE - 1);
        return NULL;
    }
    RunDir *run = calloc(1, sizeof *run);
    if (run == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening the run %s", path);
        return NULL;
    }
    memcpy(run->path, path, length);
    run->lock = -1;
    return run;
}

/* Takes the lock, or says who holds it. */
static Status take_lock(RunDir *run, Error *error)
{
    char path[RUN_FILE_SIZE], holder[32] = "";
    run_dir_join(run, path, ".lock");
    run->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (run->lock < 0) {
        return error_set(error, STATUS_FAILED, "cannot write in the run directory %s: %s", run->path, strerror(errno));
    }
    if (flock(run->lock, LOCK_EX | LOCK_NB) != 0) {
        int     number                = errno;
        ssize_t bytes                 = pread(run->lock, holder, sizeof holder - 1, 0);
        holder[bytes > 0 ? bytes : 0] = '\0';
        holder[strcspn(holder, "\n")] = '\0';
        if (number != EWOULDBLOCK) {
            return error_set(error, STATUS_FAILED, "cannot lock %s: %s", path, strerror(number));
        }
        return error_set(error, STATUS_FAILED,
                         "%s is being written by another process (pid %s); stop it first, or give this run another "
                         "directory with --out",
                         run->path, holder[0] != '\0' ? holder : "unknown");
    }
    int bytes = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(run->lock, 0) != 0 || pwrite(run->lock, holder, (size_t)bytes, 0) != bytes) {
        return error_set(error, STATUS_FAILED, "cannot write %s: %s", path, strerror(errno));
    }
    return STATUS_OK;
}

/* Whether the directory holds nothing but what a run leaves that could not begin: a lock, room for checkpoints. */
static bool is_empty(const RunDir *run)
{
    char checkpoints[RUN_FILE_SIZE];
    run_dir_join(run, checkpoints, "checkpoints");
    rmdir(checkpoints); /* is made again; one that holds something stays */
    DIR *directory = opendir(run->path);
    if (directory == NULL) {
        return false;
    }
    bool           empty = true;
    struct dirent *entry;
    while (empty && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        empty            = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".lock") == 0;
    }
    closedir(directory);
    return empty;
}

RunDir *run_dir_create(const char *path, const RunConfig *config, Error *error)
{
    RunDir *run = new_run(path, error);
    char    name[RUN_FILE_SIZE];
    if (run == NULL) {
        return NULL;
    }
    Status status = STATUS_OK;
    if (file_exists(run->path) && !file_is_directory(run->path)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is a file; name a directory with --out", run->path);
    }
    if (status == STATUS_OK) {
        status = file_make_directories(run->path, error);
    }
    if (status == STATUS_OK) {
        status = take_lock(run, error);
    }
    if (status == STATUS_OK && !is_empty(run)) {
        run_dir_join(run, name, "config.json");
        if (file_exists(name)) {
            status = error_set(error, STATUS_BAD_INPUT,
                               "%s already holds a run; go on with it by --resume %s, or start another with --out DIR",
                               run->path, run->path);
        } else {
            status = error_set(error, STATUS_BAD_INPUT, "%s is not empty and holds no run; name another with --out DIR",
                               run->path);
        }
    }
    if (status == STATUS_OK) {
        run_dir_join(run, name, "checkpoints");
        status = file_make_directories(name, error);
    }
    char *json = status == STATUS_OK ? run_config_print(config) : NULL;
    if (status == STATUS_OK && json == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the config of %s", run->path);
    }
    if (status == STATUS_OK) { /* last: from here on it is a run that can be resumed */
        run_dir_join(run, name, "config.json");
        status = file_write_atomic(name, json, strlen(json), error);
    }
    free(json);
    if (status != STATUS_OK) {
        run_dir_close(run);
        return NULL;
    }
    return run;
}

RunDir *run_dir_open(const char *path, bool write, Error *error)
{
    RunDir *run = new_run(path, error);
    char    name[RUN_FILE_SIZE];
    if (run == NULL) {
        return NULL;
    }
    run_dir_join(run, name, "config.json");
    Status status = file_check_access(run->path, error);
    if (status == STATUS_OK && !file_exists(name)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is no run directory: it has no config.json", run->path);
    } else if (write) {
        status = take_lock(run, error);
        if (status == STATUS_OK) {
            status = run_checkpoints_clear(run, error);
        }
    }
    if (status != STATUS_OK) {
        run_dir_close(run);
        return NULL;
    }
    return run;
}

void run_dir_close(RunDir *run)
{
    if (run != NULL) {
        if (run->lock >= 0) {
            close(run->lock); /* lets the lock go; the file stays, so that two openers always meet at one inode */
        }
        free(run);
    }
}

Status run_dir_config(const RunDir *run, const char *const *overrides, int override_count, RunConfig *config,
                      Error *error)
{
    char name[RUN_FILE_SIZE];
    run_dir_join(run, name, "config.json");
    return run_config_read(name, overrides, override_count, config, error);
}
