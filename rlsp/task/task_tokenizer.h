/* A built-in task's own tokenizer: its pieces, each a token, and no merges. */
#ifndef RLSP_TASK_TASK_TOKENIZER_H
#define RLSP_TASK_TASK_TOKENIZER_H

#include "engine/error.h"
#include "rlsp/task/task.h"

/* Writes its files into `directory`, which is made where it is missing: tokenizer_open opens them. max_length: tokens,
 * as tokenizer_config.json says. */
Status task_tokenizer_build(const Task *task, const TaskConfig *config, uint32_t max_length, const char *directory,
                            Error *error);

#endif
