/* Checkpoints of a run. */
#include "rlsp/train/session_adapter.h"
#include "rlsp/train/session_control.h"
#include "rlsp/train/session_parts.h"
#include "rlsp/train/session_task.h"

/* The whole model, or its adapter. */
static Status save_model(const Session *session, const Model *model, const char *directory, Error *error)
{
    return session->base != NULL ? session_adapter_save(session, model, directory, error)
                                 : model_save(model, directory, DTYPE_F32, error);
}

static Status write_checkpoint(Session *session, const char *directory, Error *error)
{
    char   path[SESSION_PATH_SIZE];
    Status status = save_model(session, session->policy, directory, error);
    status        = status == STATUS_OK ? session_copy_tokenizer(session, directory, error) : status;
    if (status == STATUS_OK && session->learner != NULL) {
        status = learner_save(session->learner, session_inside(path, directory, "optimizer.safetensors"), error);
    }
    if (status == STATUS_OK && session->critic != NULL) {
        status = save_model(session, session->critic, session_inside(path, directory, "critic"), error);
    }
    if (status == STATUS_OK && session->critic_learner != NULL) {
        status = learner_save(session->critic_learner, session_inside(path, directory, "critic_optimizer.safetensors"),
                              error);
    }
    return status;
}

/* The event of a checkpoint that is due belongs to the run, before the offsets; that of another comes after them. */
static Status note_checkpoint(Session *session, const SessionPlace *place, SessionSave why, EventsOffsets *offsets,
                              Error *error)
{
    const EventField fields[] = {
        {"stage", 0, run_stage_name(place->stage)}, {"stage_step", place->stage_step, NULL}, {"asked", 1, NULL}};
    Status status = why == SAVE_DUE ? session_emit(session, "checkpoint", fields, 2, error) : STATUS_OK;
    status        = status == STATUS_OK ? events_sync(session->events, offsets, error) : status;
    if (status == STATUS_OK && why == SAVE_BEFORE_EVALUATION) {
        *offsets = session->before_evaluation;
    }
    return status == STATUS_OK && why != SAVE_DUE ? session_emit(session, "checkpoint", fields, 3, error) : status;
}

Status session_checkpoint(Session *session, const SessionPlace *place, SessionSave why, Error *error)
{
    Checkpoint checkpoint = {
        .step = session->step, .stage = place->stage, .phase = place->phase, .stage_step = place->stage_step};
    const char *directory = run_dir_checkpoint_begin(session->run, session->step, error);
    if (directory == NULL) {
        return error->status;
    }
    session_doing(session, true, "saving the checkpoint of step %llu", (unsigned long long)session->step);
    Status status = write_checkpoint(session, directory, error);
    session_doing(session, true, "%s", "");
    status = status == STATUS_OK ? note_checkpoint(session, place, why, &checkpoint.offsets, error) : status;
    checkpoint_set(&checkpoint, "best_accuracy", session->best_accuracy);
    checkpoint_set(&checkpoint, "best_step", (double)session->best_step);
    checkpoint_set(&checkpoint, "kl_coef", session->kl_coef);
    session_task_note(session, &checkpoint);
    if (place->stage == STAGE_SFT && session->sft_data.lines > 0) {
        checkpoint_set(&checkpoint, "sft_lines", (double)session->sft_data.lines);
        checkpoint_set(&checkpoint, "sft_place", (double)session->sft_data.place);
        checkpoint_set(&checkpoint, "sft_place_step", session->sft_data.place_step);
    }
    if (why == SAVE_BEFORE_EVALUATION) {
        checkpoint_set(&checkpoint, "evaluation_due", 1.0);
    }
    if (status != STATUS_OK) {
        run_dir_checkpoint_abort(session->run);
        return status;
    }
    status              = run_dir_checkpoint_commit(session->run, &checkpoint, error);
    session->saved      = session->saved || status == STATUS_OK;
    session->saved_step = status == STATUS_OK ? session->step : session->saved_step;
    return status == STATUS_OK ? run_dir_prune(session->run, session->config.checkpoint.keep, error) : status;
}
