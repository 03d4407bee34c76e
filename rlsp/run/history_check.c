/* Is it a run? What its config.json says. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "rlsp/run/history_parts.h"

#define WANTED "name the directory of a run, which holds config.json and events.jsonl"

static bool holds(const char *directory, const char *name)
{
    char *path  = path_join(directory, name);
    bool  there = path != NULL && file_exists(path);
    free(path);
    return there;
}

static bool is_run(const char *directory)
{
    return holds(directory, "events.jsonl");
}

enum { LOOK_AT = 4096 };

/* Says what is in a directory that is no run. A run in one of its directories is probably meant. */
static Status no_run(const char *path, Error *error)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
    }
    char           inner[256] = "", some[256] = "";
    struct dirent *entry;
    for (int i = 0; i < LOOK_AT && inner[0] == '\0' && (entry = readdir(directory)) != NULL; i++) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char *child = path_join(path, entry->d_name);
        snprintf(some, sizeof some, "%s", entry->d_name);
        if (child != NULL && file_is_directory(child) && is_run(child)) {
            snprintf(inner, sizeof inner, "%s", entry->d_name);
        }
        free(child);
    }
    closedir(directory);
    if (inner[0] != '\0') {
        return error_set(error, STATUS_BAD_INPUT, "%s is not a run but holds runs, such as %s/%s; name one of them",
                         path, path, inner);
    }
    if (some[0] != '\0') {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s is no run: it has neither config.json nor events.jsonl (but %s, for one); " WANTED, path,
                         some);
    }
    return error_set(error, STATUS_BAD_INPUT,
                     "%s is no run: the directory is empty; " WANTED ", or wait until training has begun to write it",
                     path);
}

static Status newer(const char *path, const char *file, double format, Error *error)
{
    return error_set(error, STATUS_BAD_INPUT,
                     "%s/%s has format %.6g, this version of rlsp reads up to %d; read it with the rlsp that wrote it, "
                     "or a newer one",
                     path, file, format, EVENTS_FORMAT);
}

/* --- config.json */

static void copy_text(const cJSON *item, char *out, size_t size)
{
    if (cJSON_IsString(item)) {
        snprintf(out, size, "%s", item->valuestring);
    }
}

/* Whether the events can do without: a config is only asked for names. */
static Status read_config(History *history, bool has_events, Error *error)
{
    char  *path    = path_join(history->path, "config.json");
    cJSON *config  = NULL;
    Error  problem = {0};
    Status status  = path != NULL ? json_read_file(path, JSON_FILE_LIMIT, &config, &problem) : STATUS_OUT_OF_MEMORY;
    free(path);
    if (status != STATUS_OK) {
        if (has_events) {
            history_log_add(history, problem.text);
            return STATUS_OK;
        }
        return error_set(error, status, "%s", problem.text);
    }
    const cJSON *task   = cJSON_GetObjectItemCaseSensitive(config, "task");
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(config, "format");
    const cJSON *gate =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(config, "reward"), "repetition");
    const cJSON *share = cJSON_GetObjectItemCaseSensitive(gate, "max_share");
    copy_text(cJSON_GetObjectItemCaseSensitive(config, "name"), history->state.name, sizeof history->state.name);
    copy_text(cJSON_GetObjectItemCaseSensitive(task, "kind"), history->state.task, sizeof history->state.task);
    if (cJSON_IsNumber(share)) {
        history->index->repetition_max = share->valuedouble;
    }
    if (cJSON_IsNumber(format) && format->valuedouble > EVENTS_FORMAT) {
        status = newer(history->path, "config.json", format->valuedouble, error);
    } else if (!has_events && task == NULL && cJSON_GetObjectItemCaseSensitive(config, "stages") == NULL) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is no run: its config.json is not that of a run%s; " WANTED,
                           history->path,
                           cJSON_GetObjectItemCaseSensitive(config, "model_type") != NULL ? " but of a model" : "");
    }
    cJSON_Delete(config);
    return status;
}

/* --- the files */

/* That it can be read at all, and the format in its first lines. */
static Status check_file(const LineFile *file, Error *error)
{
    if (file->failed != 0) {
        return error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", file->path,
                         file->failed == EINVAL ? "it is no regular file" : strerror(file->failed));
    }
    return STATUS_OK;
}

static Status check_format(History *history, Error *error)
{
    Line line;
    line_file_fill(&history->events);
    Status status = check_file(&history->events, error);
    if (status == STATUS_OK && line_file_peek(&history->events, &line)) {
        const double format = history_event_format(&line);
        if (format > EVENTS_FORMAT) {
            status = newer(history->path, "events.jsonl", format, error);
        }
    }
    return status;
}

Status history_check(History *history, Error *error)
{
    const char *path = history->path;
    struct stat info;
    if (stat(path, &info) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "cannot open the run %s: %s; " WANTED, path, strerror(errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return error_set(error, STATUS_BAD_INPUT, "%s is a file, not a run; " WANTED, path);
    }
    const bool has_events = is_run(path), has_config = holds(path, "config.json");
    if (!has_events && !has_config) {
        return no_run(path, error);
    }
    Status          status  = has_config ? read_config(history, has_events, error) : STATUS_OK;
    LineFile *const files[] = {&history->events, &history->traces, &history->log_file};
    for (size_t i = 0; i < sizeof files / sizeof *files && status == STATUS_OK; i++) {
        line_file_look(files[i]);
        status = check_file(files[i], error);
    }
    return status == STATUS_OK ? check_format(history, error) : status;
}
