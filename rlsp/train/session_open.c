/* Opening and closing a run. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/io/file.h"
#include "rlsp/train/kernels.h"
#include "rlsp/train/precision.h"
#include "rlsp/train/rollout_item.h"
#include "rlsp/train/rollout_said.h"
#include "rlsp/train/session_control.h"
#include "rlsp/train/session_parts.h"
#include "rlsp/train/session_task.h"
#include "rlsp/version.h"

Status session_out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "starting a run: out of host memory");
}

static Status open_task(Session *session, Error *error)
{
    session->task = task_instance_open(&session->config.task, error);
    return session->task != NULL ? STATUS_OK : error->status;
}

/* What the later stages want, before the first one has taken its time. */
static Status check_stages(const Session *session, Error *error)
{
    const RunConfig *config = &session->config;
    bool             rl     = false;
    for (uint32_t i = 0; i < config->stage_count; i++) {
        rl = rl || config->stages[i] == STAGE_RL;
    }
    const uint32_t context = session->policy->config.max_positions, prompt = session->task->prompt_tokens;
    const uint32_t eval_new = config->eval.problems == 0 || task_instance_eval_count(session->task) == 0 ? 0
                              : config->eval.max_new_tokens > 0 ? config->eval.max_new_tokens
                                                                : config->rl.max_new_tokens;
    if (rl && (uint64_t)prompt + config->rl.max_new_tokens > context) {
        return error_set(error, STATUS_BAD_INPUT,
                         "rl.max_new_tokens %u and a prompt of %u tokens are more than the model's context of %u",
                         config->rl.max_new_tokens, prompt, context);
    }
    if ((uint64_t)prompt + eval_new > context) {
        return error_set(error, STATUS_BAD_INPUT,
                         "eval.max_new_tokens %u and a prompt of %u tokens are more than the model's context of %u",
                         eval_new, prompt, context);
    }
    const RewardConfig reward = reward_from_config(&config->reward);
    const Status       status = rl ? reward_config_check(&reward, error) : STATUS_OK;
    return rl && status == STATUS_OK ? rollout_said_check(config, error) : status;
}

static Status open_run(Session *session, Error *error)
{
    const SessionOptions *options = &session->options;
    if (options->resume == NULL) {
        session->config = *options->config;
        session->run    = run_dir_create(options->out, &session->config, error);
        session->events = session->run != NULL ? events_open(options->out, NULL, error) : NULL;
        return session->events != NULL ? STATUS_OK : error->status;
    }
    session->run = run_dir_open(options->resume, true, error);
    if (session->run == NULL || run_dir_config(session->run, NULL, 0, &session->config, error) != STATUS_OK) {
        return error->status;
    }
    uint64_t      steps[1];
    EventsOffsets start = {0};
    if (run_dir_list(session->run, steps, 1) > 0) {
        const char *path = run_dir_mark_path(session->run, "last", error);
        if (path == NULL || checkpoint_read(path, &session->resumed, error) != STATUS_OK) {
            return error->status;
        }
        snprintf(session->checkpoint_path, sizeof session->checkpoint_path, "%s", path);
        session->resuming = true;
        session->step     = session->resumed.step;
        start             = session->resumed.offsets;
    }
    session->events = events_open(options->resume, &start, error);
    return session->events != NULL ? STATUS_OK : error->status;
}

static void say_kernels(void *user, const char *line)
{
    Session *session = user;
    events_log(session->events, "info", "%s", line);
    if (session->options.say != NULL) {
        session->options.say(session->options.user, line);
    }
}

