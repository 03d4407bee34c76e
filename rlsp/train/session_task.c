#include "rlsp/train/session_task.h"

int session_task_fields(const Session *session, EventField fields[SESSION_TASK_FIELDS])
{
    static const Dataset none = {0};
    if (session->task->kind != &task_jsonl) {
        return 0;
    }
    const Dataset   *train  = session->task->train != NULL ? session->task->train : &none;
    const Dataset   *held   = session->task->held_out != NULL ? session->task->held_out : &none;
    const EventField list[] = {
        {"problems", train->count, NULL},
        {"problems_left_out", train->left_out, NULL},
        {"held_out_problems", held->count, NULL},
        {"held_out_problems_left_out", held->left_out, NULL},
        {"answers_as_text", (double)train->as_text + held->as_text, NULL},
    };
    for (int i = 0; i < SESSION_TASK_FIELDS; i++) {
        fields[i] = list[i];
    }
    return SESSION_TASK_FIELDS;
}

static void log_dataset(const Session *session, const Dataset *dataset, const char *path)
{
    if (dataset == NULL) {
        return;
    }
    events_log(session->events, "info", "%s: %u problems", path, dataset->count);
    if (dataset->left_out > 0) {
        events_log(session->events, "warning",
                   "%s: %u of %u problems are left out: their prompts are longer than task.max_prompt_tokens %u (the "
                   "first: line %u)",
                   path, dataset->left_out, dataset->left_out + dataset->count, session->config.task.max_prompt_tokens,
                   dataset->left_out_line);
    }
    if (dataset->as_text > 0) {
        events_log(session->events, "warning",
                   "%s: %u answers are of no form that the verifier reads; there only the same text is correct (the "
                   "first: line %u)",
                   path, dataset->as_text, dataset->as_text_line);
    }
}

void session_task_log(const Session *session)
{
    log_dataset(session, session->task->train, session->config.task.data);
    log_dataset(session, session->task->held_out, session->config.task.eval_data);
}

void session_task_note(const Session *session, Checkpoint *checkpoint)
{
    const TaskInstance *task = session->task;
    if (task->train != NULL) {
        checkpoint_set(checkpoint, "problems", task->train->count);
    }
    if (task->held_out != NULL) {
        checkpoint_set(checkpoint, "held_out_problems", task->held_out->count);
    }
}

static Status check_dataset(const Session *session, const Dataset *dataset, const char *number, const char *path,
                            Error *error)
{
    if (dataset == NULL || !session->resuming) {
        return STATUS_OK;
    }
    const double saved = checkpoint_get(&session->resumed, number, dataset->count);
    return saved == dataset->count
               ? STATUS_OK
               : error_set(error, STATUS_BAD_INPUT,
                           "%s: %u problems, but %.0f when this run was saved; put the file back as it was, or start a "
                           "new run",
                           path, dataset->count, saved);
}

Status session_task_check(const Session *session, Error *error)
{
    const TaskInstance *task   = session->task;
    const RunTask      *config = &session->config.task;
    const Status        status = check_dataset(session, task->train, "problems", config->data, error);
    return status == STATUS_OK ? check_dataset(session, task->held_out, "held_out_problems", config->eval_data, error)
                               : status;
}
