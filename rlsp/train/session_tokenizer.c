/* The tokenizer of a run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/train/session_parts.h"

Status session_build_tokenizer(const Session *session, const char *directory, Error *error)
{
    const size_t count            = task_piece_count(session->task->kind, &session->task->config);
    char(*text)[TASK_PIECE_BYTES] = calloc(count, sizeof *text);
    const char **pieces           = calloc(count, sizeof *pieces);
    Status       status           = text != NULL && pieces != NULL ? STATUS_OK : session_out_of_memory(error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        session->task->kind->piece(&session->task->config, i, text[i]);
        pieces[i] = text[i];
    }
    if (status == STATUS_OK) {
        const TokenizerSpec spec = {.pieces      = pieces,
                                    .count       = count,
                                    .specials    = TASK_SPECIAL_COUNT,
                                    .split_regex = task_split_regex,
                                    .bos         = "<bos>",
                                    .eos         = "<eos>",
                                    .pad         = "<pad>",
                                    .max_length  = session->config.model.init.max_positions};
        status                   = file_make_directories(directory, error);
        status                   = status == STATUS_OK ? tokenizer_build(directory, &spec, error) : status;
    }
    free(pieces);
    free(text);
    return status;
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