/* The device, with the kernels that the run began with or begins with. */
static Status open_device(Session *session, Error *error)
{
    const SessionOptions *options = &session->options;
    const char           *device  = options->device != NULL ? options->device : session->config.device;
    session->gpu =
        gpu_open(&(GpuOptions){.select = device, .validate = options->validate, .profile = options->profile}, error);
    if (session->gpu == NULL) {
        return error->status;
    }
    char                 record[SESSION_PATH_SIZE];
    const KernelsOptions kernels = {.mode    = session->config.kernels,
                                    .compute = precision_compute(session->config.precision, gpu_info(session->gpu)),
                                    .record  = session_inside(record, run_dir_path(session->run), "kernels.json"),
                                    .resumed = options->resume != NULL,
                                    .say     = say_kernels,
                                    .user    = session};
    const Status         status  = kernels_prepare(session->gpu, &kernels, error);
    gpu_on_work(session->gpu, session_tell, session);
    session->stream = status == STATUS_OK ? gpu_stream_new(session->gpu, error) : NULL;
    return session->stream != NULL ? STATUS_OK : error->status;
}

static Status open_all(Session *session, Error *error)
{
    Status status = open_run(session, error);
    status        = status == STATUS_OK ? open_task(session, error) : status;
    status        = status == STATUS_OK ? session_open_tokenizer(session, error) : status;
    status        = status == STATUS_OK ? session_task_check(session, error) : status;
    status        = status == STATUS_OK ? open_device(session, error) : status;
    session_doing(session, true, "loading the model");
    status = status == STATUS_OK ? session_open_policy(session, error) : status;
    session_doing(session, true, "%s", "");
    return status == STATUS_OK ? check_stages(session, error) : status;
}

static uint64_t trained_parameters(const Model *model)
{
    const uint64_t head = model->value_head ? model->config.hidden_size + 1 : 0;
    return model->lora != NULL ? lora_parameter_count(model->lora) + head : model_parameter_count(model);
}

/* A new run that could not be opened (no such device, no such model) leaves its directory as it found it: empty. */
static void discard_new_run(const char *directory)
{
    static const char *const names[] = {"tokenizer",    "base",    "checkpoints",  "events.jsonl",
                                        "traces.jsonl", "log.txt", "kernels.json", "config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[SESSION_PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        file_remove(path, NULL);
    }
}

Session *session_open(const SessionOptions *options, Error *error)
{
    Session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        session_out_of_memory(error);
        return NULL;
    }
    session->options       = *options;
    session->best_accuracy = -1.0;
    if (open_all(session, error) != STATUS_OK) {
        if (options->resume == NULL && session->run != NULL) {
            discard_new_run(options->out);
        }
        session_close(session);
        return NULL;
    }
    const GpuInfo *info = gpu_info(session->gpu);
    events_log(session->events, "info", "rlsp %s on device %d: %s (%s), %s", rlsp_version, info->index, info->name,
               info->driver, gpu_type_name(info->type));
    if (!session->resuming) {
        enum { MODEL_FIELDS = 9 };
        EventField fields[MODEL_FIELDS + SESSION_TASK_FIELDS] = {
            {"format", EVENTS_FORMAT, NULL},
            {"name", 0, session->config.name},
            {"parameters", (double)model_parameter_count(session->policy), NULL},
            {"trained_parameters", (double)trained_parameters(session->policy), NULL},
            {"vocab_size", session->policy->config.vocab_size, NULL},
            {"precision", 0, compute_type_name(session->policy->config.compute)},
            {"time_device", 0, info->name},
            {"time_device_memory_bytes", (double)info->memory_bytes, NULL},
            {"time_driver", 0, info->driver}};
        const int count = MODEL_FIELDS + session_task_fields(session, fields + MODEL_FIELDS);
        if (session_emit(session, "run_start", fields, count, error) != STATUS_OK) {
            session_close(session);
            return NULL;
        }
        session_task_log(session);
    } else {
        events_log(session->events, "info", "going on from step %llu", (unsigned long long)session->step);
    }
    return session;
}

void session_close(Session *session)
{
    if (session == NULL) {
        return;
    }
    session_close_decoder(session);
    learner_free(session->critic_learner);
    learner_free(session->learner);
    model_free(session->critic);
    model_free(session->policy);
    model_free(session->base);
    gpu_stream_free(session->stream);
    gpu_close(session->gpu);
    task_instance_free(session->task);
    tokenizer_free(session->tokenizer);
    events_close(session->events);
    run_dir_close(session->run);
    session_forget_wishes(session);
    free(session);
}
