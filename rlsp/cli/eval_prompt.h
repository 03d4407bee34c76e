/* How rlsp eval poses the problems of a dataset: the task block that a run's config would have. */
#ifndef RLSP_CLI_EVAL_PROMPT_H
#define RLSP_CLI_EVAL_PROMPT_H

#include "rlsp/cli/eval_settings.h"
#include "rlsp/run/config.h"

/* The names of the authors' formats, for --help. */
#define EVAL_PROMPT_NAMES "llama-sft, qwen-sft, qwen-boxed"

/* Fills `task`, and *chat_template with what task_instance_prepare takes, or NULL. Without --raw and --prompt-template
 * the model's chat template is used if it has one (settings->raw is set if not). STATUS_BAD_INPUT: options that do not
 * go together, or a text that is too long. */
Status eval_prompt_choose(EvalSettings *settings, RunTask *task, const char **chat_template, Error *error);

#endif
