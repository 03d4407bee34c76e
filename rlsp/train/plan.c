#include "rlsp/train/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/lora.h"
#include "rlsp/train/kernels.h"
#include "rlsp/train/precision.h"
#include "rlsp/train/session.h"
#include "rlsp/train/session_adapter.h"

/* A plan under way: a session without a run directory, on a device that is only counted. */
typedef struct Planning {
    Session *session;
    RunPlan *plan;
    bool     evaluates;
} Planning;

/* `missing` is why something is not known, `assumed` what is taken instead. */
static void note(RunPlan *plan, const Error *missing, const char *assumed)
{
    if (plan->note_count < PLAN_NOTES) {
        snprintf(plan->notes[plan->note_count++], sizeof plan->notes[0], "%.400s: %s", missing->text, assumed);
    }
}

/* The task's own tokenizer, made where it can be read from. */
static Status open_own_tokenizer(Session *session, Error *error)
{
    char        directory[] = "/tmp/rlsp-plan-XXXXXX";
    const char *made        = mkdtemp(directory);
    if (made == NULL) {
        return error_set(error, STATUS_FAILED, "planning: cannot make a directory in /tmp");
    }
    Status status = session_build_tokenizer(session, made, error);
    if (status == STATUS_OK) {
        session->tokenizer = tokenizer_open(made, error);
        status             = session->tokenizer != NULL ? task_instance_prepare(session->task, session->tokenizer, made,
                                                                                session->config.model.chat_template, error)
                                                        : error->status;
    }
    file_remove(made, NULL);
    return status;
}

/* A jsonl task of which nothing is known but the limits. */
static Status open_unknown_task(Planning *p, const Error *missing, Error *error)
{
    RunTask task      = p->session->config.task;
    task.data[0]      = '\0';
    task.eval_data[0] = '\0';
    note(p->plan, missing, "prompts are taken to be as long as task.max_prompt_tokens");
    task_instance_free(p->session->task);
    p->session->task = task_instance_open(&task, error);
    return p->session->task != NULL ? STATUS_OK : error->status;
}

static Status open_task(Planning *p, Error *error)
{
    Session        *session = p->session;
    const RunModel *model   = &session->config.model;
    const char     *from    = model->tokenizer[0] != '\0' ? model->tokenizer : model->path;
    const bool      jsonl   = session->config.task.kind == TASK_KIND_JSONL;
    Error           missing = {0};
    session->task           = task_instance_open(&session->config.task, &missing);
    if (session->task == NULL) {
        return jsonl ? open_unknown_task(p, &missing, error) : error_set(error, missing.status, "%s", missing.text);
    }
    p->evaluates = task_instance_eval_count(session->task) > 0;
    if (strcmp(from, "task") == 0 || from[0] == '\0') {
        return open_own_tokenizer(session, error);
    }
    snprintf(session->tokenizer_directory, sizeof session->tokenizer_directory, "%s", from);
    session->tokenizer = tokenizer_open(from, &missing);
    Status status      = session->tokenizer != NULL
                             ? task_instance_prepare(session->task, session->tokenizer, from, model->chat_template, &missing)
                             : missing.status;
    if (status != STATUS_OK && jsonl) {
        tokenizer_free(session->tokenizer);
        session->tokenizer = NULL;
        return open_unknown_task(p, &missing, error);
    }
    return status == STATUS_OK ? status : error_set(error, status, "%s", missing.text);
}

static Status open_policy(Planning *p, Error *error)
{
    Session           *session = p->session;
    const RunConfig   *config  = &session->config;
    const bool         shared  = config->model.critic == CRITIC_SHARED;
    const WeightFormat weights =
        config->adapter.kind == ADAPTER_LORA ? (WeightFormat)config->model.weights : WEIGHT_F32;
    if (config->model.path[0] != '\0') {
        session->policy = model_load_frozen(session->gpu, config->model.path, shared, weights, error);
        if (session->policy == NULL) {
            error_prefix(error, "model.path");
        }
    } else {
        const ModelConfig model = session_init_config(session);
        session->policy         = model_new(session->gpu, &model, shared, error);
        if (session->policy != NULL && weights != WEIGHT_F32 &&
            weights != WEIGHTS_AS_STORED) { /* made in f32, then read again */
            model_free(session->policy);
            session->policy = model_shape(session->gpu, &model, shared, weights, error);
        }
    }
    const ComputeType compute = precision_compute(config->precision, gpu_info(session->gpu));
    Status status = session->policy != NULL ? model_set_compute(session->policy, compute, error) : error->status;
    if (status == STATUS_OK && config->adapter.kind == ADAPTER_LORA) {
        status = session_adapter_open(session, error);
    }
    if (status == STATUS_OK) {
        const Model *policy    = session->policy;
        session->stops.ids[0]  = (int32_t)policy->config.eos_token_ids[0]; /* any will do */
        session->stops.count   = 1;
        p->plan->compute       = compute;
        p->plan->parameters    = model_parameter_count(policy);
        p->plan->trained       = policy->lora != NULL ? lora_parameter_count(policy->lora) : p->plan->parameters;
        p->plan->prompt_tokens = session->task->prompt_tokens;
    }
    return status;
}

