/* The checkpoints of a run: which there are, the marks on them, writing one and removing old ones. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/run_dir.h"
#include "rlsp/run/run_dir_parts.h"

static void checkpoint_path(const RunDir *run, uint64_t step, char path[RUN_FILE_SIZE])
{
    snprintf(path, RUN_FILE_SIZE, "%s/checkpoints/step-%06llu", run->path, (unsigned long long)step);
}

/* The step of a directory name "step-000120"; false for any other name. */
static bool parse_step(const char *name, uint64_t *step)
{
    size_t digits = strncmp(name, "step-", 5) == 0 ? strspn(name + 5, "0123456789") : 0;
    if (digits < 6 || digits > 18 || name[5 + digits] != '\0') {
        return false;
    }
    *step = strtoull(name + 5, NULL, 10);
    return true;
}

Status run_checkpoints_clear(const RunDir *run, Error *error)
{
    char path[RUN_FILE_SIZE], child[2 * RUN_FILE_SIZE];
    run_dir_join(run, path, "checkpoints");
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return errno == ENOENT ? STATUS_OK
                               : error_set(error, STATUS_FAILED, "cannot read %s: %s", path, strerror(errno));
    }
    Status         status = STATUS_OK;
    struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        size_t      size = strlen(name);
        bool        part = strncmp(name, ".step-", 6) == 0 && size > 5 && strcmp(name + size - 5, ".part") == 0;
        bool        old  = strncmp(name, ".step-", 6) == 0 && size > 4 && strcmp(name + size - 4, ".old") == 0;
        bool        link = strncmp(name, ".link-", 6) == 0;
        snprintf(child, sizeof child, "%s/%s", path, name);
        if (old) { /* its successor may not have come into place */
            char whole[2 * RUN_FILE_SIZE];
            snprintf(whole, sizeof whole, "%s/%.*s", path, (int)size - 5, name + 1);
            old = file_exists(whole) || rename(child, whole) != 0;
        }
        if (part || old || link) {
            status = file_remove(child, error);
        }
    }
    closedir(directory);
    return status;
}

static bool is_complete(const RunDir *run, uint64_t step)
{
    char path[RUN_FILE_SIZE], name[RUN_FILE_SIZE + 20];
    checkpoint_path(run, step, path);
    snprintf(name, sizeof name, "%s/checkpoint.json", path);
    return file_exists(name);
}

int run_dir_list(const RunDir *run, uint64_t *steps, int capacity)
{
    char path[RUN_FILE_SIZE];
    run_dir_join(run, path, "checkpoints");
    DIR *directory = opendir(path);
    int  count     = 0;
    if (directory == NULL) {
        return 0;
    }
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        uint64_t step;
        if (!parse_step(entry->d_name, &step) || !is_complete(run, step)) {
            continue;
        }
        if (count == capacity) { /* drop the oldest, which is the first */
            if (capacity == 0 || step < steps[0]) {
                continue;
            }
            memmove(steps, steps + 1, (size_t)(--count) * sizeof *steps);
        }
        int at = count++;
        for (; at > 0 && steps[at - 1] > step; at--) {
            steps[at] = steps[at - 1];
        }
        steps[at] = step;
    }
    closedir(directory);
    return count;
}

const char *run_dir_checkpoint_path(RunDir *run, uint64_t step, Error *error)
{
    if (is_complete(run, step)) {
        checkpoint_path(run, step, run->found);
        return run->found;
    }
    uint64_t last;
    if (run_dir_list(run, &last, 1) == 0) {
        error_set(error, STATUS_BAD_INPUT, "%s has no checkpoint yet", run->path);
    } else {
        error_set(error, STATUS_BAD_INPUT, "%s has no checkpoint of step %llu; its last is of step %llu", run->path,
                  (unsigned long long)step, (unsigned long long)last);
    }
    return NULL;
}

/* The step that a mark points at. "last" without a link (a copy that lost it) is the newest. */
static bool read_mark(const RunDir *run, const char *mark, uint64_t *step)
{
    char path[RUN_FILE_SIZE], name[64];
    snprintf(path, sizeof path, "%s/checkpoints/%.20s", run->path, mark);
    ssize_t bytes               = readlink(path, name, sizeof name - 1);
    name[bytes > 0 ? bytes : 0] = '\0';
    if (bytes > 0 && parse_step(name, step) && is_complete(run, *step)) {
        return true;
    }
    return strcmp(mark, "last") == 0 && run_dir_list(run, step, 1) == 1;
}

const char *run_dir_mark_path(RunDir *run, const char *mark, Error *error)
{
    uint64_t step;
    if (!read_mark(run, mark, &step)) {
        error_set(error, STATUS_BAD_INPUT, "%s has no checkpoint that is marked \"%s\"", run->path, mark);
        return NULL;
    }
    checkpoint_path(run, step, run->found);
    return run->found;
}

