#include "rlsp/task/task_tokenizer.h"

#include <stdlib.h>

#include "engine/io/file.h"
#include "engine/text/tokenizer.h"

Status task_tokenizer_build(const Task *task, const TaskConfig *config, uint32_t max_length, const char *directory,
                            Error *error)
{
    const size_t count            = task_piece_count(task, config);
    char(*text)[TASK_PIECE_BYTES] = calloc(count, sizeof *text);
    const char **pieces           = calloc(count, sizeof *pieces);
    Status       status           = STATUS_OK;
    if (text == NULL || pieces == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while building the task's tokenizer");
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        task->piece(config, i, text[i]);
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
                                    .max_length  = max_length};
        status                   = file_make_directories(directory, error);
        status                   = status == STATUS_OK ? tokenizer_build(directory, &spec, error) : status;
    }
    free(pieces);
    free(text);
    return status;
}
