/* The tokenizer of a run. */
#include <stdio.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/task/task_tokenizer.h"
#include "rlsp/train/session_parts.h"

Status session_build_tokenizer(const Session *session, const char *directory, Error *error)
{
    return task_tokenizer_build(session->task->kind, &session->task->config, session->config.model.init.max_positions,
                                directory, error);
}

Status session_open_tokenizer(Session *session, Error *error)
{
    const RunModel *model  = &session->config.model;
    const char     *from   = model->tokenizer[0] != 0 ? model->tokenizer : model->path;
    Status          status = STATUS_OK;
    if (strcmp(from, "task") == 0 || (from[0] == 0 && model->path[0] == 0)) {
        snprintf(session->tokenizer_directory, sizeof session->tokenizer_directory, "%.1000s/tokenizer",
                 run_dir_path(session->run));
        status = session_build_tokenizer(session, session->tokenizer_directory, error);
    } else {
        snprintf(session->tokenizer_directory, sizeof session->tokenizer_directory, "%s", from);
    }
    if (status == STATUS_OK) {
        session->tokenizer = tokenizer_open(session->tokenizer_directory, error);
        if (session->tokenizer == NULL && from == model->path && from[0] != 0) {
            error_prefix(error, "model.path");
        }
        status = session->tokenizer != NULL
                     ? task_instance_prepare(session->task, session->tokenizer, session->tokenizer_directory,
                                             model->chat_template, error)
                     : error->status;
    }
    return status;
}

const char *session_inside(char *buffer, const char *directory, const char *name)
{
    snprintf(buffer, SESSION_PATH_SIZE, "%.1050s/%s", directory, name);
    return buffer;
}

Status session_copy_tokenizer(const Session *session, const char *directory, Error *error)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "generation_config.json",
                                        "special_tokens_map.json", "chat_template.jinja"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char        from[SESSION_PATH_SIZE], to[SESSION_PATH_SIZE];
        const char *path = session->config.model.path;
        const bool  of_model =
            strcmp(names[i], "generation_config.json") == 0; /* ids that end a text: as it has learnt */
        session_inside(from, of_model && path[0] != '\0' ? path : session->tokenizer_directory, names[i]);
        if (file_exists(from)) {
            Status status = file_copy(from, session_inside(to, directory, names[i]), error);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}
