#include "rlsp/task/instance.h"

#include <stdlib.h>
#include <string.h>

/* Prompts of a built-in task are measured on this many problems. Where a tokenizer has no token for each whole
 * number their lengths differ, and some room is left for longer ones. */
enum { MEASURED_PROMPTS = 64, PROMPT_SLACK = 8 };

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "posing problems: out of host memory");
}

/* --- prompts -------------------------------------------------------------------- */

void task_prompt_free(TaskPrompt *prompt)
{
    free(prompt->text);
    free(prompt->ids);
    *prompt = (TaskPrompt){0};
}

static Status pose(const TaskInstance *task, const Problem *problem, TaskPrompt *prompt, Error *error)
{
    size_t count = 0;
    task_prompt_free(prompt);
    prompt->text = malloc(TASK_PROMPT_BYTES);
    if (prompt->text == NULL) {
        return out_of_memory(error);
    }
    prompt->length = task->kind->prompt(problem, prompt->text, TASK_PROMPT_BYTES);
    const Status status =
        tokenizer_encode(task->tokenizer, prompt->text, prompt->length, true, &prompt->ids, &count, error);
    prompt->count = (uint32_t)count;
    return status;
}

Status task_instance_prompt(const TaskInstance *task, const Problem *problem, TaskPrompt *prompt, Error *error)
{
    Status status = pose(task, problem, prompt, error);
    if (status == STATUS_OK && prompt->count > task->prompt_tokens) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "a prompt of the task makes %u tokens with this tokenizer, planned were %u; use "
                           "model.tokenizer \"task\"",
                           prompt->count, task->prompt_tokens);
    }
    if (status != STATUS_OK) {
        task_prompt_free(prompt);
    }
    return status;
}

Status task_instance_prepare(TaskInstance *task, const Tokenizer *tokenizer, Error *error)
{
    TaskPrompt prompt  = {0};
    uint32_t   longest = 0, shortest = UINT32_MAX;
    Status     status = STATUS_OK;
    task->tokenizer   = tokenizer;
    for (uint32_t i = 0; i < MEASURED_PROMPTS && status == STATUS_OK; i++) {
        Problem problem;
        task_instance_eval_problem(task, 0, i, &problem);
        status   = pose(task, &problem, &prompt, error);
        longest  = prompt.count > longest ? prompt.count : longest;
        shortest = prompt.count < shortest ? prompt.count : shortest;
    }
    task_prompt_free(&prompt);
    if (status != STATUS_OK) {
        error_prefix(error, "the model's tokenizer cannot write a %s problem", task->kind->kind);
        return status;
    }
    task->prompt_tokens = longest == shortest ? longest : longest + PROMPT_SLACK;
    return STATUS_OK;
}

/* --- problems ------------------------------------------------------------------- */

void task_instance_draw(const TaskInstance *task, uint64_t seed, uint32_t step, uint32_t index, uint32_t per_step,
                        Problem *problem)
{
    Random random = random_stream(seed, RANDOM_TASK, step, index);
    (void)per_step;
    task->kind->draw(&task->config, problem, &random, SPLIT_TRAIN);
}

uint32_t task_instance_eval_count(const TaskInstance *task)
{
    (void)task;
    return UINT32_MAX;
}

void task_instance_eval_problem(const TaskInstance *task, uint64_t seed, uint32_t index, Problem *problem)
{
    task_eval_problem(task->kind, &task->config, seed, index, problem);
}

bool task_instance_read(const TaskInstance *task, const char *text, Problem *problem)
{
    char prompt[TASK_PROMPT_BYTES];
    return task->kind->read_prompt(text, strlen(text), problem) &&
           task->kind->prompt(problem, prompt, sizeof prompt) < sizeof prompt - 1;
}

/* --- life ------------------------------------------------------------------------ */

TaskInstance *task_instance_new(const Task *kind, const TaskConfig *values, Error *error)
{
    TaskInstance *task = calloc(1, sizeof *task);
    if (task == NULL) {
        out_of_memory(error);
        return NULL;
    }
    task->kind   = kind;
    task->config = values != NULL ? *values : kind->defaults;
    if (task_config_resolve(kind, &task->config, error) != STATUS_OK) {
        task_instance_free(task);
        return NULL;
    }
    task->prompt_tokens = task_prompt_tokens(&task->config);
    return task;
}

TaskInstance *task_instance_open(const RunTask *config, Error *error)
{
    if (config->kind == TASK_KIND_JSONL) {
        error_set(error, STATUS_BAD_INPUT,
                  "task.kind 'jsonl' comes with the math domain; use 'countdown' or 'pick-three'");
        return NULL;
    }
    const TaskConfig values = {.numbers    = config->numbers,
                               .max_number = config->max_number,
                               .max_target = config->max_target,
                               .intuition  = config->intuition};
    return task_instance_new(config->kind == TASK_KIND_COUNTDOWN ? &task_countdown : &task_pick_three, &values, error);
}

void task_instance_free(TaskInstance *task)
{
    free(task);
}
