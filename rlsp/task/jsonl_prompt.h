/* Writing out problems of a dataset as prompts; not for others. */
#ifndef RLSP_TASK_JSONL_PROMPT_H
#define RLSP_TASK_JSONL_PROMPT_H

#include "rlsp/task/instance.h"

/* Opens the chat template. Where prompts are raw there need not be one; it then only tells the end token. */
Status jsonl_open_chat(TaskInstance *task, const char *directory, const char *chat_template, Error *error);

/* The prompt of any length. `prompt` is empty. */
Status jsonl_prompt(const TaskInstance *task, const TaskItem *item, TaskPrompt *prompt, Error *error);

/* A text that holds the template's end token is a conversation already, to be taken as it is. */
bool   jsonl_is_written_out(const TaskInstance *task, const char *text);
Status task_prompt_as_it_is(const TaskInstance *task, const char *text, TaskPrompt *prompt, Error *error);

/* Leaves out the problems whose prompts are too long, and measures the others. */
Status jsonl_measure(TaskInstance *task, Dataset *dataset, const char *path, uint32_t *longest, Error *error);

#endif