static Status set_mark(const RunDir *run, const char *mark, uint64_t step, Error *error)
{
    char path[RUN_FILE_SIZE], link[RUN_FILE_SIZE], target[64];
    snprintf(path, sizeof path, "%s/checkpoints/%s", run->path, mark);
    snprintf(link, sizeof link, "%s/checkpoints/.link-%s", run->path, mark);
    snprintf(target, sizeof target, "step-%06llu", (unsigned long long)step);
    unlink(link);
    if (symlink(target, link) != 0 || rename(link, path) != 0) {
        return error_set(error, STATUS_FAILED, "cannot write %s: %s", path, strerror(errno));
    }
    return STATUS_OK;
}

const char *run_dir_checkpoint_begin(RunDir *run, uint64_t step, Error *error)
{
    char partial[RUN_FILE_SIZE];
    snprintf(partial, sizeof partial, "%s/checkpoints/.step-%06llu.part", run->path, (unsigned long long)step);
    if (file_remove(partial, error) != STATUS_OK || file_make_directories(partial, error) != STATUS_OK) {
        return NULL;
    }
    memcpy(run->partial, partial, sizeof partial);
    return run->partial;
}

void run_dir_checkpoint_abort(RunDir *run)
{
    if (run->partial[0] != '\0') {
        file_remove(run->partial, NULL);
        run->partial[0] = '\0';
    }
}

/* Puts every file of a flat directory on disk. */
static Status sync_files(const char *path, Error *error)
{
    char           name[RUN_FILE_SIZE + 300];
    struct dirent *entry;
    DIR           *directory = opendir(path);
    Status         status    = STATUS_OK;
    if (directory == NULL) {
        return error_set(error, STATUS_FAILED, "cannot read %s: %s", path, strerror(errno));
    }
    while (status == STATUS_OK && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        int file = open(name, O_RDONLY | O_CLOEXEC);
        if (file < 0 || (fsync(file) != 0 && errno != EINVAL)) {
            status = error_set(error, STATUS_FAILED, "cannot put %s on disk: %s", name, strerror(errno));
        }
        if (file >= 0) {
            close(file);
        }
    }
    closedir(directory);
    return status;
}

Status run_dir_checkpoint_commit(RunDir *run, const Checkpoint *checkpoint, Error *error)
{
    char path[RUN_FILE_SIZE], old[RUN_FILE_SIZE];
    checkpoint_path(run, checkpoint->step, path);
    snprintf(old, sizeof old, "%s/checkpoints/.step-%06llu.old", run->path, (unsigned long long)checkpoint->step);
    Status status = checkpoint_write(run->partial, checkpoint, error);
    if (status == STATUS_OK) {
        status = sync_files(run->partial, error);
    }
    if (status == STATUS_OK && file_exists(path)) { /* a directory with content cannot be renamed over */
        status = file_rename(path, old, error);
    }
    if (status == STATUS_OK) {
        status = file_rename(run->partial, path, error);
        if (status == STATUS_OK) {
            run->partial[0] = '\0';
            status          = file_remove(old, error);
        }
    }
    if (status == STATUS_OK) {
        status = set_mark(run, "last", checkpoint->step, error);
    }
    if (status != STATUS_OK) {
        run_dir_checkpoint_abort(run);
        error_prefix(error, "saving step %llu", (unsigned long long)checkpoint->step);
    }
    return status;
}

Status run_dir_mark_best(RunDir *run, uint64_t step, Error *error)
{
    return run_dir_checkpoint_path(run, step, error) == NULL ? STATUS_BAD_INPUT : set_mark(run, "best", step, error);
}

Status run_dir_prune(RunDir *run, uint32_t keep, Error *error)
{
    enum { AT_ONCE = 4096 };
    Status    status = STATUS_OK;
    uint64_t  last = 0, best = 0;
    bool      has_last = read_mark(run, "last", &last), has_best = read_mark(run, "best", &best);
    uint64_t *steps = keep > 0 ? malloc(AT_ONCE * sizeof *steps) : NULL;
    int       count = steps != NULL ? run_dir_list(run, steps, AT_ONCE) : 0;
    for (int i = 0; i + (int64_t)keep < count && status == STATUS_OK; i++) {
        char path[RUN_FILE_SIZE], part[RUN_FILE_SIZE];
        if ((has_last && steps[i] == last) || (has_best && steps[i] == best)) {
            continue;
        }
        /* Renamed first: a checkpoint that is half removed must not look complete. */
        checkpoint_path(run, steps[i], path);
        snprintf(part, sizeof part, "%s/checkpoints/.step-%06llu.part", run->path, (unsigned long long)steps[i]);
        if (rename(path, part) != 0) {
            status = error_set(error, STATUS_FAILED, "cannot remove %s: %s", path, strerror(errno));
        } else {
            status = file_remove(part, error);
        }
    }
    free(steps);
    return status;
}
