#include "rlsp/cli/eval_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "engine/io/file.h"

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
}

static bool is_in(const EvalRun *run, const char *name)
{
    char *path  = path_join(run->out, name);
    bool  there = path != NULL && file_exists(path);
    free(path);
    return there;
}

static Status lock_folder(EvalRun *run, Error *error)
{
    char *path = path_join(run->out, ".lock");
    if (path == NULL) {
        return out_of_memory(error);
    }
    Status status = STATUS_OK;
    run->lock     = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (run->lock < 0) {
        status = error_set(error, STATUS_FAILED, "cannot write to %s: %s", run->out, strerror(errno));
    } else if (flock(run->lock, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? error_set(error, STATUS_FAILED,
                                 "another rlsp eval is writing to %s; wait for it, or take another --out", run->out)
                     : error_set(error, STATUS_FAILED, "cannot lock %s: %s", path, strerror(errno));
    }
    free(path);
    return status;
}

/* An evaluation that was begun there has to be this one. */
static Status match_folder(EvalRun *run, Error *error)
{
    EvalSettings begun = eval_settings_default(), now = run->settings;
    Status       status = eval_settings_read(&begun, run->out, error);
    if (status == STATUS_OK && begun.device != NULL) {
        snprintf(run->device, sizeof run->device, "%s", begun.device);
    }
    now.device = begun.device; /* no device is open yet */
    status     = status == STATUS_OK ? eval_settings_match(&begun, &now, run->out, error) : status;
    run->grown = status == STATUS_OK && now.samples > begun.samples;
    eval_settings_free(&begun);
    return status;
}

Status eval_folder_open(EvalRun *run, Error *error)
{
    run->begun = is_in(run, "eval.json");
    if (!run->begun && (is_in(run, "traces.jsonl") || is_in(run, "events.jsonl"))) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s holds a run or something else (traces.jsonl is there already); name another --out",
                         run->out);
    }
    Status status = file_make_directories(run->out, error);
    status        = status == STATUS_OK ? lock_folder(run, error) : status;
    if (status == STATUS_OK && run->begun) {
        status = match_folder(run, error);
    }
    if (status == STATUS_OK && run->begun) { /* cuts off a torn last line */
        run->events = events_open(run->out, NULL, error);
        status      = run->events != NULL ? STATUS_OK : error->status;
    }
    if (status == STATUS_OK && run->begun) {
        status     = eval_records_read(run->records, run->out, error);
        run->found = run->records->done;
    }
    return status;
}

Status eval_folder_note(const EvalRun *run, Error *error)
{
    JsonLine line   = {0};
    char    *path   = path_join(run->out, "eval.json");
    Status   status = STATUS_OK;
    json_line_begin(&line, '{');
    eval_settings_json(&line, &run->settings);
    json_line_end(&line, '}');
    const char *text = json_line_finish(&line);
    status = path != NULL && text != NULL ? file_write_atomic(path, text, line.size, error) : out_of_memory(error);
    json_line_free(&line);
    free(path);
    return status;
}

Status eval_folder_begin(EvalRun *run, Error *error)
{
    Status status = eval_folder_note(run, error);
    if (status == STATUS_OK) {
        run->events = events_open(run->out, NULL, error);
        status      = run->events != NULL ? STATUS_OK : error->status;
    }
    return status;
}
