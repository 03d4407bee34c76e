#include "rlsp/task/instance.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/task/jsonl_prompt.h"
#include "rlsp/task/shuffle.h"

/* Orders of one seed, told apart from those of sft phases. */
enum { TRAIN_ORDER = 0x10000, EVAL_ORDER = 0x10001 };

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

/* Of any length. */
static Status pose(const TaskInstance *task, const Problem *problem, TaskPrompt *prompt, Error *error)
{
    size_t count = 0;
    task_prompt_free(prompt);
    if (task->kind == &task_jsonl) {
        return jsonl_prompt(task, problem->item, prompt, error);
    }
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

/* Nothing where it failed. */
static Status finished(Status status, TaskPrompt *prompt)
{
    if (status != STATUS_OK) {
        task_prompt_free(prompt);
    }
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
    return finished(status, prompt);
}

Status task_instance_prompt_of(const TaskInstance *task, const char *text, TaskPrompt *prompt, Error *error)
{
    const TaskItem item  = {.problem = text, .problem_length = strlen(text)};
    const bool     posed = task->kind == &task_jsonl && !jsonl_is_written_out(task, text);
    task_prompt_free(prompt);
    return finished(posed ? jsonl_prompt(task, &item, prompt, error) : task_prompt_as_it_is(task, text, prompt, error),
                    prompt);
}

static Status measure_built_in(TaskInstance *task, Error *error)
{
    TaskPrompt prompt  = {0};
    uint32_t   longest = 0, shortest = UINT32_MAX;
    Status     status = STATUS_OK;
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

Status task_instance_prepare(TaskInstance *task, const Tokenizer *tokenizer, const char *directory,
                             const char *chat_template, Error *error)
{
    task->tokenizer = tokenizer;
    if (task->kind != &task_jsonl) {
        return measure_built_in(task, error);
    }
    Status status       = jsonl_open_chat(task, directory, chat_template, error);
    task->prompt_tokens = 0;
    if (status == STATUS_OK && task->train != NULL) {
        status = jsonl_measure(task, task->train, task->settings.data, &task->prompt_tokens, error);
    }
    if (status == STATUS_OK && task->held_out != NULL) {
        status = jsonl_measure(task, task->held_out, task->settings.eval_data, &task->prompt_tokens, error);
    }
    return status;
}

/* --- problems ------------------------------------------------------------------- */

static Problem problem_of(const TaskInstance *task, const TaskItem *item)
{
    return (Problem){.item = item, .extract = &task->extract};
}

void task_instance_draw(const TaskInstance *task, uint64_t seed, uint32_t step, uint32_t index, uint32_t per_step,
                        Problem *problem)
{
    if (task->kind == &task_jsonl) {
        const uint64_t count = task->train->count, n = (uint64_t)step * per_step + index;
        *problem = problem_of(task, &task->train->items[shuffle_index(seed, TRAIN_ORDER, n / count, count, n % count)]);
        return;
    }
    Random random = random_stream(seed, RANDOM_TASK, step, index);
    *problem      = (Problem){0};
    task->kind->draw(&task->config, problem, &random, SPLIT_TRAIN);
}

uint32_t task_instance_eval_count(const TaskInstance *task)
{
    return task->kind != &task_jsonl ? UINT32_MAX : task->held_out != NULL ? task->held_out->count : 0;
}

void task_instance_eval_problem(const TaskInstance *task, uint64_t seed, uint32_t index, Problem *problem)
{
    if (task->kind == &task_jsonl) {
        const uint64_t count = task->held_out->count;
        *problem = problem_of(task, &task->held_out->items[shuffle_index(seed, EVAL_ORDER, 0, count, index)]);
        return;
    }
    *problem = (Problem){0};
    task_eval_problem(task->kind, &task->config, seed, index, problem);
}

/* The text is the item's whole prompt, as a trace shows it. */
static bool is_prompt_of(const TaskInstance *task, const TaskItem *item, const char *text)
{
    TaskPrompt prompt = {0};
    const bool same   = strstr(text, item->problem) != NULL && jsonl_prompt(task, item, &prompt, NULL) == STATUS_OK &&
                      strcmp(prompt.text, text) == 0;
    task_prompt_free(&prompt);
    return same;
}

static const TaskItem *find_item(const TaskInstance *task, const Dataset *dataset, const char *text)
{
    for (uint32_t i = 0; dataset != NULL && i < dataset->count; i++) {
        if (strcmp(dataset->items[i].problem, text) == 0 || is_prompt_of(task, &dataset->items[i], text)) {
            return &dataset->items[i];
        }
    }
    return NULL;
}

bool task_instance_read(const TaskInstance *task, const char *text, Problem *problem)
{
    if (task->kind == &task_jsonl) {
        const TaskItem *held_out = find_item(task, task->held_out, text);
        const TaskItem *item     = held_out != NULL ? held_out : find_item(task, task->train, text);
        *problem                 = problem_of(task, item);
        return item != NULL;
    }
    char prompt[TASK_PROMPT_BYTES];
    return task->kind->read_prompt(text, strlen(text), problem) &&
           task->kind->prompt(problem, prompt, sizeof prompt) < sizeof prompt - 1;
}

/* --- life ------------------------------------------------------------------------ */

static TaskInstance *allocate(const Task *kind, Error *error)
{
    TaskInstance *task = calloc(1, sizeof *task);
    if (task == NULL) {
        out_of_memory(error);
        return NULL;
    }
    task->kind      = kind;
    task->end_token = -1;
    return task;
}

TaskInstance *task_instance_new(const Task *kind, const TaskConfig *values, Error *error)
{
    TaskInstance *task = allocate(kind, error);
    if (task == NULL) {
        return NULL;
    }
    task->config = values != NULL ? *values : kind->defaults;
    if (task_config_resolve(kind, &task->config, error) != STATUS_OK) {
        task_instance_free(task);
        return NULL;
    }
    task->prompt_tokens = task_prompt_tokens(&task->config);
    return task;
}

static Dataset *open_dataset(const char *path, const RunTask *config, Status *status, Error *error)
{
    Dataset *dataset = NULL;
    if (path[0] != '\0' && *status == STATUS_OK) {
        dataset = dataset_open(path, config, error);
        *status = dataset != NULL ? STATUS_OK : error->status;
    }
    return dataset;
}

static TaskInstance *open_jsonl(const RunTask *config, Error *error)
{
    TaskInstance *task   = allocate(&task_jsonl, error);
    Status        status = STATUS_OK;
    if (task == NULL) {
        return NULL;
    }
    task->settings      = *config;
    task->extract       = (MathExtractPolicy){.choice  = config->boxes == BOXES_LAST    ? MATH_BOX_LAST
                                                         : config->boxes == BOXES_FIRST ? MATH_BOX_FIRST
                                                                                        : MATH_BOX_ONLY,
                                              .fbox    = config->fbox,
                                              .phrases = config->phrases};
    task->train         = open_dataset(config->data, config, &status, error);
    task->held_out      = open_dataset(config->eval_data, config, &status, error);
    task->prompt_tokens = config->max_prompt_tokens;
    if (status != STATUS_OK) {
        task_instance_free(task);
        return NULL;
    }
    return task;
}

TaskInstance *task_instance_open(const RunTask *config, Error *error)
{
    if (config->kind == TASK_KIND_JSONL) {
        return open_jsonl(config, error);
    }
    const TaskConfig values = {.numbers    = config->numbers,
                               .max_number = config->max_number,
                               .max_target = config->max_target,
                               .intuition  = config->intuition};
    return task_instance_new(config->kind == TASK_KIND_COUNTDOWN ? &task_countdown : &task_pick_three, &values, error);
}

void task_instance_free(TaskInstance *task)
{
    if (task != NULL) {
        dataset_free(task->train);
        dataset_free(task->held_out);
        chat_template_free(task->chat);
        free(task);
    }
}
