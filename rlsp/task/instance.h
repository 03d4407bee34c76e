/* Task instance: a task as configured, with its problems and their prompts. Training, evaluation and samples that a
 * user asks for all get their problems here, whatever the task is.
 *
 *     TaskInstance *task = task_instance_open(&config.task, &error);    // task_instance_new(&task_countdown, NULL, …)
 *     task_instance_prepare(task, tokenizer, directory, NULL, &error);  // now task->prompt_tokens is known
 *     Problem    problem;
 *     TaskPrompt prompt = {0};
 *     task_instance_draw(task, seed, step, index, per_step, &problem);  // to train on
 *     task_instance_eval_problem(task, seed, index, &problem);          // held out
 *     task_instance_prompt(task, &problem, &prompt, &error);            // prompt.text, prompt.ids
 *     task_verify(task->kind, &problem, response, length, &verdict);
 *     task_prompt_free(&prompt);
 *     task_instance_free(task);
 *
 * What is drawn depends on the arguments alone, so that a run that is resumed goes on with the same problems.
 */
#ifndef RLSP_TASK_INSTANCE_H
#define RLSP_TASK_INSTANCE_H

#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"
#include "rlsp/run/config.h"
#include "rlsp/task/dataset.h"
#include "rlsp/task/task.h"

typedef struct TaskInstance {
    const Task      *kind;
    TaskConfig       config;        /* of a built-in task, resolved                                     */
    uint32_t         prompt_tokens; /* of a prompt, at most; before it is prepared: in the task's own tokenizer */
    const Tokenizer *tokenizer;     /* NULL: not prepared yet                                           */

    /* jsonl */
    RunTask           settings;
    MathExtractPolicy extract;
    Dataset          *train, *held_out; /* NULL: none                                                   */
    ChatTemplate     *chat;             /* of the tokenizer; NULL: none, and prompts are raw            */
    int32_t           end_token;        /* that ends a turn of the chat template; -1: there is none     */
} TaskInstance;

/* A built-in task; `values` NULL: its own. NULL with *error set. */
TaskInstance *task_instance_new(const Task *kind, const TaskConfig *values, Error *error);
/* The task of a run's config; reads the files of a jsonl task. */
TaskInstance *task_instance_open(const RunTask *config, Error *error);
void          task_instance_free(TaskInstance *task); /* NULL is allowed */

/* Poses problems with this tokenizer, which has to outlive the instance. For a jsonl task `directory` is where the
 * tokenizer's chat template is looked for, or `chat_template` says which one it is (as chat_template_open takes it;
 * NULL or "": its own), and problems whose prompts are longer than task.max_prompt_tokens are left out.
 * STATUS_BAD_INPUT: it cannot write them, there is no template, or no problem is left. */
Status task_instance_prepare(TaskInstance *task, const Tokenizer *tokenizer, const char *directory,
                             const char *chat_template, Error *error);

/* Problem `index` of the `per_step` problems of a training step. Those of a dataset come in an order by the seed, a new
 * one in every epoch, each once an epoch. There are some: a jsonl task has task.data. */
void task_instance_draw(const TaskInstance *task, uint64_t seed, uint32_t step, uint32_t index, uint32_t per_step,
                        Problem *problem);

/* How many held-out problems there are; UINT32_MAX: as many as are asked for. */
uint32_t task_instance_eval_count(const TaskInstance *task);
/* Problem `index`, below that count, of the held-out problems as `seed` orders them. */
void task_instance_eval_problem(const TaskInstance *task, uint64_t seed, uint32_t index, Problem *problem);

/* The problem that a text poses, which somebody wrote by hand, or which is a whole prompt of the task; false: none of
 * this task whose answer is known. */
bool task_instance_read(const TaskInstance *task, const char *text, Problem *problem);

/* A prompt as the model gets it. */
typedef struct TaskPrompt {
    char    *text; /* with a NUL behind its `length` bytes; without tokens that the tokenizer adds */
    size_t   length;
    int32_t *ids; /* [count], never more than prompt_tokens, <bos> included */
    uint32_t count;
} TaskPrompt;

/* Fills `prompt`, all 0 or filled before, with this problem's; after an error there is nothing in it. */
Status task_instance_prompt(const TaskInstance *task, const Problem *problem, TaskPrompt *prompt, Error *error);
/* The same for any text: a built-in task takes it as it is, a jsonl task as the problem, unless it is written out
 * already, with the template's end tokens. May be longer. */
Status task_instance_prompt_of(const TaskInstance *task, const char *text, TaskPrompt *prompt, Error *error);
void   task_prompt_free(TaskPrompt *prompt);

#endif