/* Says so if the device refuses, or may not give, what is to be one buffer. A CPU device gives what the machine has. */
static void note_allocation(const Session *session, RunPlan *plan)
{
    const GpuInfo *info  = &plan->device;
    Error          large = {0};
    const char    *name;
    const uint64_t bytes = gpu_memory_largest(session->gpu, &name);
    if (bytes > info->max_buffer_bytes) {
        error_set(&large, STATUS_OUT_OF_MEMORY, "%s: a buffer of %.2f GiB, and the device's have at most %.2f GiB",
                  name, (double)bytes / 1073741824.0, (double)info->max_buffer_bytes / 1073741824.0);
        note(plan, &large, "it is refused; a frozen base (adapter.kind lora, model.weights) is smaller buffers");
    } else if (bytes > info->max_allocation_bytes && !info->tier.sparse_memory && info->type != GPU_CPU) {
        error_set(&large, STATUS_OUT_OF_MEMORY, "%s: %.2f GiB at once, of which the device promises %.2f GiB", name,
                  (double)bytes / 1073741824.0, (double)info->max_allocation_bytes / 1073741824.0);
        note(plan, &large, "it may refuse; a frozen base (adapter.kind lora, model.weights) is smaller buffers");
    }
}

static Status plan_stages(Planning *p, Error *error)
{
    Session         *session = p->session;
    const RunConfig *config  = &session->config;
    Status           status  = STATUS_OK;
    p->evaluates             = p->evaluates && config->eval.problems > 0;
    for (uint32_t i = 0; i < config->stage_count && status == STATUS_OK; i++) {
        const uint64_t before = gpu_memory_peak(session->gpu);
        status                = config->stages[i] == STAGE_SFT ? sft_plan(session, p->evaluates, error)
                                                               : rl_plan(session, p->evaluates, error);
        if (gpu_memory_peak(session->gpu) > before) {
            p->plan->stage = config->stages[i];
        }
    }
    return status;
}

/* Checkpoints of a stage; 0: not known. */
static uint32_t checkpoints_of(const RunConfig *config, RunStage stage)
{
    uint64_t steps = stage == STAGE_RL ? config->rl.steps : 0;
    for (uint32_t i = 0; stage == STAGE_SFT && i < config->sft.phase_count; i++) {
        if (config->sft.phases[i].epochs > 0) {
            return 0;
        }
        steps += config->sft.phases[i].steps;
    }
    const uint64_t every = config->checkpoint.every, count = every > 0 ? (steps + every - 1) / every : 1;
    return count < UINT32_MAX / 4 ? (uint32_t)count : 0;
}

/* What session_checkpoint, run_dir_prune and the reference policy of RL (rl.c) leave on the disk. */
static void count_disk(const RunConfig *config, RunPlan *plan)
{
    enum { BEST = 1, BEING_WRITTEN = 1 };
    const uint64_t model = 4 * plan->trained, learnt = 3 * model; /* weights, and two moments of each */
    bool           rl = false, known = true;
    uint32_t       all = 0;
    for (uint32_t i = 0; i < config->stage_count; i++) {
        const uint32_t count = checkpoints_of(config, config->stages[i]);
        rl                   = rl || config->stages[i] == STAGE_RL;
        known                = known && count > 0;
        all += count;
    }
    const bool     critic  = rl && config->rl.advantage == ADVANTAGE_GAE && config->model.critic == CRITIC_SEPARATE;
    const uint64_t most    = (uint64_t)config->checkpoint.keep + BEST + BEING_WRITTEN;
    plan->checkpoint_bytes = critic ? 2 * learnt : learnt;
    plan->checkpoints      = known ? all : 0;
    if (config->checkpoint.keep > 0 && (!known || most < all)) {
        plan->checkpoints = (uint32_t)most;
    }
    plan->disk_bytes = plan->checkpoint_bytes * (plan->checkpoints > 0 ? plan->checkpoints : 1) + (rl ? model : 0);
}

Status run_plan(const RunConfig *config, const GpuInfo *info, RunPlan *plan, Error *error)
{
    Session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "planning: out of host memory");
    }
    *plan           = (RunPlan){.device = *info};
    Planning p      = {.session = session, .plan = plan, .evaluates = config->task.kind == TASK_KIND_JSONL};
    session->config = *config;
    /* Judges take no memory of the device, and need not be there. */
    if (config->reward.explore.kind == EXPLORE_KIND_JUDGE) {
        session->config.reward.explore.kind = EXPLORE_KIND_NONE;
    }
    session->config.reward.remote.mode = REMOTE_KIND_NONE;
    session->gpu                       = gpu_open_dry(info, error);
    if (session->gpu != NULL) {
        kernels_recall(session->gpu, config->kernels);
    }
    session->stream = session->gpu != NULL ? gpu_stream_new(session->gpu, error) : NULL;
    Status status   = session->stream != NULL ? open_task(&p, error) : error->status;
    status          = status == STATUS_OK ? open_policy(&p, error) : status;
    status          = status == STATUS_OK ? plan_stages(&p, error) : status;
    if (status == STATUS_OK) {
        plan->peak_bytes = gpu_memory_peak(session->gpu);
        note_allocation(session, plan);
        plan->row_count = gpu_memory_rows(session->gpu, plan->rows, GPU_MEMORY_ROWS);
        count_disk(config, plan);
    }
    session_close(session);
    return status;
}

uint64_t run_plan_available(const RunPlan *plan)
{
    return plan->device.memory_free_bytes > 0 ? plan->device.memory_free_bytes : plan->device.memory_bytes;
}
